//! `cargo dev drill`: injects faults under load and checks that no confirmed change is
//! lost, no spot is sold twice, and no ended session is accepted for too long.
//!
//! A drill runs in an [`environment`]: the functions' own executables, a real Postgres
//! and a real Redis. [`traffic`] generates the load through a [`Run`], which records
//! all responses in its [`log`]. Afterwards [`checks`] compares the log with the
//! database. The other modules contain the faults and are named after what they break.

mod checks;
mod clean_up;
mod clock;
mod environment;
mod function;
mod log;
mod postgres;
mod redis;
mod row;
mod run;
mod schema;
mod traffic;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use sabor_testing::progress::status;

use self::checks::{RECORD_LIFETIME, StalenessLimit};
use self::environment::{Environment, Operation};
use self::log::Outcome;
use self::row::Row;
use self::run::{Run, Tolerance};
use crate::terminal::print;
use crate::{report, testbed};

/// Options of `cargo dev drill`.
#[derive(Args)]
pub(crate) struct Options {
    /// Use shorter faults: four minutes for all drills instead of seven
    #[arg(long)]
    short: bool,
    /// Run only this drill. Can be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<Drill>,
    /// Succeed even if a drill cannot run because a program is not installed
    #[arg(long)]
    allow_missing: bool,
    /// Where to write the results [default: .sabor/drill/DATE.json]
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
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Injects the fault and ends it.
    async fn inject(self, run: &Run) -> Result<()> {
        match self {
            Self::RedisKilled => redis::kill(run).await,
            Self::RedisAway => redis::make_unreachable(run).await,
            Self::RedisEmptied => redis::flush_repeatedly(run).await,
            Self::RedisSlow => redis::slow_down(run).await,
            Self::PostgresKilled => postgres::kill(run).await,
            Self::PostgresRestarted => postgres::restart(run).await,
            Self::PostgresSilent => postgres::stall(run).await,
            Self::PostgresReset => postgres::disconnect(run).await,
            Self::PostgresFull => postgres::exhaust_connections(run).await,
            Self::FunctionKilled => function::kill(run).await,
            Self::FunctionFrozen => function::freeze(run).await,
            Self::ClockHourAhead => clock::move_clock(run, TimeDelta::hours(1)).await,
            Self::ClockDaysAhead => clock::move_clock(run, TimeDelta::days(2)).await,
            Self::ClockDaysBack => clock::move_clock(run, TimeDelta::days(-2)).await,
            Self::CleanUpsOverlap => clean_up::run_concurrently(run).await,
            Self::SchemaOlder => schema::use_older_schema(run).await,
            Self::SchemaNewer => schema::use_newer_schema(run).await,
            Self::MigrationsAtOnce => schema::migrate_concurrently(run).await,
        }
    }

    /// Returns how long an ended session may still be accepted.
    fn staleness_limit(self) -> StalenessLimit {
        match self {
            Self::RedisAway | Self::RedisSlow => {
                StalenessLimit::AfterRecovery(Duration::from_secs(1))
            }
            Self::RedisKilled | Self::RedisEmptied => StalenessLimit::Always(RECORD_LIFETIME),
            _ => StalenessLimit::None,
        }
    }

    /// Returns how requests may fail during the fault.
    fn tolerated_failures(self) -> &'static [Outcome] {
        match self {
            Self::PostgresKilled
            | Self::PostgresRestarted
            | Self::PostgresSilent
            | Self::PostgresReset
            | Self::PostgresFull => &[Outcome::Unavailable, Outcome::NoResponse],
            Self::FunctionKilled | Self::FunctionFrozen => &[Outcome::NoResponse],
            // A request that needs what a migration added fails while it is reverted.
            Self::SchemaOlder | Self::MigrationsAtOnce => {
                &[Outcome::Unavailable, Outcome::ServerError]
            }
            Self::SchemaNewer => &[Outcome::Unavailable],
            _ => &[],
        }
    }

    /// Returns how long after the fault new requests may still fail. A statement sent to a
    /// stalled Postgres keeps its connection until its timeout of 15 s. The pool may be
    /// empty until then.
    fn recovery_time(self) -> Duration {
        match self {
            Self::PostgresSilent => Duration::from_secs(16),
            _ => Duration::from_secs(1),
        }
    }

    /// Returns the operations whose table is missing during the fault and loses its rows.
    fn exempt_operations(self) -> &'static [Operation] {
        match self {
            Self::SchemaOlder | Self::MigrationsAtOnce => &[Operation::Issue, Operation::Redeem],
            _ => &[],
        }
    }

    /// Returns the clients' timeout. It is longer than the statement timeout of 15 s, but
    /// short for a frozen function, which never responds.
    fn client_timeout(self) -> Duration {
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

    /// Returns what to install if this machine lacks a required program.
    fn missing_requirement(self, environment: &Environment) -> Option<&'static str> {
        match self {
            Self::RedisKilled if environment.testbed.redis.server.is_none() => {
                Some("install redis-server")
            }
            drill if drill.moves_clock() && clock::find_library().is_none() => {
                Some("install faketime")
            }
            _ => None,
        }
    }

    /// Fails if the fault had no effect, because the drill would then prove nothing. Drills
    /// without a check here check the effect while they inject the fault.
    async fn check_effect(self, run: &Run) -> Result<()> {
        match self {
            Self::RedisKilled | Self::RedisAway | Self::RedisSlow => {
                redis::check_effect(run, "redis_away").await
            }
            Self::RedisEmptied => redis::check_effect(run, "redis_misses").await,
            Self::PostgresKilled
            | Self::PostgresRestarted
            | Self::PostgresSilent
            | Self::PostgresReset
            | Self::PostgresFull
            | Self::FunctionKilled
            | Self::FunctionFrozen => {
                ensure!(run.has_effect(), "no request failed because of the fault");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn prepare(self, environment: &Environment) -> Result<()> {
        match self {
            Self::RedisKilled | Self::RedisAway | Self::RedisEmptied | Self::RedisSlow => {
                redis::prepare(environment).await
            }
            drill if drill.moves_clock() => clock::prepare(environment).await,
            _ => Ok(()),
        }
    }

    async fn run(self, environment: &Arc<Environment>) -> Result<Row> {
        self.prepare(environment).await?;
        let tolerance = Tolerance {
            tolerated_failures: self.tolerated_failures(),
            recovery_time: self.recovery_time(),
            exempt_operations: self.exempt_operations(),
            client_timeout: self.client_timeout(),
        };
        let run = Arc::new(Run::new(environment.clone(), tolerance).await?);
        let mut clients = traffic::start_clients(&run);
        tokio::time::sleep(environment.warm_up_duration()).await;
        run.start_fault();
        // From here on, errors are recorded as violations. Returning them would lose the
        // violations that the clients have recorded.
        let result = self.inject(&run).await;
        run.end_fault();
        if result.is_err() {
            // The fault may not have ended, so the checks would be meaningless.
            clients.shutdown().await;
            run.record_error(result);
            return Row::new(
                self.name(),
                &run,
                self.staleness_limit(),
                &run.log.requests(),
            );
        }
        run.record_error(environment.wait_until_healthy().await);
        run.stop();
        while let Some(client_result) = clients.join_next().await {
            run.record_error(client_result?);
        }
        let requests = run.log.requests();
        self.staleness_limit().wait(run.fault_period()?.1).await;
        run.record_error(self.check_effect(&run).await);
        run.record_error(checks::run_all(&run, self.staleness_limit()).await);
        if self.moves_clock() {
            run.record_error(clock::reset(environment).await);
        }
        Row::new(self.name(), &run, self.staleness_limit(), &requests)
    }
}

/// Runs the drills, prints the table and writes the results. Fails if a drill failed or
/// could not run.
pub(crate) async fn run(options: Options) -> Result<()> {
    testbed::function::build().await?;
    let environment = Arc::new(Environment::start(options.short).await?);
    let all = Drill::value_variants().iter().copied();
    let (mut rows, mut skip_reason) = (Vec::new(), None);
    for drill in all.filter(|drill| options.only.is_empty() || options.only.contains(drill)) {
        let (name, limit) = (drill.name(), drill.staleness_limit());
        if let Some(reason) = skip_reason.or_else(|| drill.missing_requirement(&environment)) {
            rows.push(Row::not_run(name, limit, reason));
            continue;
        }
        status(&format!("Running {name} …"));
        let result = drill.run(&environment).await;
        let row = result.unwrap_or_else(|error| Row::aborted(name, limit, &error));
        row.report();
        if !row.has_no_violations()
            && let Err(error) = environment.repair().await
        {
            status(&format!("The environment cannot be repaired: {error:#}"));
            skip_reason = Some("the environment could not be repaired after the previous drill");
        }
        rows.push(row);
    }
    row::print_table(&rows);
    let path = options
        .json
        .unwrap_or_else(|| report::default_path("drill"));
    report::write(&rows, options.short, &path)?;
    print(&format!("\nWrote the results to {}.", path.display()));
    let mut missing: Vec<&str> = rows.iter().filter_map(Row::not_run_reason).collect();
    if !missing.is_empty() {
        let count = missing.len();
        missing.dedup();
        let (total, reasons) = (rows.len(), missing.join(", "));
        print(&format!(
            "{count} of {total} drills did not run: {reasons}."
        ));
    }
    if !rows.iter().all(Row::has_no_violations) {
        bail!("a drill failed");
    }
    if !missing.is_empty() && !options.allow_missing {
        bail!("a drill did not run; --allow-missing permits that");
    }
    Ok(())
}
