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
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::{Args, ValueEnum};

use self::play::Play;
use self::stage::{Kind, Stage};
use self::table::Row;
use self::verdict::{Bound, MARK_LOST};
use crate::progress::{print, say};
use crate::{lab, report};

/// What to play.
#[derive(Args)]
pub(crate) struct Options {
    /// Shorter faults, four minutes for all of them
    #[arg(long)]
    short: bool,
    /// Only these drills; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<Drill>,
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
            Self::RedisKilled if stage.lab.redis.server.is_none() => Some("install redis-server"),
            one if one.moves_clock() && clock::library().is_none() => Some("install faketime"),
            _ => None,
        }
    }

    async fn play(self, stage: &Arc<Stage>) -> Result<Row> {
        if let Some(lacking) = self.lacks(stage) {
            return Ok(Row::not_run(self.name(), self.bound(), lacking));
        }
        if self.moves_clock() {
            clock::prepare(stage).await?;
        }
        let play = Play::new(stage.clone(), self.excused(), self.patience()).await?;
        let play = Arc::new(play);
        let mut actors = traffic::begin(&play);
        tokio::time::sleep(stage.quiet()).await;
        let begun = Instant::now();
        self.fault(&play).await?;
        let ended = Instant::now();
        if let Err(error) = stage.well().await {
            play.ledger.wrong(format!("{error:#}"));
        }
        play.end();
        while let Some(ended) = actors.join_next().await {
            ended??;
        }
        let requests = play.ledger.requests();
        self.bound().pass(ended).await;
        verdict::judge(&play, self.bound(), ended).await?;
        if self.moves_clock() {
            clock::clear(stage).await?;
        }
        Ok(Row::new(
            self.name(),
            &play.ledger,
            self.bound(),
            (begun, ended),
            &requests,
        ))
    }
}

/// Plays, prints the table and writes the figures; fails when a verdict does.
pub(crate) async fn run(options: Options) -> Result<()> {
    lab::function::build().await?;
    let stage = Arc::new(Stage::open(options.short).await?);
    let all = Drill::value_variants().iter().copied();
    let mut rows = Vec::new();
    for drill in all.filter(|one| options.only.is_empty() || options.only.contains(one)) {
        say(&format!("Playing {} …", drill.name()));
        let played = drill.play(&stage).await;
        let row = played.with_context(|| format!("{} could not be played", drill.name()))?;
        row.say();
        rows.push(row);
    }
    table::show(&rows);
    let path = options.json.unwrap_or_else(|| report::of_today("drill"));
    report::write(&rows, options.short, &path)?;
    print(&format!("\nThe figures are in {}.", path.display()));
    if !rows.iter().all(Row::is_good) {
        bail!("a drill has found something wrong");
    }
    Ok(())
}
