//! A process of a function dies, or stands still.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use redis_endpoint::WhileHeld;

use super::play::Play;
use super::stage::{Instance, Kind};

/// One process after another is killed with -9 in the middle of what it does, and
/// another is started in its place.
pub(super) async fn killed(play: &Play) -> Result<()> {
    let (stage, begun) = (&play.stage, Instant::now());
    let variables = stage.variables();
    for instance in stage.instances.iter().cycle() {
        if begun.elapsed() > stage.lasting() {
            break;
        }
        instance.start_again(&variables).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// One process of each function that has two stands still, as an instance that
/// the platform freezes, in the middle of what it does. What is written of sessions
/// meanwhile comes to Redis only after the thaw, and must not bring back any that
/// others have ended.
pub(super) async fn frozen(play: &Play) -> Result<()> {
    let stage = &play.stage;
    let both = [Kind::Check, Kind::Book].map(|kind| stage.one(kind, 0));
    let both: Vec<&Instance> = both.into_iter().flatten().collect();
    let is_record = |command: &[String]| matches!(command, [name, key, ..] if name == "SET" && key.starts_with("session:"));
    let redis = &stage.testbed.redis.endpoint;
    let late = redis.hold_all(is_record, WhileHeld::Acknowledge);
    for instance in &both {
        instance.signal("STOP").await?;
    }
    // Longer than a statement may take (15 s), unless it is to be short.
    tokio::time::sleep(stage.lasting() * 2).await;
    for instance in &both {
        instance.signal("CONT").await?;
    }
    let held = late.commands().len();
    late.release().await;
    ensure!(held > 0, "nothing came late to Redis");
    Ok(())
}
