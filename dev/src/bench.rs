//! `cargo dev bench`: what Sabor costs, against what else one could take.
//!
//! A figure is a ratio to something measured in the same run on the same
//! machine, except where it counts something. It is measured in the
//! [`testbed`](crate::testbed); [`peers`] are the others, the rows are in the modules named
//! after them, and [`table`] shows them.

mod accounts;
mod booking;
mod cross_app;
mod flood;
mod outage;
mod peers;
mod pgbench;
mod scale;
mod session_check;
mod start;
mod studio;
mod table;
mod volume;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sabor_testing::environment;
use sabor_testing::progress::status;

use self::peers::Peers;
use self::table::Row;
use crate::report;
use crate::terminal::print;
use crate::testbed::{Testbed, function};

/// More than all functions that are measured at once have.
const CONNECTIONS: u16 = 300;

/// How to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Shorter, and with fewer rows in the tables
    #[arg(long)]
    quick: bool,
    /// Only these rows; may be given more than once
    #[arg(long, value_name = "ROW")]
    only: Vec<Measurement>,
    /// Where to write the figures [default: .sabor/bench/<date>.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Rows that are measured together.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    SessionCheck,
    WithoutRedis,
    RoundTrips,
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
        let name = self.to_possible_value();
        name.map_or_else(String::new, |name| name.get_name().to_owned())
    }

    async fn rows(self, testbed: &Testbed, peers: &Peers) -> Result<Vec<Row>> {
        match self {
            Self::SessionCheck => session_check::throughput(testbed, peers).await,
            Self::WithoutRedis => session_check::without_redis(testbed).await,
            Self::RoundTrips => session_check::round_trips(testbed).await,
            Self::ColdStart => start::cold(testbed, peers).await,
            Self::Memory => start::memory_and_size(testbed, peers).await,
            Self::SignIn => accounts::sign_in(testbed).await,
            Self::Operations => accounts::operations(testbed).await,
            Self::UnknownAccount => accounts::unknown_account(testbed).await,
            Self::Refresh => accounts::refresh(testbed).await,
            Self::CrossApp => cross_app::issue_and_redeem(testbed).await,
            Self::Archive => cross_app::archive(testbed).await,
            Self::Flood => flood::sign_ins(testbed).await,
            Self::RedisDead => outage::redis_dead(testbed).await,
            Self::ManySessions => volume::many_sessions(testbed).await,
            Self::CleanUp => volume::clean_up(testbed).await,
            Self::HitRatio => session_check::hit_ratio(testbed).await,
            Self::Scale => scale::large(testbed).await,
            Self::Booking => booking::crowd(testbed).await,
            Self::Schedule => studio::schedule(testbed).await,
            Self::Queries => studio::queries(testbed).await,
        }
    }
}

/// Measures, prints the table and writes the figures.
pub(crate) async fn run(options: Options) -> Result<()> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    function::build().await?;
    let testbed = Testbed::open(options.quick, CONNECTIONS).await?;
    let peers = Peers::default();
    let all = Measurement::value_variants().iter().copied();
    let mut rows = Vec::new();
    for measurement in all.filter(|one| options.only.is_empty() || options.only.contains(one)) {
        status(&format!("Measuring {} …", measurement.name()));
        match measurement.rows(&testbed, &peers).await {
            Ok(measured) => rows.extend(measured),
            // What the others have shown is not lost for that.
            Err(error) => rows.push(Row::not_measured(measurement.name(), &format!("{error:#}"))),
        }
    }
    testbed.close().await?;
    table::show(&rows);
    let path = options
        .json
        .unwrap_or_else(|| report::default_path("bench"));
    report::write(&rows, options.quick, &path)?;
    print(&format!("\nThe figures are in {}.", path.display()));
    Ok(())
}

/// A load generator that is not optimised would measure itself.
fn again_in_release() -> Result<()> {
    status("Building the benchmark itself for release …");
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "sabor-dev"])
        .current_dir(environment::repository())
        .status()
        .context("cargo cannot be run")?;
    if !built.success() {
        bail!("the benchmark does not build");
    }
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(2).context("no target directory")?;
    let mut command = Command::new(target.join("release/sabor-dev"));
    command.args(std::env::args_os().skip(1));
    // Takes our place, so that Ctrl-C and the like reach it and no other.
    Err(command.exec()).context("the benchmark cannot be started")
}
