//! A function process is killed or frozen.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use redis_endpoint::WhileHeld;

use super::environment::{Instance, Operation};
use super::run::Run;

/// Kills one process after another with SIGKILL, and replaces each.
pub(super) async fn kill(run: &Run) -> Result<()> {
    let (environment, started) = (&run.environment, Instant::now());
    let variables = environment.variables();
    for instance in environment.instances.iter().cycle() {
        if started.elapsed() > environment.fault_duration() {
            break;
        }
        instance.restart(&variables).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Freezes one process of each function that has two, like the platform freezes an idle
/// instance. Session records written meanwhile reach Redis after the thaw, and must not
/// restore sessions that others have ended.
pub(super) async fn freeze(run: &Run) -> Result<()> {
    let environment = &run.environment;
    let both =
        [Operation::Check, Operation::Book].map(|operation| environment.instance(operation, 0));
    let both: Vec<&Instance> = both.into_iter().flatten().collect();
    let is_record = |command: &[String]| matches!(command, [name, key, ..] if name == "SET" && key.starts_with("session:"));
    let redis = &environment.testbed.redis.endpoint;
    let late = redis.hold_all(is_record, WhileHeld::Acknowledge);
    for instance in &both {
        instance.signal("STOP").await?;
    }
    // Longer than the statement timeout of 15 s, unless the drill is short.
    tokio::time::sleep(environment.fault_duration() * 2).await;
    for instance in &both {
        instance.signal("CONT").await?;
    }
    let held = late.commands().len();
    late.release().await;
    ensure!(held > 0, "no write reached Redis late");
    Ok(())
}
