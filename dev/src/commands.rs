//! What a person types after `cargo dev`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use sabor_testing::progress::status;
use sabor_testing::{environment, postgres};
use tokio::process::Command as Program;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::lock_file::{Holder, LockFile};
use crate::stack::{self, Stack};
use crate::terminal::print;
use crate::{bench, database, demo, drill, fuzz, openapi, schemathesis, statistics};

/// Brings the whole product up on this machine: Postgres, Redis, migrations,
/// demo data, all functions and the site on one port. Ctrl-C stops it; the
/// data stay. Run it again after a change: it rebuilds from the files that deploy.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The site's port, and no other [default: 3000, or the next that is free]
    #[arg(long)]
    port: Option<u16>,
    /// Replace a .env that you wrote yourself (kept as .sabor/env.before)
    #[arg(long)]
    write_env: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Empty the local data; refused while the stack runs
    Reset,
    /// Apply the migrations that are pending, or take some back
    Migrate {
        /// Take back the last N, and what their tables hold
        #[arg(long, value_name = "N")]
        down: Option<usize>,
        /// On the database that POSTGRES_URL_NON_POOLING or
        /// DATABASE_URL_UNPOOLED names, not on the local one
        #[arg(long)]
        deployment: bool,
    },
    /// Add what there would be after a while; works while the stack runs
    Seed {
        /// A year of a busy studio: 5 000 members, 100 000 bookings
        #[arg(long, required = true)]
        year: bool,
    },
    /// The first administrator, who is not made over HTTP
    #[command(subcommand)]
    Admin(Admin),
    /// Partner applications, to which members go on without signing in again: a
    /// deployment's when POSTGRES_URL_NON_POOLING or DATABASE_URL_UNPOOLED names
    /// one, else the local ones
    #[command(subcommand)]
    App(App),
    /// Sessions, and tokens for partner applications
    #[command(subcommand)]
    Sessions(Sessions),
    /// Open psql on the local database
    Psql {
        /// Passed on to psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write public/openapi.json
    Openapi,
    /// Measure what the functions cost, against what else one could take
    Bench(bench::Options),
    /// Ask everything that public/openapi.json describes, as a visitor, a member
    /// and an administrator, whether it is so
    Schemathesis(schemathesis::Options),
    /// Try what reads bytes from outside with inputs that nobody has tried yet
    Fuzz(fuzz::Options),
    /// Break what the functions stand on, under load, and look whether anything
    /// that was confirmed is lost
    Drill(drill::Options),
}

#[derive(Subcommand)]
enum Admin {
    /// Make an account an administrator's: a deployment's when
    /// POSTGRES_URL_NON_POOLING or DATABASE_URL_UNPOOLED names one, else a local one
    Grant {
        /// The address that the account signs in with
        email: String,
    },
}

#[derive(Subcommand)]
enum App {
    /// Enter an application, and show its secret this once
    Add {
        /// Lower-case letters, digits and hyphens
        name: String,
        /// Where a browser may take a token, such as https://shop.example; may
        /// be given more than once
        #[arg(long = "origin", required = true, value_name = "ORIGIN")]
        origins: Vec<String>,
        /// Let a token be validated again while it lasts
        #[arg(long)]
        reusable: bool,
    },
    /// Make another secret, and show it this once; the previous one stays good
    Rotate {
        /// As it was entered
        name: String,
        /// End all others at once, as when one has leaked, or two are good already
        #[arg(long)]
        end_previous: bool,
    },
}

#[derive(Subcommand)]
enum Sessions {
    /// How many there are, by day and state, and how Postgres fares with them: of
    /// a deployment when POSTGRES_URL_NON_POOLING or DATABASE_URL_UNPOOLED names
    /// one, else of the local database
    Stats,
}

/// Does what the command line says.
#[must_use]
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    status(&format!("cargo dev: {error:#}"));
    ExitCode::FAILURE
}

async fn dispatch(arguments: Arguments) -> Result<()> {
    match arguments.command {
        None => up(arguments.port, arguments.write_env).await,
        Some(Command::Reset) => reset().await,
        Some(Command::Migrate { down, deployment }) => migrate(down, deployment).await,
        Some(Command::Seed { year: _ }) => seed_year().await,
        Some(Command::Admin(Admin::Grant { email })) => {
            let grant = async |url: &str| database::grant_admin(url, &email).await;
            on_either("cargo dev admin grant", grant).await
        }
        Some(Command::App(change)) => {
            on_either("cargo dev app", async |url| match change {
                App::Add {
                    name,
                    origins,
                    reusable,
                } => database::add_app(url, &name, origins, !reusable).await,
                App::Rotate { name, end_previous } => {
                    database::rotate_app(url, &name, end_previous).await
                }
            })
            .await
        }
        Some(Command::Sessions(Sessions::Stats)) => {
            on_either("cargo dev sessions", statistics::show).await
        }
        Some(Command::Psql { arguments }) => psql(&arguments).await,
        Some(Command::Openapi) => {
            print(&openapi::write()?);
            Ok(())
        }
        Some(Command::Bench(options)) => unless_asked_to_end(bench::run(options)).await,
        Some(Command::Fuzz(options)) => unless_asked_to_end(fuzz::run(options)).await,
        Some(Command::Schemathesis(options)) => {
            unless_asked_to_end(schemathesis::run(options)).await
        }
        Some(Command::Drill(options)) => unless_asked_to_end(drill::run(options)).await,
    }
}

/// Does what takes long; what it has started ends with us.
async fn unless_asked_to_end(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut end = End::listen()?;
    tokio::select! {
        done = work => done,
        () = end.asked() => bail!("stopped before the end"),
    }
}

async fn up(port: Option<u16>, write_env: bool) -> Result<()> {
    let mut end = End::listen()?;
    let stack = tokio::select! {
        stack = Stack::start(port, write_env) => stack?,
        // What has been started so far ends with us.
        () = end.asked() => return Ok(()),
    };
    welcome(&stack);
    stack.serve(end.asked()).await
}

fn welcome(stack: &Stack) {
    let url = &stack.url;
    print(&format!(
        "\nSabor is up: {url} (Redis: {})\n",
        stack.redis.behind
    ));
    for account in &demo::ACCOUNTS {
        print(&format!("  {:<17} {}", account.email, account.role));
    }
    let password = demo::PASSWORD;
    print(&format!(
        "  {:<17} needs no database",
        sabor::identity::demo::EMAIL
    ));
    print(&format!("  all with the password {password}"));
    let (app, secret) = (demo::cross_app::APP, demo::cross_app::SECRET);
    print(&format!("  {app:<17} partner application, with the secret"));
    print(&format!("                    {secret}\n"));
    print(&format!(
        "  curl {url}/api/auth/login -H 'content-type: application/json' \\"
    ));
    let email = demo::ACCOUNTS[0].email;
    print(&format!(
        "    -d '{{\"email\":\"{email}\",\"password\":\"{password}\"}}'\n"
    ));
    print("Ctrl-C stops it; the data stay. `cargo dev --help` tells what else there is.");
}

async fn reset() -> Result<()> {
    let _lock_file = LockFile::take("cargo dev reset")?;
    postgres::remove_data(&stack::cluster_directory()).await?;
    let mail = environment::home().join("mail");
    if mail.exists() {
        fs::remove_dir_all(&mail)
            .with_context(|| format!("{} cannot be removed", mail.display()))?;
    }
    print("The local data are gone; `cargo dev` begins with new ones.");
    Ok(())
}

async fn migrate(down: Option<usize>, deployment: bool) -> Result<()> {
    match (deployment, database::deployment()) {
        (true, Some(url)) => print(&database::migrate(&url, down).await?),
        (true, None) => bail!("--deployment: set {} first", database::DIRECT.join(" or ")),
        (false, exported) => {
            if exported.is_some() {
                status("This is about the local database; --deployment makes it about the other.");
            }
            let local = Local::open("cargo dev migrate").await?;
            let done = database::migrate(&local.url, down).await;
            local.close().await?;
            print(&done?);
        }
    }
    Ok(())
}

/// Does something with the deployment's database when there is one in the
/// environment, else with the local one; says what was done.
async fn on_either(command: &str, work: impl AsyncFnOnce(&str) -> Result<String>) -> Result<()> {
    if let Some(url) = database::deployment() {
        print(&work(&url).await?);
        return Ok(());
    }
    let local = Local::open(command).await?;
    let done = async {
        // A cluster that was made for this command has no tables yet.
        database::migrate(&local.url, None).await?;
        work(&local.url).await
    };
    let done = done.await;
    local.close().await?;
    print(&done?);
    Ok(())
}

async fn seed_year() -> Result<()> {
    let local = Local::open("cargo dev seed").await?;
    let seeded = async {
        database::migrate(&local.url, None).await?;
        let studio = database::config(&local.url)?.studio;
        let mut client = database::connect(&local.url).await?;
        demo::add(&mut client, &studio).await?;
        status("Adding a year of a busy studio …");
        demo::year::add(&mut client, &studio).await
    };
    let seeded = seeded.await;
    local.close().await?;
    seeded?;
    print("The local database holds a year of a busy studio.");
    Ok(())
}

async fn psql(arguments: &[String]) -> Result<()> {
    let local = Local::open("cargo dev psql").await?;
    let config: tokio_postgres::Config = local.url.parse()?;
    let password = config.get_password().unwrap_or_default();
    // Ctrl-C in psql cuts a statement off; it must not end us before psql.
    let _end = End::listen()?;
    let status = Program::new("psql")
        .args(arguments)
        // By variables, for every user can read a command line.
        .env("PGHOST", "127.0.0.1")
        .env(
            "PGPORT",
            config
                .get_ports()
                .first()
                .map(u16::to_string)
                .unwrap_or_default(),
        )
        .env("PGUSER", config.get_user().unwrap_or_default())
        .env("PGPASSWORD", String::from_utf8_lossy(password).as_ref())
        .env("PGDATABASE", config.get_dbname().unwrap_or_default())
        .status()
        .await;
    local.close().await?;
    let status = status.context(
        "psql cannot be run: install it (`apt install postgresql-client`, `brew install libpq`)",
    )?;
    if !status.success() {
        bail!("psql ended with {status}");
    }
    Ok(())
}

/// The local database: of the stack that runs, or started for one command.
struct Local {
    url: String,
    ours: Option<(postgres::Cluster, LockFile)>,
}

impl Local {
    async fn open(command: &str) -> Result<Self> {
        match LockFile::seek(command)? {
            Holder::Us(lock_file) => {
                let (cluster, url) = stack::start_cluster(&lock_file).await?;
                let ours = Some((cluster, lock_file));
                Ok(Self { url, ours })
            }
            Holder::Other(running) => match running.postgres {
                Some(url) => Ok(Self { url, ours: None }),
                None => bail!("{}", running.sentence()),
            },
        }
    }

    async fn close(self) -> Result<()> {
        match self.ours {
            Some((cluster, _lock_file)) => cluster.stop().await,
            None => Ok(()),
        }
    }
}

/// The ways in which a person, or the system, asks a program to end.
struct End {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl End {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
