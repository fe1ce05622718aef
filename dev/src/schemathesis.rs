//! `cargo dev schemathesis`: tests the functions against `site/public/openapi.json` with
//! Schemathesis (from PyPI), as a visitor, a member and an administrator.
//!
//! The functions run on a temporary stack that is configured like a deployment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, ValueEnum};
use sabor_testing::environment;
use sabor_testing::progress::{self, status};
use serde_json::json;
use tokio::process::Command;

use crate::demo;
use crate::packages::install_from_pypi;
use crate::terminal::{self, print};
use crate::testbed::site::RunningSite;
use crate::testbed::{DATABASE, PASSWORD, Testbed};

/// A fixed seed, so that every run generates the same requests. Only ids and secrets
/// differ.
const SEED: u32 = 20_261_121;

/// The number of stateful runs, each with its own seed. Several are needed, because
/// Schemathesis ends a run early if a repeated request gets a different response.
const STATEFUL_RUNS: u32 = 8;

/// The maximum number of Postgres connections. It exceeds the pool of the single process.
const MAX_CONNECTIONS: u16 = 50;

/// Schemathesis and its dependencies with exact versions.
const REQUIREMENTS: &str = include_str!("schemathesis/requirements.txt");
const HOOKS: &str = include_str!("schemathesis/hooks.py");
const CONFIGURATION: &str = include_str!("schemathesis/schemathesis.toml");

/// Options of `cargo dev schemathesis`.
#[derive(Args)]
pub(crate) struct Options {
    /// Test only as this role. Can be repeated
    #[arg(long, value_name = "ROLE")]
    role: Vec<Role>,
}

/// The role of the client.
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

    /// Returns an operation that succeeds for this role and for no lower role. If it
    /// succeeds, the requests had the role.
    fn probe(self) -> &'static str {
        match self {
            Self::Visitor => "GET /api/classes/list",
            Self::Member => "GET /api/auth/me",
            Self::Admin => "GET /api/admin/users",
        }
    }

    /// Returns the numbers of the testbed's members that have the role.
    fn members(self) -> std::ops::Range<usize> {
        match self {
            Self::Visitor => 0..0,
            Self::Member => 0..500,
            Self::Admin => 500..600,
        }
    }
}

/// The number of responses by operation and status.
type Responses = BTreeMap<String, BTreeMap<String, u64>>;

/// Runs the tests, and prints the number of responses.
///
/// # Errors
///
/// Fails if a response differs from the description, after printing the report of
/// Schemathesis. Also fails if the operation that proves a role never succeeded.
pub(crate) async fn run(options: Options) -> Result<()> {
    let folder = install().await?;
    // The report only has the response to a request that has failed.
    sabor::runtime::log::start_with_errors_only();
    let testbed = Testbed::start(true, MAX_CONNECTIONS).await?;
    let result = test(&testbed, &folder, options).await;
    testbed.stop().await?;
    result
}

async fn test(testbed: &Testbed, folder: &Path, options: Options) -> Result<()> {
    promote_admins(testbed).await?;
    let site = RunningSite::start(testbed).await?;
    let mut results = Vec::new();
    let mut failed_roles = Vec::new();
    let roles = Role::value_variants().iter().copied();
    for role in roles.filter(|role| options.role.is_empty() || options.role.contains(role)) {
        let message = format!("Testing as {}", role.name());
        let (responses, failures) =
            progress::show_while(&message, test_role(testbed, folder, &site.url, role)).await?;
        let probe_statuses = responses.get(role.probe());
        let has_role = probe_statuses.is_some_and(|statuses| statuses.contains_key("200"));
        ensure!(
            has_role,
            "no request succeeded with the role {}",
            role.name()
        );
        if !failures.is_empty() {
            status(&failures);
            failed_roles.push(role.name());
        }
        results.push((role, responses));
    }
    site.stop().await;
    print_responses(&results);
    if !failed_roles.is_empty() {
        bail!(
            "responses differ from the description for: {}",
            failed_roles.join(", ")
        );
    }
    Ok(())
}

/// Gives members the role of an administrator.
async fn promote_admins(testbed: &Testbed) -> Result<()> {
    let client = testbed.cluster.connect(DATABASE).await?;
    let admins = Role::Admin.members().map(email).collect::<Vec<_>>();
    let promote = "update users set is_admin = true, is_staff = true where email = any($1)";
    client.execute(promote, &[&admins]).await?;
    Ok(())
}

fn email(number: usize) -> String {
    format!("member{number}@example.com")
}

/// Runs all phases for one role. Returns the responses and the reports of failures.
async fn test_role(
    testbed: &Testbed,
    folder: &Path,
    url: &str,
    role: Role,
) -> Result<(Responses, String)> {
    let (mut responses, mut failures) = (Responses::new(), String::new());
    let stateful_runs = (1..=STATEFUL_RUNS).map(|number| ("stateful", SEED + number));
    for (phases, seed) in [("examples,coverage,fuzzing", SEED)]
        .into_iter()
        .chain(stateful_runs)
    {
        let (run_responses, report) = run_once(testbed, folder, url, role, phases, seed).await?;
        for (operation, statuses) in run_responses {
            let totals = responses.entry(operation).or_default();
            for (status, count) in statuses {
                *totals.entry(status).or_default() += count;
            }
        }
        failures.extend(report);
    }
    Ok((responses, failures))
}

/// Runs Schemathesis once. Returns the responses, and its report if it failed.
async fn run_once(
    testbed: &Testbed,
    folder: &Path,
    url: &str,
    role: Role,
    phases: &str,
    seed: u32,
) -> Result<(Responses, Option<String>)> {
    let responses = folder.join("responses.json");
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
        "responses": responses,
    });
    let output = Command::new(folder.join("bin/schemathesis"))
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(environment::repository().join("site/public/openapi.json"))
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
        .context("cannot run Schemathesis")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let run_responses = fs::read(&responses).with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("Schemathesis did not start: {text}{errors}")
    })?;
    fs::remove_file(&responses)?;
    let failed = !output.status.success();
    Ok((
        serde_json::from_slice(&run_responses)?,
        failed.then_some(text),
    ))
}

fn print_responses(results: &[(Role, Responses)]) {
    let header = ["role", "operations", "requests", "2xx", "3xx", "4xx", "5xx"];
    let mut lines = Vec::new();
    let mut never_successful: Vec<&str> = Vec::new();
    for (role, responses) in results {
        let count = |class: &str| {
            let statuses = responses.values().flatten();
            let counts = statuses.filter(|(status, _)| status.starts_with(class));
            counts.map(|(_, count)| count).sum::<u64>().to_string()
        };
        let operations = responses.len().to_string();
        let counts = ["", "2", "3", "4", "5"].map(count);
        let [total, successes, redirects, client_errors, server_errors] = counts;
        lines.push(vec![
            role.name().to_owned(),
            operations,
            total,
            successes,
            redirects,
            client_errors,
            server_errors,
        ]);
    }
    terminal::print_table(&header, &lines, |column| column > 0);
    for operation in results.iter().flat_map(|(_, responses)| responses.keys()) {
        let has_succeeded = results.iter().any(|(_, responses)| {
            let statuses = responses.get(operation).into_iter().flatten();
            statuses
                .into_iter()
                .any(|(status, _)| status.starts_with(['2', '3']))
        });
        if !has_succeeded && !never_successful.contains(&operation.as_str()) {
            never_successful.push(operation);
        }
    }
    if !never_successful.is_empty() {
        print(&format!(
            "\nOperations that never succeeded: {}",
            never_successful.join(", ")
        ));
    }
}

/// Installs Schemathesis unless it is installed. Returns its folder.
async fn install() -> Result<PathBuf> {
    let folder = install_from_pypi("schemathesis", REQUIREMENTS).await?;
    fs::write(folder.join("hooks.py"), HOOKS)?;
    fs::write(folder.join("schemathesis.toml"), CONFIGURATION)?;
    Ok(folder)
}
