//! The command line of `cargo dev`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use sabor_testing::progress::status;
use sabor_testing::{environment, postgres};
use tokio::process::Command as Program;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::lock_file::{Lock, LockFile, StackInfo};
use crate::stack::{self, Stack, StackOptions};
use crate::terminal::{confirm, print};
use crate::{
    bench, clients, cost, database, demo, drill, fuzz, openapi, schemathesis, session_stats,
};

/// Starts the whole product on this machine: Postgres, Redis, migrations, demo data,
/// and all functions and the site on one port. Ctrl-C stops it and keeps the data.
/// Run it again after a change to rebuild.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    stack: StackOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Delete the local data. Refused while the stack runs
    Reset {
        /// Start over with an empty studio: one administrator and no demo data
        #[arg(long)]
        empty: bool,
    },
    /// Apply the pending migrations, or revert some
    Migrate {
        /// Revert the last N migrations. The data in their tables is lost. Shows first how
        /// many rows are lost. On a deployment's database, also asks for confirmation
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        down: Option<u16>,
        /// Revert without asking
        #[arg(long, requires = "down")]
        yes: bool,
        /// Use the database in POSTGRES_URL_NON_POOLING or DATABASE_URL_UNPOOLED
        /// instead of the local one
        #[arg(long)]
        deployment: bool,
    },
    /// Add more demo data. Works while the stack runs
    Seed {
        /// A year of a busy studio: 5 000 members, 100 000 bookings
        #[arg(long, required = true)]
        year: bool,
    },
    /// Manage administrators. The first one cannot be created over HTTP
    #[command(subcommand)]
    Admin(Admin),
    /// Manage partner applications, which members can use without signing in again. Uses
    /// the database in POSTGRES_URL_NON_POOLING or DATABASE_URL_UNPOOLED if one is set,
    /// otherwise the local one
    #[command(subcommand)]
    App(App),
    /// Inspect sessions and tokens for partner applications
    #[command(subcommand)]
    Sessions(Sessions),
    /// Open psql on the local database
    Psql {
        /// Arguments for psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write site/public/openapi.json
    Openapi,
    /// Measure the functions, and compare them with other session stores
    Bench(bench::Options),
    /// Print what a studio pays the platforms in a month, by the figures of the last benchmark
    Cost(cost::Options),
    /// Test every operation in site/public/openapi.json with Schemathesis, as a visitor, a
    /// member and an administrator
    Schemathesis(schemathesis::Options),
    /// Generate a TypeScript and a Python client from site/public/openapi.json, and book a class
    /// with each
    Clients,
    /// Run the property tests of all parsers with new random inputs
    Fuzz(fuzz::Options),
    /// Break Postgres, Redis or the functions under load, and check that no confirmed
    /// change is lost
    Drill(drill::Options),
}

#[derive(Subcommand)]
enum Admin {
    /// Make an account an administrator. Uses the database in POSTGRES_URL_NON_POOLING
    /// or DATABASE_URL_UNPOOLED if one is set, otherwise the local one
    Grant {
        /// The account's e-mail address
        email: String,
    },
}

#[derive(Subcommand)]
enum App {
    /// Add an application, and show its secret once
    Add {
        /// Lower-case letters, digits and hyphens
        name: String,
        /// An origin that may receive a token, such as `https://shop.example`. Can
        /// be repeated
        #[arg(long = "origin", required = true, value_name = "ORIGIN")]
        origins: Vec<String>,
        /// Allow a token to be validated more than once before it expires
        #[arg(long)]
        reusable: bool,
    },
    /// Create a new secret, and show it once. The previous one stays valid
    Rotate {
        /// The application's name
        name: String,
        /// Revoke all other secrets immediately. Use it if a secret has leaked or if two are
        /// valid already
        #[arg(long)]
        end_previous: bool,
    },
}

#[derive(Subcommand)]
enum Sessions {
    /// Show counts by day and state, and statistics of the tables. Uses the database
    /// in POSTGRES_URL_NON_POOLING or DATABASE_URL_UNPOOLED if one is set, otherwise
    /// the local one
    Stats,
}

/// Parses the command line and runs the command.
#[must_use]
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report_failure(&error.into()),
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_failure(&error),
    }
}

fn report_failure(error: &anyhow::Error) -> ExitCode {
    status(&format!("cargo dev: {error:#}"));
    ExitCode::FAILURE
}

async fn dispatch(arguments: Arguments) -> Result<()> {
    match arguments.command {
        None => start_stack(arguments.stack).await,
        Some(Command::Reset { empty }) => reset(empty).await,
        Some(Command::Migrate {
            down,
            yes,
            deployment,
        }) => migrate(down.map(usize::from), yes, deployment).await,
        Some(Command::Seed { year: _ }) => seed_year().await,
        Some(Command::Admin(Admin::Grant { email })) => {
            let grant = async |url: &str| database::grant_admin(url, &email).await;
            on_deployment_or_local("cargo dev admin grant", grant).await
        }
        Some(Command::App(change)) => {
            on_deployment_or_local("cargo dev app", async |url| match change {
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
            on_deployment_or_local("cargo dev sessions", session_stats::show).await
        }
        Some(Command::Psql { arguments }) => psql(&arguments).await,
        Some(Command::Openapi) => {
            print(&openapi::write()?);
            Ok(())
        }
        Some(Command::Bench(options)) => until_stopped(bench::run(options)).await,
        Some(Command::Cost(options)) => cost::run(&options),
        Some(Command::Clients) => until_stopped(clients::run()).await,
        Some(Command::Fuzz(options)) => until_stopped(fuzz::run(options)).await,
        Some(Command::Schemathesis(options)) => until_stopped(schemathesis::run(options)).await,
        Some(Command::Drill(options)) => until_stopped(drill::run(options)).await,
    }
}

/// Runs a long command until it ends or a signal stops it. The processes that it started
/// end with this process.
async fn until_stopped(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        result = work => result,
        () = signals.received() => bail!("stopped before it finished"),
    }
}

async fn start_stack(options: StackOptions) -> Result<()> {
    let mut signals = StopSignals::listen()?;
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        // The processes that were started so far end with this process.
        () = signals.received() => return Ok(()),
    };
    print_welcome(&stack);
    stack.serve(signals.received()).await
}

fn print_welcome(stack: &Stack) {
    let url = &stack.url;
    print(&format!(
        "\nSabor is up: {url} (Redis: {})\n",
        stack.redis.storage
    ));
    for account in demo::accounts(stack.is_empty_studio) {
        print(&format!("  {:<17} {}", account.email, account.role));
    }
    let password = demo::PASSWORD;
    print(&format!(
        "  {:<17} works without a database",
        sabor::identity::demo::EMAIL
    ));
    print(&format!("  The password of all accounts is: {password}"));
    print(&format!("  E-mails           {url}/dev/mail"));
    if stack.is_empty_studio {
        print("  The studio is empty. `cargo dev reset` brings the demo data back.\n");
    } else {
        let (app, secret) = (demo::cross_app::APP, demo::cross_app::SECRET);
        print(&format!("  {app:<17} partner application with the secret"));
        print(&format!("                    {secret}\n"));
    }
    print(&format!(
        "  curl {url}/api/auth/login -H 'content-type: application/json' \\"
    ));
    let email = demo::accounts(stack.is_empty_studio)[0].email;
    print(&format!(
        "    -d '{{\"email\":\"{email}\",\"password\":\"{password}\"}}'\n"
    ));
    print("Ctrl-C stops the stack and keeps the data. `cargo dev --help` lists more commands.");
}

async fn reset(empty: bool) -> Result<()> {
    let lock_file = LockFile::acquire("cargo dev reset")?;
    postgres::remove_data(&stack::cluster_directory()).await?;
    let mail = environment::home().join("mail");
    if mail.exists() {
        fs::remove_dir_all(&mail).with_context(|| format!("cannot remove {}", mail.display()))?;
    }
    demo::set_empty_studio(empty)?;
    if !empty {
        print("The local data is deleted. `cargo dev` creates new data.");
        return Ok(());
    }
    let (cluster, url) = stack::start_cluster(&lock_file).await?;
    let adding = async {
        database::migrate(&url, None).await?;
        let studio = database::config(&url)?.studio;
        let mut client = database::connect(&url).await?;
        demo::add(&mut client, &studio, true).await
    };
    let added = adding.await;
    cluster.stop().await?;
    added?;
    let (email, password) = (demo::accounts(true)[0].email, demo::PASSWORD);
    print(&format!(
        "The local data is deleted. `cargo dev` starts an empty studio. Its administrator is \
         {email}, with the password {password}."
    ));
    Ok(())
}

async fn migrate(down: Option<usize>, yes: bool, deployment: bool) -> Result<()> {
    match (deployment, database::deployment_url()?) {
        (true, Some(url)) => {
            if let Some(count) = down {
                print(&database::preview_down(&url, count).await?);
                if !yes {
                    confirm("This is the database of a deployment.")?;
                }
            }
            print(&database::migrate(&url, down).await?);
        }
        (true, None) => bail!(
            "--deployment needs {} in the environment",
            database::DIRECT_URL_VARIABLES.join(" or ")
        ),
        (false, deployment_url) => {
            if deployment_url.is_some() {
                status(
                    "Using the local database. --deployment selects the one in the environment.",
                );
            }
            let local = LocalDatabase::open("cargo dev migrate").await?;
            let result = migrate_local(&local, down).await;
            local.close().await?;
            print(&result?);
        }
    }
    Ok(())
}

/// Migrates the local database. If the stack is running, also invalidates the cached responses
/// and, unless migrations are reverted, adds the demo data that is missing.
async fn migrate_local(local: &LocalDatabase, down: Option<usize>) -> Result<String> {
    if let Some(count) = down {
        print(&database::preview_down(&local.url, count).await?);
    }
    let message = database::migrate(&local.url, down).await?;
    if let Some(running) = &local.running_stack {
        if down.is_none() {
            let studio = database::config(&local.url)?.studio;
            let mut client = database::connect(&local.url).await?;
            demo::add(&mut client, &studio, demo::is_empty_studio()).await?;
        }
        stack::invalidate_cached_responses(running).await?;
    }
    Ok(message)
}

/// Runs `work` on the deployment's database if the environment names one. Otherwise migrates
/// the local database and runs `work` on it. Prints the message that `work` returns.
async fn on_deployment_or_local(
    command: &str,
    work: impl AsyncFnOnce(&str) -> Result<String>,
) -> Result<()> {
    if let Some(url) = database::deployment_url()? {
        print(&work(&url).await?);
        return Ok(());
    }
    let local = LocalDatabase::open(command).await?;
    let result = async {
        // A cluster that was just created has no tables yet.
        database::migrate(&local.url, None).await?;
        work(&local.url).await
    };
    let result = result.await;
    local.close().await?;
    print(&result?);
    Ok(())
}

async fn seed_year() -> Result<()> {
    let local = LocalDatabase::open("cargo dev seed").await?;
    let seeding = async {
        database::migrate(&local.url, None).await?;
        let studio = database::config(&local.url)?.studio;
        let mut client = database::connect(&local.url).await?;
        demo::add(&mut client, &studio, false).await?;
        status("Adding a year of a busy studio …");
        demo::year::add(&mut client, &studio).await
    };
    let seeded = seeding.await;
    local.close().await?;
    seeded?;
    print("Added a year of a busy studio to the local database.");
    Ok(())
}

async fn psql(arguments: &[String]) -> Result<()> {
    let local = LocalDatabase::open("cargo dev psql").await?;
    let config: tokio_postgres::Config = local.url.parse()?;
    let password = config.get_password().unwrap_or_default();
    // Ctrl-C in psql cancels a statement. It must not end this process.
    let _signals = StopSignals::listen()?;
    let status = Program::new("psql")
        .args(arguments)
        // Passed in variables, because every user can read the arguments of a process.
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
        "cannot run psql. Install it (`apt install postgresql-client` or `brew install libpq`)",
    )?;
    if !status.success() {
        bail!("psql ended with {status}");
    }
    Ok(())
}

/// The local database. It belongs to the running stack, or was started for one command.
struct LocalDatabase {
    url: String,
    /// The cluster that was started for this command, with its lock.
    started_cluster: Option<(postgres::Cluster, LockFile)>,
    /// The running stack that owns the database.
    running_stack: Option<StackInfo>,
}

impl LocalDatabase {
    async fn open(command: &str) -> Result<Self> {
        match LockFile::try_acquire(command)? {
            Lock::Acquired(lock_file) => {
                let (cluster, url) = stack::start_cluster(&lock_file).await?;
                let started_cluster = Some((cluster, lock_file));
                Ok(Self {
                    url,
                    started_cluster,
                    running_stack: None,
                })
            }
            Lock::HeldBy(running) => match running.postgres.clone() {
                Some(url) => Ok(Self {
                    url,
                    started_cluster: None,
                    running_stack: Some(running),
                }),
                None => bail!("{}", running.message()),
            },
        }
    }

    async fn close(self) -> Result<()> {
        match self.started_cluster {
            Some((cluster, _lock_file)) => cluster.stop().await,
            None => Ok(()),
        }
    }
}

/// The signals that ask a program to stop.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
