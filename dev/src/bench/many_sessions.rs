//! Session checks among many sessions, and the clean-up of expired ones.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::row::{Row, Unit};
use crate::testbed::load::{Call, Load, LoadStats, median};
use crate::testbed::server::Server;
use crate::testbed::{Expired, Testbed, function};

/// The number of connections of a load that measures a rate.
const CONNECTIONS: usize = 16;

/// The number of sessions in the small database.
const FEW_SESSIONS: usize = 10_000;

/// The number of sessions that are checked in a round of misses.
const MISSES_PER_ROUND: usize = 1_000;

/// A database with few or many sessions, a function that uses it, and the measured rates.
struct SizedDatabase {
    database: &'static str,
    sessions: usize,
    server: Server,
    hit_rates: Vec<f64>,
    miss_rates: Vec<f64>,
}

impl SizedDatabase {
    async fn open(testbed: &Testbed, database: &'static str, sessions: usize) -> Result<Self> {
        testbed
            .create_database(database, sessions, Expired::None)
            .await?;
        let server = function::start(
            "/api/auth/session",
            &testbed.function_variables(database, true),
        )
        .await?;
        Ok(Self {
            database,
            sessions,
            server,
            hit_rates: Vec::new(),
            miss_rates: Vec::new(),
        })
    }

    /// Measures misses on sessions from the whole table, then hits on some of them.
    async fn measure_round(&mut self, testbed: &Testbed, number: usize) -> Result<()> {
        let calls = self.scattered_checks(testbed, number * MISSES_PER_ROUND, MISSES_PER_ROUND)?;
        let load = Load::once(self.server.address, calls.clone()).connections(CONNECTIONS);
        self.miss_rates.push(load.run().await?.rate());
        let hits = calls.into_iter().take(64).collect::<Vec<_>>();
        testbed.warm_up(&self.server, &hits).await?;
        let load = Load::once(self.server.address, hits).connections(CONNECTIONS);
        let load = load.during(Duration::from_secs(if testbed.quick { 1 } else { 2 }));
        self.hit_rates.push(load.run().await?.rate());
        Ok(())
    }

    /// Returns checks of distinct sessions that are far apart. The step is coprime to the
    /// number of sessions, so none repeats.
    fn scattered_checks(&self, testbed: &Testbed, from: usize, count: usize) -> Result<Vec<Call>> {
        const STEP: usize = 7_919_317;
        let number = |index| 1 + index * STEP % self.sessions;
        testbed.session_checks(self.database, (from..from + count).map(number))
    }
}

/// Compares session checks among many sessions with those among few.
pub(super) async fn compare_session_checks(testbed: &Testbed) -> Result<Vec<Row>> {
    let session_count = if testbed.quick { 200_000 } else { 10_000_000 };
    let mut few = SizedDatabase::open(testbed, "few", FEW_SESSIONS).await?;
    let mut many = SizedDatabase::open(testbed, "many", session_count).await?;
    for number in 0..testbed.rounds() {
        few.measure_round(testbed, number).await?;
        many.measure_round(testbed, number).await?;
    }
    let row = |name, many_rates: &[f64], few_rates: &[f64]| {
        let (many_rate, few_rate) = (median(many_rates.to_vec()), median(few_rates.to_vec()));
        let label = format!("{name} with {session_count} sessions / with {FEW_SESSIONS}");
        let row = Row::at_least(label, many_rate / few_rate, Unit::Times, 0.9);
        row.detail(format!("{many_rate:.0} /s against {few_rate:.0} /s"))
    };
    let rows = vec![
        row("hits", &many.hit_rates, &few.hit_rates),
        row("misses", &many.miss_rates, &few.miss_rates),
    ];
    for sized in [few, many] {
        sized.server.stop().await?;
        testbed.cluster.drop_database(sized.database).await?;
    }
    Ok(rows)
}

/// Measures the clean-up of expired sessions, and session checks during it.
pub(super) async fn measure_clean_up(testbed: &Testbed) -> Result<Vec<Row>> {
    const CLEAN_UP_PATH: &str = "/api/admin/cleanup-sessions";
    let sessions = if testbed.quick { 200_000 } else { 2_000_000 };
    let database = "expired";
    testbed
        .create_database(database, sessions, Expired::EvenNumbers)
        .await?;
    let variables = testbed.function_variables(database, true);
    let session_check = function::start("/api/auth/session", &variables).await?;
    let cleaner = function::start(CLEAN_UP_PATH, &variables).await?;
    browse(testbed, database, &session_check, 0).await?;

    let baseline = browse(testbed, database, &session_check, 1).await?;
    let cleaning = async {
        let started = Instant::now();
        let mut runs = 0;
        while testbed.count_expired(database).await? > 0 {
            Load::once(cleaner.address, vec![testbed.cron_request(CLEAN_UP_PATH)?])
                .run()
                .await?;
            runs += 1;
        }
        Ok::<_, anyhow::Error>((started.elapsed(), runs))
    };
    let (cleaned, checks_during) =
        tokio::join!(cleaning, browse(testbed, database, &session_check, 2));
    let ((duration, runs), checks_during) = (cleaned?, checks_during?);
    for server in [session_check, cleaner] {
        server.stop().await?;
    }
    testbed.cluster.drop_database(database).await?;

    let seconds = duration.as_secs_f64();
    let label = format!(
        "clean-up of {} of {sessions} sessions in seconds",
        sessions / 2
    );
    let (p99_before, p99_during) = (baseline.percentile(0.99), checks_during.percentile(0.99));
    Ok(vec![
        Row::at_most(label, seconds, Unit::Count, 60.0).detail(format!("in {runs} run(s)")),
        Row::at_most(
            "session check p99 during the clean-up / before",
            p99_during / p99_before,
            Unit::Times,
            2.0,
        )
        .detail(format!("{p99_during:.2} ms against {p99_before:.2} ms")),
    ])
}

/// Simulates members who browse, over four connections. One of 31 checks is a miss: Redis keeps
/// a record for 300 s, and a member sends a request about every ten seconds. The pauses between
/// requests leave CPU time for the clean-up.
async fn browse(
    testbed: &Testbed,
    database: &str,
    server: &Server,
    phase: usize,
) -> Result<LoadStats> {
    let mut calls = Vec::new();
    for number in 0..500 {
        let live_session = |index: usize| 2 * index + 1;
        let hits = (0..30).map(|index| live_session(index % 16));
        calls.extend(testbed.session_checks(database, hits)?);
        calls.extend(testbed.session_checks(database, [live_session(100 + phase * 500 + number)])?);
    }
    let load = Load::once(server.address, calls).connections(4);
    let load = load.pause(Duration::from_millis(5));
    load.during(Duration::from_secs(if testbed.quick { 3 } else { 10 }))
        .run()
        .await
}
