//! Faults of the functions: a process is killed or frozen.

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

/// Freezes the first process of each function that runs in two processes, as the platform
/// freezes an idle instance. All session records that are written during the fault reach
/// Redis only after it. They must not restore sessions that other processes have ended.
pub(super) async fn freeze(run: &Run) -> Result<()> {
    let environment = &run.environment;
    let instances =
        [Operation::Check, Operation::Book].map(|operation| environment.instance(operation, 0));
    let instances: Vec<&Instance> = instances.into_iter().flatten().collect();
    let is_record = |command: &[String]| matches!(command, [name, key, ..] if name == "SET" && key.starts_with("session:"));
    let redis = &environment.testbed.redis.endpoint;
    let late_writes = redis.hold_all(is_record, WhileHeld::Acknowledge);
    for instance in &instances {
        instance.signal("STOP").await?;
    }
    // The pause is longer than the statement timeout of 15 s, unless the drill is short.
    tokio::time::sleep(environment.fault_duration() * 2).await;
    for instance in &instances {
        instance.signal("CONT").await?;
    }
    let count = late_writes.commands().len();
    late_writes.release().await;
    ensure!(count > 0, "no write reached Redis late");
    Ok(())
}
