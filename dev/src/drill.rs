//! `cargo dev drill`: what is lost, sold twice or believed too long when something
//! breaks.
//!
//! A drill is a fault under load, played on a [`stage`]: the functions' own
//! executables, a real Postgres and a real Redis. The load is in [`traffic`] and
//! [`play`], what it was told in the [`ledger`], and whether that is so in the [`verdict`]. The
//! faults are in the modules named after what they break.

mod clean_up;
mod clock;
mod function;
mod ledger;
mod play;
mod postgres;
mod redis;
mod schema;
mod stage;
mod table;
mod traffic;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use sabor_testing::progress::status;

use self::ledger::Outcome;
use self::play::{Play, Terms};
use self::stage::{Kind, Stage};
use self::table::Row;
use self::verdict::{Bound, MARK_LOST};
use crate::terminal::print;
use crate::{report, testbed};

/// What to play.
#[derive(Args)]
pub(crate) struct Options {
    /// Shorter faults, four minutes for all of them
    #[arg(long)]
    short: bool,
    /// Only these drills; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<Drill>,
    /// Succeed also when what a drill needs is not installed
    #[arg(long)]
    allow_missing: bool,
    /// Where to write the figures [default: .sabor/drill/<date>.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Drill {
    RedisKilled,
    RedisAway,
    RedisEmptied,
    RedisSlow,
    PostgresKilled,
    PostgresRestarted,
    PostgresSilent,
    PostgresReset,
    PostgresFull,
    FunctionKilled,
    FunctionFrozen,
    ClockHourAhead,
    ClockDaysAhead,
    ClockDaysBack,
    CleanUpsOverlap,
    SchemaOlder,
    SchemaNewer,
    MigrationsAtOnce,
}

impl Drill {
    fn name(self) -> String {
        let name = self.to_possible_value();
        name.map_or_else(String::new, |name| name.get_name().to_owned())
    }

    /// Breaks something, and mends it.
    async fn fault(self, play: &Play) -> Result<()> {
        match self {
            Self::RedisKilled => redis::killed(play).await,
            Self::RedisAway => redis::away(play).await,
            Self::RedisEmptied => redis::emptied(play).await,
            Self::RedisSlow => redis::slow(play).await,
            Self::PostgresKilled => postgres::killed(play).await,
            Self::PostgresRestarted => postgres::restarted(play).await,
            Self::PostgresSilent => postgres::silent(play).await,
            Self::PostgresReset => postgres::reset(play).await,
            Self::PostgresFull => postgres::full(play).await,
            Self::FunctionKilled => function::killed(play).await,
            Self::FunctionFrozen => function::frozen(play).await,
            Self::ClockHourAhead => clock::jump(play, TimeDelta::hours(1)).await,
            Self::ClockDaysAhead => clock::jump(play, TimeDelta::days(2)).await,
            Self::ClockDaysBack => clock::jump(play, TimeDelta::days(-2)).await,
            Self::CleanUpsOverlap => clean_up::overlap(play).await,
            Self::SchemaOlder => schema::older(play).await,
            Self::SchemaNewer => schema::newer(play).await,
            Self::MigrationsAtOnce => schema::at_once(play).await,
        }
    }

    /// What the README states (The session model).
    fn bound(self) -> Bound {
        match self {
            Self::RedisAway | Self::RedisSlow => Bound::AfterReturn(Duration::from_secs(1)),
            Self::RedisKilled | Self::RedisEmptied => Bound::For(MARK_LOST),
            _ => Bound::AtOnce,
        }
    }

    /// How requests may fail while the fault lasts.
    fn may_fail(self) -> &'static [Outcome] {
        match self {
            Self::PostgresKilled
            | Self::PostgresRestarted
            | Self::PostgresSilent
            | Self::PostgresReset
            | Self::PostgresFull => &[Outcome::Unavailable, Outcome::Cut],
            Self::FunctionKilled | Self::FunctionFrozen => &[Outcome::Cut],
            Self::SchemaOlder | Self::SchemaNewer | Self::MigrationsAtOnce => {
                &[Outcome::Unavailable]
            }
            _ => &[],
        }
    }

    /// How long what begins after it may still fail of it. What was asked of a
    /// Postgres that was silent holds its connection until its deadline (15 s), and
    /// who comes meanwhile may find none.
    fn recovery(self) -> Duration {
        match self {
            Self::PostgresSilent => Duration::from_secs(16),
            _ => Duration::from_secs(1),
        }
    }

    /// What has no table meanwhile, and loses what was in it.
    fn excused(self) -> &'static [Kind] {
        match self {
            Self::SchemaOlder | Self::MigrationsAtOnce => &[Kind::Issue, Kind::Redeem],
            _ => &[],
        }
    }

    /// How long clients wait: longer than a statement may take (15 s), unless it
    /// is for one who will not answer.
    fn patience(self) -> Duration {
        match self {
            Self::FunctionFrozen => Duration::from_secs(2),
            _ => Duration::from_secs(20),
        }
    }

    fn moves_clock(self) -> bool {
        matches!(
            self,
            Self::ClockHourAhead | Self::ClockDaysAhead | Self::ClockDaysBack
        )
    }

    /// What is not on this machine.
    fn lacks(self, stage: &Stage) -> Option<&'static str> {
        match self {
            Self::RedisKilled if stage.testbed.redis.server.is_none() => {
                Some("install redis-server")
            }
            one if one.moves_clock() && clock::library().is_none() => Some("install faketime"),
            _ => None,
        }
    }

    /// Makes sure that it was felt: a drill in which nothing breaks would show
    /// nothing. The others look to that themselves.
    async fn is_felt(self, play: &Play) -> Result<()> {
        match self {
            Self::RedisKilled | Self::RedisAway | Self::RedisSlow => {
                redis::is_felt(play, "redis_away").await
            }
            Self::RedisEmptied => redis::is_felt(play, "redis_misses").await,
            Self::PostgresKilled
            | Self::PostgresRestarted
            | Self::PostgresSilent
            | Self::PostgresReset
            | Self::PostgresFull
            | Self::FunctionKilled
            | Self::FunctionFrozen => {
                ensure!(play.is_felt(), "no request has failed of it");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn prepare(self, stage: &Stage) -> Result<()> {
        match self {
            Self::RedisKilled | Self::RedisAway | Self::RedisEmptied | Self::RedisSlow => {
                redis::prepare(stage).await
            }
            one if one.moves_clock() => clock::prepare(stage).await,
            _ => Ok(()),
        }
    }

    async fn play(self, stage: &Arc<Stage>) -> Result<Row> {
        self.prepare(stage).await?;
        let terms = Terms {
            may_fail: self.may_fail(),
            recovery: self.recovery(),
            excused: self.excused(),
            patience: self.patience(),
        };
        let play = Arc::new(Play::new(stage.clone(), terms).await?);
        let mut actors = traffic::begin(&play);
        tokio::time::sleep(stage.quiet()).await;
        play.breaks();
        // From here on an error is a wrong among others: what else was found stays.
        let played = self.fault(&play).await;
        play.is_mended();
        if played.is_err() {
            // What is not mended can be judged by nobody.
            actors.shutdown().await;
            play.note(played);
            return Row::new(self.name(), &play, self.bound(), &play.ledger.requests());
        }
        play.note(stage.well().await);
        play.end();
        while let Some(ended) = actors.join_next().await {
            play.note(ended?);
        }
        let requests = play.ledger.requests();
        self.bound().pass(play.fault()?.1).await;
        play.note(self.is_felt(&play).await);
        play.note(verdict::judge(&play, self.bound()).await);
        if self.moves_clock() {
            play.note(clock::clear(stage).await);
        }
        Row::new(self.name(), &play, self.bound(), &requests)
    }
}

/// Plays, prints the table and writes the figures; fails when a verdict does, or
/// when there is none.
pub(crate) async fn run(options: Options) -> Result<()> {
    testbed::function::build().await?;
    let stage = Arc::new(Stage::open(options.short).await?);
    let all = Drill::value_variants().iter().copied();
    let (mut rows, mut lost) = (Vec::new(), None);
    for drill in all.filter(|one| options.only.is_empty() || options.only.contains(one)) {
        let (name, bound) = (drill.name(), drill.bound());
        if let Some(why) = lost.or_else(|| drill.lacks(&stage)) {
            rows.push(Row::not_run(name, bound, why));
            continue;
        }
        status(&format!("Playing {name} …"));
        let played = drill.play(&stage).await;
        let row = played.unwrap_or_else(|error| Row::broken_off(name, bound, &error));
        row.report();
        if !row.is_good()
            && let Err(error) = stage.mend().await
        {
            status(&format!("Nothing can be played any more: {error:#}"));
            lost = Some("the one before has left nothing to play on");
        }
        rows.push(row);
    }
    table::show(&rows);
    let path = options
        .json
        .unwrap_or_else(|| report::default_path("drill"));
    report::write(&rows, options.short, &path)?;
    print(&format!("\nThe figures are in {}.", path.display()));
    let mut missing: Vec<&str> = rows.iter().filter_map(Row::missing).collect();
    if !missing.is_empty() {
        let count = missing.len();
        missing.dedup();
        let (all, why) = (rows.len(), missing.join(", "));
        print(&format!("{count} of {all} were not run: {why}."));
    }
    if !rows.iter().all(Row::is_good) {
        bail!("a drill has found something wrong");
    }
    if !missing.is_empty() && !options.allow_missing {
        bail!("a drill was not run; --allow-missing leaves it at that");
    }
    Ok(())
}
