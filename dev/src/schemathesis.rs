//! `cargo dev schemathesis`: whether the functions do what `public/openapi.json`
//! says, asked by Schemathesis (from PyPI) as a visitor, a member and an
//! administrator.
//!
//! Everything is on a stack of its own, configured as a deployment is; what the
//! run leaves behind is gone with it.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, ValueEnum};
use sabor::crypto::secret::sha256_hex;
use sabor::{App, Config};
use sabor_testing::progress::{self, status};
use sabor_testing::{environment, functions};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::terminal::print;
use crate::testbed::{DATABASE, PASSWORD, Testbed};
use crate::{demo, site};

/// The same requests each time, but for what they meet in the database.
const SEED: u32 = 20_261_121;

/// Walks from answer to request; each ends where what it meets is not what it
/// met before, so that there are several, with seeds of their own.
const WALKS: u32 = 8;

/// More than the pool of the one process has.
const CONNECTIONS: u16 = 50;

/// Schemathesis, and all that it stands on, as it was when this was last tried.
const REQUIREMENTS: &str = include_str!("schemathesis/requirements.txt");
const HOOKS: &str = include_str!("schemathesis/hooks.py");
const CONFIGURATION: &str = include_str!("schemathesis/schemathesis.toml");

/// As whom to ask.
#[derive(Args)]
pub(crate) struct Options {
    /// Only as this one; may be given more than once
    #[arg(long, value_name = "ROLE")]
    role: Vec<Role>,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Visitor,
    Member,
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// What shows that it was this role which was asked for: an operation that is
    /// done for no lesser one.
    fn mark(self) -> &'static str {
        match self {
            Self::Visitor => "GET /api/classes/list",
            Self::Member => "GET /api/auth/me",
            Self::Admin => "GET /api/admin/users",
        }
    }

    /// The numbers of the laboratory's members that have it.
    fn members(self) -> std::ops::Range<usize> {
        match self {
            Self::Visitor => 0..0,
            Self::Member => 0..500,
            Self::Admin => 500..600,
        }
    }
}

/// Answers by status, by operation.
type Answers = BTreeMap<String, BTreeMap<String, u64>>;

/// Puts the description to the test, and prints what was asked and answered.
///
/// # Errors
///
/// When an answer was not as described, with what Schemathesis said of it.
pub(crate) async fn run(options: Options) -> Result<()> {
    let folder = install().await?;
    let testbed = Testbed::start(true, CONNECTIONS).await?;
    let tested = test(&testbed, &folder, options).await;
    testbed.stop().await?;
    tested
}

async fn test(testbed: &Testbed, folder: &Path, options: Options) -> Result<()> {
    let variables = testbed.function_variables(DATABASE, true);
    let owned = variables.iter();
    let owned = owned.map(|(name, value)| ((*name).to_owned(), value.clone()));
    let config = Config::read(&owned.collect())?;
    prepare(testbed, &config).await?;

    let app = App::new(config)?;
    let router = site::site(sabor::http::router(app.clone(), functions::routes()))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(functions::serve(listener, router));

    let mut all = Vec::new();
    let mut failed = Vec::new();
    let roles = Role::value_variants().iter().copied();
    for role in roles.filter(|role| options.role.is_empty() || options.role.contains(role)) {
        let what = format!("Asking as {}", role.name());
        let (answers, faults) =
            progress::show_while(&what, ask(testbed, folder, &url, role)).await?;
        let told = answers.get(role.mark());
        let known = told.is_some_and(|statuses| statuses.contains_key("200"));
        ensure!(known, "the {} was never known as one", role.name());
        if !faults.is_empty() {
            status(&faults);
            failed.push(role.name());
        }
        all.push((role, answers));
    }
    server.abort();
    app.close().await;
    show(&all);
    if !failed.is_empty() {
        bail!("not as described, asked as {}", failed.join(", as "));
    }
    Ok(())
}

/// Gives the laboratory a studio, and members their roles.
async fn prepare(testbed: &Testbed, config: &Config) -> Result<()> {
    let mut client = testbed.cluster.connect(DATABASE).await?;
    demo::add(&mut client, &config.studio).await?;
    let admins = Role::Admin.members().map(email).collect::<Vec<_>>();
    let promote = "update users set is_admin = true, is_staff = true where email = any($1)";
    client.execute(promote, &[&admins]).await?;
    Ok(())
}

fn email(number: usize) -> String {
    format!("member{number}@example.com")
}

/// Asks as one role; returns what was answered, and what was not as described.
async fn ask(testbed: &Testbed, folder: &Path, url: &str, role: Role) -> Result<(Answers, String)> {
    let (mut answers, mut faults) = (Answers::new(), String::new());
    let walks = (1..=WALKS).map(|number| ("stateful", SEED + number));
    for (phases, seed) in [("examples,coverage,fuzzing", SEED)]
        .into_iter()
        .chain(walks)
    {
        let (answered, said) = run_once(testbed, folder, url, role, phases, seed).await?;
        for (operation, statuses) in answered {
            let all = answers.entry(operation).or_default();
            for (status, count) in statuses {
                *all.entry(status).or_default() += count;
            }
        }
        faults.extend(said);
    }
    Ok((answers, faults))
}

/// Runs Schemathesis; returns what was answered, and what it said of answers
/// that were not as described.
async fn run_once(
    testbed: &Testbed,
    folder: &Path,
    url: &str,
    role: Role,
    phases: &str,
    seed: u32,
) -> Result<(Answers, Option<String>)> {
    let answers = folder.join("answers.json");
    let partner = [demo::cross_app::APP, demo::cross_app::SECRET].join(":");
    let settings = json!({
        "url": url,
        "origin": testbed.origin(),
        "accounts": role.members().map(email).collect::<Vec<_>>(),
        "password": PASSWORD,
        "isAdmin": role == Role::Admin,
        "partner": format!("Basic {}", BASE64.encode(partner)),
        "cron": testbed.cron_bearer(),
        "seed": seed,
        "answers": answers,
    });
    let said = Command::new(folder.join("bin/schemathesis"))
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(environment::repository().join("public/openapi.json"))
        .args(["--url", url, "--phases", phases, "--no-color"])
        .args(["--seed", &seed.to_string()])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", folder)
        .env("SABOR_SCHEMATHESIS", settings.to_string())
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("Schemathesis cannot be run")?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let answered = fs::read(&answers).with_context(|| {
        let output = String::from_utf8_lossy(&said.stderr).into_owned();
        format!("Schemathesis did not begin: {text}{output}")
    })?;
    fs::remove_file(&answers)?;
    let failed = !said.status.success();
    Ok((serde_json::from_slice(&answered)?, failed.then_some(text)))
}

fn show(all: &[(Role, Answers)]) {
    let heads = ["role", "operations", "requests", "2xx", "3xx", "4xx", "5xx"];
    let mut lines = vec![heads.map(str::to_owned)];
    let mut never: Vec<&str> = Vec::new();
    for (role, answers) in all {
        let count = |class: &str| {
            let statuses = answers.values().flatten();
            let counts = statuses.filter(|(status, _)| status.starts_with(class));
            counts.map(|(_, count)| count).sum::<u64>().to_string()
        };
        let operations = answers.len().to_string();
        let counts = ["", "2", "3", "4", "5"].map(count);
        let [all, ok, on, refused, failed] = counts;
        lines.push([
            role.name().to_owned(),
            operations,
            all,
            ok,
            on,
            refused,
            failed,
        ]);
    }
    crate::terminal::table(&lines, |column| column > 0);
    for operation in all.iter().flat_map(|(_, answers)| answers.keys()) {
        let done = all.iter().any(|(_, answers)| {
            let statuses = answers.get(operation).into_iter().flatten();
            statuses
                .into_iter()
                .any(|(status, _)| status.starts_with(['2', '3']))
        });
        if !done && !never.contains(&operation.as_str()) {
            never.push(operation);
        }
    }
    if !never.is_empty() {
        print(&format!("\nRefused each time: {}", never.join(", ")));
    }
}

/// The folder with Schemathesis and what it reads; installs it once.
async fn install() -> Result<PathBuf> {
    let version = &sha256_hex(REQUIREMENTS.as_bytes())[..12];
    let folder = environment::home().join(format!("schemathesis-{version}"));
    if !folder.join("bin/schemathesis").exists() {
        let what = "Fetching Schemathesis from PyPI, once";
        progress::show_while(what, fetch(&folder)).await?;
    }
    fs::write(folder.join("hooks.py"), HOOKS)?;
    fs::write(folder.join("schemathesis.toml"), CONFIGURATION)?;
    Ok(folder)
}

async fn fetch(folder: &Path) -> Result<()> {
    let wanted = folder.with_extension("txt");
    fs::write(&wanted, REQUIREMENTS)?;
    python(Path::new("python3"), &["-m", "venv", "--clear"], folder).await?;
    let interpreter = folder.join("bin/python");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--requirement",
    ];
    python(&interpreter, &install, &wanted).await
}

async fn python(interpreter: &Path, arguments: &[&str], path: &Path) -> Result<()> {
    let done = Command::new(interpreter)
        .args(arguments)
        .arg(path)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("python3 cannot be run: install it, with venv")?;
    if !done.status.success() {
        let output = String::from_utf8_lossy(&done.stderr).into_owned();
        bail!("Schemathesis could not be installed: {}", output.trim());
    }
    Ok(())
}
