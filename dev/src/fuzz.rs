//! `cargo dev fuzz`: the properties of what reads bytes from outside, with inputs
//! that nobody has tried yet.
//!
//! They stand beside what they are of, in modules named `properties`, and run in
//! `cargo test` as well: with a few inputs, always the same. Here each has a
//! share of the time, and in every round a new seed.

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

use crate::terminal::print;

/// The crates that read bytes from outside, and where each stands.
const CRATES: [(&str, &str); 2] = [
    ("sabor", "lib"),
    ("upstash-redis-rs", "lib/upstash-redis-rs"),
];

/// What one round may have, whatever its share; then another seed is due.
const MOST_CASES: u32 = 1_000_000;

/// So many inputs tell how fast a property is.
const FIRST_CASES: u32 = 256;

/// How much longer than expected a round may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to look.
#[derive(Args)]
pub(crate) struct Options {
    /// Two minutes in all, beside building
    #[arg(long, conflicts_with = "minutes")]
    short: bool,
    /// So many minutes in all, beside building
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Only properties with this in their name; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Tries every property, and prints what was found.
pub(crate) async fn run(options: Options) -> Result<()> {
    let mut properties = properties().await?;
    let is_wanted =
        |name: &str| options.only.is_empty() || options.only.iter().any(|part| name.contains(part));
    properties.retain(|property| is_wanted(&property.name));
    if properties.is_empty() {
        bail!("there is no property of that name");
    }
    let minutes = if options.short { 2 } else { options.minutes };
    let workers = available_parallelism().map_or(1, usize::from);
    let share = Duration::from_secs(60).mul_f64(f64::from(minutes) * workers as f64)
        / u32::try_from(properties.len())?;
    let (count, seconds) = (properties.len(), share.as_secs_f64());
    status(&format!(
        "{count} properties, {seconds:.1} s for each, {workers} at a time …"
    ));
    let mut rows = try_all(properties, share, workers).await?;
    rows.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    show(&rows)
}

async fn try_all(
    properties: Vec<Property>,
    share: Duration,
    workers: usize,
) -> Result<Vec<(Property, Tried)>> {
    let mut waiting = properties.into_iter();
    let mut running = JoinSet::new();
    let mut rows = Vec::new();
    loop {
        for property in waiting.by_ref().take(workers - running.len()) {
            running.spawn(async move {
                let tried = property.run_for(share).await?;
                anyhow::Ok((property, tried))
            });
        }
        let Some(ended) = running.join_next().await else {
            return Ok(rows);
        };
        let (property, tried) = ended??;
        let found = tried.found.as_ref().map_or("", |_| ", and one that fails");
        status(&format!(
            "  {}: {} cases{found}",
            property.name, tried.cases
        ));
        rows.push((property, tried));
    }
}

/// One test that says what holds whatever comes.
struct Property {
    name: String,
    package: &'static str,
    folder: PathBuf,
    executable: PathBuf,
}

/// What has come of one.
#[derive(Default)]
struct Tried {
    /// Inputs of which it held; those of the round that failed are not counted.
    cases: u64,
    took: Duration,
    found: Option<Found>,
}

struct Found {
    seed: u64,
    cases: u32,
    /// The smallest input of which it does not hold, and what else the test said.
    report: String,
}

/// What cargo says of something that it has built.
#[derive(Deserialize)]
struct Built {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the tests of all crates, as fast as what deploys but for checks that
/// catch more, and lists their properties.
async fn properties() -> Result<Vec<Property>> {
    status("Building the properties …");
    let built = Command::new("cargo")
        .args(["test", "--no-run", "--profile", "fuzz", "--lib"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(CRATES.iter().flat_map(|(name, _)| ["--package", name]))
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .current_dir(environment::repository())
        .output();
    let built = built.await.context("cargo cannot be run")?;
    if !built.status.success() {
        bail!("the properties do not build");
    }
    let told = String::from_utf8_lossy(&built.stdout).into_owned();
    let mut properties = Vec::new();
    for (package, folder) in CRATES {
        let ours = |built: &Built| built.target.name == package.replace('-', "_");
        let executable = told
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(ours)
            .find_map(|built| built.executable)
            .with_context(|| format!("cargo names no tests of {package}"))?;
        properties.extend(properties_of(package, folder, executable).await?);
    }
    Ok(properties)
}

async fn properties_of(
    package: &'static str,
    folder: &str,
    executable: PathBuf,
) -> Result<Vec<Property>> {
    let listed = Command::new(&executable)
        .args(["--list", "--format", "terse"])
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(listed.status.success(), "{package} does not list its tests");
    let folder = environment::repository().join(folder);
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
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
    /// Rounds of inputs, each of another seed, until time is up or one fails.
    async fn run_for(&self, share: Duration) -> Result<Tried> {
        let mut tried = Tried::default();
        let mut cases = FIRST_CASES;
        let started = Instant::now();
        loop {
            let seed = u64::from_le_bytes(random::bytes());
            let left = share.saturating_sub(started.elapsed());
            let begun = Instant::now();
            tried.found = self.round(seed, cases, left).await?;
            let took = begun.elapsed();
            tried.took = started.elapsed();
            if tried.found.is_some() {
                return Ok(tried);
            }
            tried.cases += u64::from(cases);
            let left = share.saturating_sub(tried.took);
            if left.is_zero() {
                return Ok(tried);
            }
            cases = next_round(cases, took, left);
        }
    }

    /// `None` when it held of all of them: a test that ends well has run as many
    /// as it was told to.
    async fn round(&self, seed: u64, cases: u32, expected: Duration) -> Result<Option<Found>> {
        let ran = Command::new(&self.executable)
            .args(["--exact", &self.name, "--nocapture"])
            .env("PROPTEST_CASES", cases.to_string())
            .env("PROPTEST_RNG_SEED", seed.to_string())
            // Inputs that a property is not about are not counted, however many.
            .env("PROPTEST_MAX_GLOBAL_REJECTS", u32::MAX.to_string())
            .env("RUST_BACKTRACE", "0")
            .current_dir(&self.folder)
            .kill_on_drop(true)
            .output();
        let report = match timeout(expected + PATIENCE, ran).await {
            Ok(output) => {
                let output = output?;
                if output.status.success() {
                    return Ok(None);
                }
                failure(&String::from_utf8_lossy(&output.stderr))
            }
            Err(_) => "does not come to an end".to_owned(),
        };
        Ok(Some(Found {
            seed,
            cases,
            report,
        }))
    }

    fn repeated(&self, found: &Found) -> String {
        format!(
            "PROPTEST_RNG_SEED={} PROPTEST_CASES={} cargo test --package {} --lib -- --exact {}",
            found.seed, found.cases, self.package, self.name
        )
    }
}

/// As many as fit into what is left, and at most ten times as many as before:
/// what was measured on a few says little of many.
fn next_round(cases: u32, took: Duration, left: Duration) -> u32 {
    let fitting = f64::from(cases) * left.as_secs_f64() / took.as_secs_f64().max(0.001);
    let bound = MOST_CASES.min(cases.saturating_mul(10));
    (fitting as u32).clamp(1, bound)
}

/// What a test said of its failure, without what is the same of each.
fn failure(output: &str) -> String {
    let lines = output.lines().map(str::trim_end);
    let said = lines
        .skip_while(|line| !line.starts_with("Test failed: ") && !line.contains("panicked at"))
        .take_while(|line| !line.starts_with("\tsuccesses: "));
    let told: Vec<_> = said.collect();
    match told.is_empty() {
        true => "failed without saying why".to_owned(),
        false => told.join("\n"),
    }
}

/// Prints the rows under one another, and below them what was found.
fn show(rows: &[(Property, Tried)]) -> Result<()> {
    let heads = ["property", "cases", "seconds", "found"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(heads)
        .chain(rows.iter().map(|(property, tried)| cells(property, tried)))
        .collect();
    crate::terminal::table(&lines, |column| column == 1 || column == 2);
    let cases: u64 = rows.iter().map(|(_, tried)| tried.cases).sum();
    print(&format!("\n{} properties, {cases} cases.", rows.len()));
    let mut failed = 0;
    for (property, tried) in rows {
        if let Some(found) = &tried.found {
            failed += 1;
            print(&format!("\n{}\n{}", property.name, found.report));
            print(&format!("Again: {}", property.repeated(found)));
        }
    }
    match failed {
        0 => Ok(()),
        some => bail!("{some} of the properties do not hold"),
    }
}

fn cells(property: &Property, tried: &Tried) -> [String; 4] {
    let found = match &tried.found {
        None => "nothing",
        Some(_) => "SEE BELOW",
    };
    [
        property.name.replace("properties::", ""),
        tried.cases.to_string(),
        format!("{:.1}", tried.took.as_secs_f64()),
        found.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_fills_what_is_left_and_grows_step_by_step() {
        let second = Duration::from_secs(1);
        assert_eq!(next_round(256, second, second * 4), 1_024);
        assert_eq!(next_round(256, second, second * 60), 2_560);
        assert_eq!(next_round(256, second * 9, second / 1_000), 1);
        assert_eq!(next_round(u32::MAX, Duration::ZERO, second), MOST_CASES);
    }

    #[test]
    fn of_a_failure_the_input_is_told_and_nothing_around_it() {
        let output = "running 1 test\nproptest: Saving this\n\nthread 'x' panicked at x.rs:1:2:\n\
            Test failed: left.\nminimal failing input: told = \"a\"\n\tsuccesses: 3\nnote: run with";
        let told = failure(output);
        assert!(told.starts_with("thread 'x' panicked"), "{told}");
        assert!(told.ends_with("told = \"a\""), "{told}");
    }
}
