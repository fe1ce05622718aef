//! The allocations of a session check, counted in the function's own executable.

use std::fs;

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;

use super::install;
use super::row::{Row, Unit};
use crate::testbed::load::Load;
use crate::testbed::server::START_TIMEOUT;
use crate::testbed::{DATABASE, Testbed, function};

/// The files of the counter, by name.
const FILES: [(&str, &str); 2] = [
    ("Cargo.toml", include_str!("allocations/Cargo.toml")),
    ("lib.rs", include_str!("allocations/lib.rs")),
];

/// The counter, in its folder.
const LIBRARY: &str = "target/release/libcount_allocations.so";

/// The number of connections of the load.
const CONNECTIONS: usize = 16;

const SESSION_CHECK_PATH: &str = "/api/auth/session";

/// Counts the allocations of a session check from Redis: the difference between a process that
/// has served some checks and one that has served more. Works on Linux only.
pub(super) async fn measure(testbed: &Testbed) -> Result<Vec<Row>> {
    const FEW: usize = 500;
    const MANY: usize = 4_500;
    let library = install::build_crate("allocations", &FILES).await?;
    let library = library.join(LIBRARY).display().to_string();
    let difference = count_with_checks(testbed, &library, MANY).await?
        - count_with_checks(testbed, &library, FEW).await?;
    let per_check = difference / (MANY - FEW) as f64;
    let label = "allocations of a session check";
    Ok(vec![
        Row::at_most(label, per_check, Unit::Count, 95.0)
            .detail(format!("{CONNECTIONS} connections")),
    ])
}

/// Returns the number of allocations of a process that serves this many checks.
async fn count_with_checks(testbed: &Testbed, library: &str, checks: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("count");
    let mut variables = testbed.function_variables(DATABASE, true);
    variables.push(("LD_PRELOAD", library.to_owned()));
    variables.push(("ALLOCATION_COUNT_FILE", file.display().to_string()));
    let mut server = function::start(SESSION_CHECK_PATH, &variables).await?;
    let calls = testbed.warm_checks()?;
    testbed.warm_up(&server, &calls).await?;
    let calls = calls.into_iter().cycle().take(checks).collect();
    let load = Load::once(server.address, calls).connections(CONNECTIONS);
    load.run().await?;
    server.signal("TERM").await?;
    let status = timeout(START_TIMEOUT, server.process().wait()).await;
    let status = status.context("the function did not end")??;
    ensure!(status.success(), "the function ended with {status}");
    let count = fs::read_to_string(&file).context("the allocations were not counted")?;
    Ok(count.parse()?)
}
