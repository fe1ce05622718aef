//! `cargo dev fuzz`: runs the property tests of all parsers with new random inputs.
//!
//! The property tests are in modules named `properties` next to the code. `cargo test`
//! runs them with a few fixed inputs. This command divides the time among them, and each
//! round has a new seed.

use std::path::PathBuf;
use std::process::Stdio;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sabor::crypto::random;
use sabor_testing::environment;
use sabor_testing::progress::status;
use serde::Deserialize;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::terminal::{self, print};

/// The crates with property tests, and their folders.
const CRATES: [(&str, &str); 2] = [
    ("sabor", "lib"),
    ("upstash-redis-rs", "lib/upstash-redis-rs"),
];

/// The maximum number of inputs in a round. The next round uses another seed.
const MAX_CASES: u32 = 1_000_000;

/// The number of inputs in the first round, which shows how fast a property is.
const FIRST_CASES: u32 = 256;

/// How much longer than expected a round may take before it counts as an endless loop.
const OVERTIME: Duration = Duration::from_secs(60);

/// Options of `cargo dev fuzz`.
#[derive(Args)]
pub(crate) struct Options {
    /// Run for two minutes in total, plus building
    #[arg(long, conflicts_with = "minutes")]
    short: bool,
    /// Minutes to run in total, plus building
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Run only properties whose name contains this. Can be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Runs every property, and prints the results.
pub(crate) async fn run(options: Options) -> Result<()> {
    let mut properties = find_properties().await?;
    let is_selected =
        |name: &str| options.only.is_empty() || options.only.iter().any(|part| name.contains(part));
    properties.retain(|property| is_selected(&property.name));
    if properties.is_empty() {
        bail!("no property has a matching name");
    }
    let minutes = if options.short { 2 } else { options.minutes };
    let workers = available_parallelism().map_or(1, usize::from);
    let time_limit = Duration::from_secs(60).mul_f64(f64::from(minutes) * workers as f64)
        / u32::try_from(properties.len())?;
    let (count, seconds) = (properties.len(), time_limit.as_secs_f64());
    status(&format!(
        "Properties: {count}, with {seconds:.1} s each, {workers} at a time …"
    ));
    let mut rows = run_all(properties, time_limit, workers).await?;
    rows.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    print_results(&rows)
}

async fn run_all(
    properties: Vec<Property>,
    time_limit: Duration,
    workers: usize,
) -> Result<Vec<(Property, Outcome)>> {
    let mut waiting = properties.into_iter();
    let mut running = JoinSet::new();
    let mut rows = Vec::new();
    loop {
        for property in waiting.by_ref().take(workers - running.len()) {
            running.spawn(async move {
                let outcome = property.run_for(time_limit).await?;
                anyhow::Ok((property, outcome))
            });
        }
        let Some(result) = running.join_next().await else {
            return Ok(rows);
        };
        let (property, outcome) = result??;
        let suffix = outcome
            .failure
            .as_ref()
            .map_or("", |_| ", then a round failed");
        status(&format!(
            "  {}: {} cases passed{suffix}",
            property.name, outcome.cases
        ));
        rows.push((property, outcome));
    }
}

/// A property test.
struct Property {
    name: String,
    package: &'static str,
    folder: PathBuf,
    executable: PathBuf,
}

/// The result of a property.
#[derive(Default)]
struct Outcome {
    /// The number of inputs that passed. Those of a failed round are not included.
    cases: u64,
    elapsed: Duration,
    failure: Option<Failure>,
}

/// A round that failed.
struct Failure {
    seed: u64,
    cases: u32,
    /// The smallest failing input, and the test's message.
    report: String,
}

/// A line of Cargo's output about a built artifact.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the tests of all crates in the profile `fuzz`, and lists their properties.
async fn find_properties() -> Result<Vec<Property>> {
    status("Building the properties …");
    let build = Command::new("cargo")
        .args(["test", "--no-run", "--profile", "fuzz", "--lib"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(CRATES.iter().flat_map(|(name, _)| ["--package", name]))
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .current_dir(environment::repository())
        .output();
    let output = build.await.context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the properties failed to build");
    }
    let artifacts = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut properties = Vec::new();
    for (package, folder) in CRATES {
        let belongs_to_package =
            |artifact: &Artifact| artifact.target.name == package.replace('-', "_");
        let executable = artifacts
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(belongs_to_package)
            .find_map(|artifact| artifact.executable)
            .with_context(|| format!("Cargo reported no test executable of {package}"))?;
        properties.extend(list_properties(package, folder, executable).await?);
    }
    Ok(properties)
}

async fn list_properties(
    package: &'static str,
    folder: &str,
    executable: PathBuf,
) -> Result<Vec<Property>> {
    let output = Command::new(&executable)
        .args(["--list", "--format", "terse"])
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "the tests of {package} cannot be listed"
    );
    let folder = environment::repository().join(folder);
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = names.lines().filter_map(|line| line.strip_suffix(": test"));
    let properties = names.filter(|name| name.contains("properties::"));
    Ok(properties
        .map(|name| Property {
            name: name.to_owned(),
            package,
            folder: folder.clone(),
            executable: executable.clone(),
        })
        .collect())
}

impl Property {
    /// Runs rounds with different seeds until the time is over or one fails.
    async fn run_for(&self, time_limit: Duration) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut cases = FIRST_CASES;
        let started = Instant::now();
        loop {
            let seed = u64::from_le_bytes(random::bytes());
            let remaining = time_limit.saturating_sub(started.elapsed());
            let round_start = Instant::now();
            outcome.failure = self.run_round(seed, cases, remaining).await?;
            let round_time = round_start.elapsed();
            outcome.elapsed = started.elapsed();
            if outcome.failure.is_some() {
                return Ok(outcome);
            }
            outcome.cases += u64::from(cases);
            let remaining = time_limit.saturating_sub(outcome.elapsed);
            if remaining.is_zero() {
                return Ok(outcome);
            }
            cases = next_round_size(cases, round_time, remaining);
        }
    }

    /// Runs one round. Returns `None` if the property holds for all inputs.
    async fn run_round(
        &self,
        seed: u64,
        cases: u32,
        expected: Duration,
    ) -> Result<Option<Failure>> {
        let test_run = Command::new(&self.executable)
            .args(["--exact", &self.name, "--nocapture"])
            .env("PROPTEST_CASES", cases.to_string())
            .env("PROPTEST_RNG_SEED", seed.to_string())
            // A property's assumptions may reject any number of inputs.
            .env("PROPTEST_MAX_GLOBAL_REJECTS", u32::MAX.to_string())
            .env("RUST_BACKTRACE", "0")
            .current_dir(&self.folder)
            .kill_on_drop(true)
            .output();
        let report = match timeout(expected + OVERTIME, test_run).await {
            Ok(output) => {
                let output = output?;
                if output.status.success() {
                    return Ok(None);
                }
                extract_failure(&String::from_utf8_lossy(&output.stderr))
            }
            Err(_) => "does not finish".to_owned(),
        };
        Ok(Some(Failure {
            seed,
            cases,
            report,
        }))
    }

    fn reproduce_command(&self, failure: &Failure) -> String {
        format!(
            "PROPTEST_RNG_SEED={} PROPTEST_CASES={} cargo test --package {} --lib -- --exact {}",
            failure.seed, failure.cases, self.package, self.name
        )
    }
}

/// Returns the number of inputs that fit into the remaining time. It grows at most
/// tenfold, because a small round is a poor estimate.
fn next_round_size(cases: u32, round_time: Duration, remaining: Duration) -> u32 {
    let fitting = f64::from(cases) * remaining.as_secs_f64() / round_time.as_secs_f64().max(0.001);
    let bound = MAX_CASES.min(cases.saturating_mul(10));
    (fitting as u32).clamp(1, bound)
}

/// Extracts the failure from a test's output.
fn extract_failure(output: &str) -> String {
    let lines = output.lines().map(str::trim_end);
    let lines = lines
        .skip_while(|line| !line.starts_with("Test failed: ") && !line.contains("panicked at"))
        .take_while(|line| !line.starts_with("\tsuccesses: "));
    let excerpt: Vec<_> = lines.collect();
    match excerpt.is_empty() {
        true => "failed without a message".to_owned(),
        false => excerpt.join("\n"),
    }
}

/// Prints the results as a table, and the failures below it.
fn print_results(rows: &[(Property, Outcome)]) -> Result<()> {
    let header = ["property", "cases", "seconds", "result"];
    let lines: Vec<_> = rows
        .iter()
        .map(|(property, outcome)| cells(property, outcome))
        .collect();
    terminal::print_table(&header, &lines, |column| column == 1 || column == 2);
    let cases: u64 = rows.iter().map(|(_, outcome)| outcome.cases).sum();
    print(&format!("\nProperties: {}, cases: {cases}.", rows.len()));
    let mut failed = 0;
    for (property, outcome) in rows {
        if let Some(failure) = &outcome.failure {
            failed += 1;
            print(&format!("\n{}\n{}", property.name, failure.report));
            print(&format!(
                "Reproduce with: {}",
                property.reproduce_command(failure)
            ));
        }
    }
    match failed {
        0 => Ok(()),
        count => bail!("failed properties: {count}"),
    }
}

fn cells(property: &Property, outcome: &Outcome) -> Vec<String> {
    let result = match &outcome.failure {
        None => "passed",
        Some(_) => "FAILED, see below",
    };
    vec![
        property.name.replace("properties::", ""),
        outcome.cases.to_string(),
        format!("{:.1}", outcome.elapsed.as_secs_f64()),
        result.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_fills_the_remaining_time_and_grows_step_by_step() {
        let second = Duration::from_secs(1);
        assert_eq!(next_round_size(256, second, second * 4), 1_024);
        assert_eq!(next_round_size(256, second, second * 60), 2_560);
        assert_eq!(next_round_size(256, second * 9, second / 1_000), 1);
        assert_eq!(next_round_size(u32::MAX, Duration::ZERO, second), MAX_CASES);
    }

    #[test]
    fn the_report_contains_only_the_failure_and_its_input() {
        let output = "running 1 test\nproptest: Saving this\n\nthread 'x' panicked at x.rs:1:2:\n\
            Test failed: left.\nminimal failing input: text = \"a\"\n\tsuccesses: 3\nnote: run with";
        let report = extract_failure(output);
        assert!(report.starts_with("thread 'x' panicked"), "{report}");
        assert!(report.ends_with("text = \"a\""), "{report}");
    }
}
