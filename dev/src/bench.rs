//! `cargo dev bench`: measures the functions and compares them with other session stores.
//!
//! Most figures are ratios to something measured in the same run on the same machine.
//! The functions run in the [`testbed`](crate::testbed), [`peers`] are the other stores,
//! and each module measures some rows of the table.

mod allocations;
mod booking;
mod cross_app;
mod footprint;
mod install;
mod large_studio;
mod many_sessions;
mod peers;
mod pgbench;
mod redis_outage;
mod row;
mod session_check;
mod sign_in;
mod sign_in_burst;
mod year_of_data;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sabor_testing::environment;
use sabor_testing::progress::status;

use self::peers::Peers;
use self::row::Row;
use crate::report;
use crate::terminal::print;
use crate::testbed::{Testbed, function};

/// The maximum number of Postgres connections. It is enough for all functions that run
/// concurrently.
const MAX_CONNECTIONS: u16 = 300;

/// Options of `cargo dev bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Measure for a shorter time, with fewer rows in the database
    #[arg(long)]
    quick: bool,
    /// Measure only this row. Can be repeated
    #[arg(long, value_name = "ROW")]
    only: Vec<Measurement>,
    /// Where to write the results [default: .sabor/bench/DATE.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A measurement, which results in one or more rows.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    SessionCheck,
    WithoutRedis,
    RoundTrips,
    Allocations,
    ColdStart,
    Memory,
    SignIn,
    Operations,
    UnknownAccount,
    Refresh,
    CrossApp,
    Archive,
    Flood,
    RedisDead,
    ManySessions,
    CleanUp,
    HitRatio,
    Scale,
    Booking,
    Schedule,
    Queries,
}

impl Measurement {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Takes the measurement.
    async fn measure(self, testbed: &Testbed, peers: &Peers) -> Result<Vec<Row>> {
        match self {
            Self::SessionCheck => session_check::measure_throughput(testbed, peers).await,
            Self::WithoutRedis => session_check::compare_with_pgbench(testbed).await,
            Self::RoundTrips => session_check::count_round_trips(testbed).await,
            Self::Allocations => allocations::measure(testbed).await,
            Self::ColdStart => footprint::measure_cold_start(testbed, peers).await,
            Self::Memory => footprint::measure_memory_and_size(testbed, peers).await,
            Self::SignIn => sign_in::compare_with_hashing(testbed).await,
            Self::Operations => sign_in::measure_operations(testbed).await,
            Self::UnknownAccount => sign_in::compare_with_unknown_account(testbed).await,
            Self::Refresh => sign_in::measure_refresh(testbed).await,
            Self::CrossApp => cross_app::measure_issue_and_redeem(testbed).await,
            Self::Archive => cross_app::measure_archive(testbed).await,
            Self::Flood => sign_in_burst::measure(testbed).await,
            Self::RedisDead => redis_outage::compare_session_checks(testbed).await,
            Self::ManySessions => many_sessions::compare_session_checks(testbed).await,
            Self::CleanUp => many_sessions::measure_clean_up(testbed).await,
            Self::HitRatio => session_check::measure_hit_ratio(testbed).await,
            Self::Scale => large_studio::measure(testbed).await,
            Self::Booking => booking::compare_methods(testbed).await,
            Self::Schedule => year_of_data::measure_schedule(testbed).await,
            Self::Queries => year_of_data::measure_queries(testbed).await,
        }
    }
}

/// Measures, prints the table and writes the results.
pub(crate) async fn run(options: Options) -> Result<()> {
    if cfg!(debug_assertions) {
        return run_in_release();
    }
    function::build().await?;
    let testbed = Testbed::start(options.quick, MAX_CONNECTIONS).await?;
    let peers = Peers::default();
    let all = Measurement::value_variants().iter().copied();
    let mut rows = Vec::new();
    for measurement in
        all.filter(|measurement| options.only.is_empty() || options.only.contains(measurement))
    {
        status(&format!("Measuring {} …", measurement.name()));
        match measurement.measure(&testbed, &peers).await {
            Ok(measured) => rows.extend(measured),
            // A failed measurement does not discard the others.
            Err(error) => rows.push(Row::not_measured(measurement.name(), &format!("{error:#}"))),
        }
    }
    testbed.stop().await?;
    row::print_table(&rows);
    let path = options
        .json
        .unwrap_or_else(|| report::default_path("bench"));
    report::write(&rows, options.quick, &path)?;
    print(&format!("\nWrote the results to {}.", path.display()));
    Ok(())
}

/// Builds the benchmark in the release profile and runs it. An unoptimized load
/// generator would be the bottleneck.
fn run_in_release() -> Result<()> {
    status("Building the benchmark in the release profile …");
    let build_status = Command::new("cargo")
        .args(["build", "--release", "--package", "sabor-dev"])
        .current_dir(environment::repository())
        .status()
        .context("cannot run cargo")?;
    if !build_status.success() {
        bail!("the benchmark failed to build");
    }
    let executable = std::env::current_exe()?;
    let target = executable
        .ancestors()
        .nth(2)
        .context("the target directory was not found")?;
    let mut command = Command::new(target.join("release/sabor-dev"));
    command.args(std::env::args_os().skip(1));
    // Replaces this process, so that signals such as Ctrl-C reach the new one.
    Err(command.exec()).context("cannot start the benchmark")
}
