//! Many members who book the same few spots at once, and the cost of a pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::StatusCode;
use sabor::models::booking::{self, NewBooking, PayWith};
use sabor::runtime::clock::Clock;
use sabor::runtime::config::StudioConfig;
use sabor::store::postgres::Db;
use sabor::{Config, Error};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::row::{Row, Unit};
use crate::testbed::load::{Call, Load, LoadStats, median};
use crate::testbed::server::Server;
use crate::testbed::{Expired, Testbed, function};

const DATABASE: &str = "crowd";

const MEMBERS: usize = 2_000;

const SPOTS: i32 = 20;

const CONCURRENCY: usize = 64;

/// Compares four ways to book. In each round, each way uses a new occurrence.
///
/// - the function
/// - the function's statement alone
/// - a simple transaction, which works with every pooler
/// - the same transaction with prepared statements
pub(super) async fn compare_methods(testbed: &Testbed) -> Result<Vec<Row>> {
    testbed
        .create_database_with(DATABASE, MEMBERS, MEMBERS, Expired::None)
        .await?;
    let client = testbed.cluster.connect(DATABASE).await?;
    let variables = testbed.function_variables(DATABASE, true);
    let server = function::start("/api/bookings/create", &variables).await?;
    // Members browse before they book, so their sessions are already in Redis.
    let session_check = function::start("/api/auth/session", &variables).await?;
    testbed
        .warm_up(
            &session_check,
            &testbed.session_checks(DATABASE, 1..=MEMBERS)?,
        )
        .await?;
    session_check.stop().await?;
    let pool = Arc::new(create_pool(testbed)?);
    let members = client
        .query("select id from users order by id", &[])
        .await?;
    let members: Arc<[Uuid]> = members.iter().map(|row| row.get(0)).collect();
    let (mut function_rounds, mut direct_rounds) =
        (Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    for _ in 0..testbed.rounds() {
        function_rounds.push(book_through_function(testbed, &client, &server).await?);
        for (method, rounds) in [
            DirectMethod::Statement,
            DirectMethod::Transaction,
            DirectMethod::PreparedTransaction,
        ]
        .into_iter()
        .zip(&mut direct_rounds)
        {
            rounds.push(book_directly(&client, &pool, &members, method).await?);
        }
    }
    let pass_row = compare_passes(testbed, &client, &pool, &members).await?;
    pool.close();
    server.stop().await?;
    drop(client);
    testbed.cluster.drop_database(DATABASE).await?;
    let mut rows = build_rows(&function_rounds, &direct_rounds);
    rows.push(pass_row);
    Ok(rows)
}

/// The bookings of one measurement with or without passes.
const PASS_BOOKINGS: usize = 500;

/// Compares bookings that a pass pays for with bookings of members who have no pass, one after
/// another and without HTTP.
async fn compare_passes(
    testbed: &Testbed,
    client: &Client,
    pool: &Db,
    members: &[Uuid],
) -> Result<Row> {
    let (without_passes, rest) = members.split_at(PASS_BOOKINGS);
    let with_passes = rest.get(..PASS_BOOKINGS).context("too few members")?;
    client
        .execute(INSERT_PASSES, &[&with_passes.to_vec()])
        .await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..testbed.rounds() {
        without.push(book_all(client, pool, without_passes).await?);
        with.push(book_all(client, pool, with_passes).await?);
    }
    let query = "select count(*) from bookings where pass_id is not null";
    let paid: i64 = client.query_one(query, &[]).await?.try_get(0)?;
    let expected = PASS_BOOKINGS * testbed.rounds();
    ensure!(
        usize::try_from(paid)? == expected,
        "passes have paid for {paid} bookings instead of {expected}"
    );
    let (without, with) = (median(without), median(with));
    let label = "a booking with a pass / without one, both without HTTP";
    Ok(
        Row::at_most(label, with / without, Unit::Times, 1.3).detail(format!(
            "{with:.0} ms against {without:.0} ms for {PASS_BOOKINGS} bookings"
        )),
    )
}

/// Books a spot in a new occurrence for each member, one after another. Returns the time in
/// milliseconds.
async fn book_all(client: &Client, pool: &Db, members: &[Uuid]) -> Result<f64> {
    let occurrence = add_occurrence(client, i32::try_from(PASS_BOOKINGS)?).await?;
    let started = Instant::now();
    for member in members {
        book_by_statement(pool, occurrence, *member).await?;
    }
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}

fn build_rows(function_rounds: &[LoadStats], direct_rounds: &[Vec<LoadStats>; 3]) -> Vec<Row> {
    let median_time = |rounds: &[LoadStats]| {
        let seconds = rounds
            .iter()
            .map(|round| round.count() as f64 / round.rate());
        1_000.0 * median(seconds.collect())
    };
    let (all, rounds) = (LoadStats::merge(function_rounds), function_rounds.len());
    let function_time = median_time(function_rounds);
    let [statement, transaction, prepared] =
        direct_rounds.each_ref().map(|rounds| median_time(rounds));
    let label = format!("booking: {MEMBERS} members, {SPOTS} spots, {CONCURRENCY} at once");
    let transaction_row = Row::at_least(
        "… a transaction / the function's statement, both without HTTP",
        transaction / statement,
        Unit::Times,
        5.0,
    );
    let prepared_row = Row::info(
        "… a transaction with prepared statements / the statement",
        prepared / statement,
        Unit::Times,
    );
    vec![
        Row::info(label, function_time, Unit::Milliseconds)
            .detail(format!("exactly {SPOTS} booked in each of {rounds} rounds")),
        Row::info(
            "… p95 of a request",
            all.percentile(0.95),
            Unit::Milliseconds,
        )
        .detail(format!("median {:.2} ms", all.percentile(0.5))),
        transaction_row.detail(format!("{statement:.0} ms against {transaction:.0} ms")),
        prepared_row.detail(format!("{statement:.0} ms against {prepared:.0} ms")),
    ]
}

async fn book_through_function(
    testbed: &Testbed,
    client: &Client,
    server: &Server,
) -> Result<LoadStats> {
    let occurrence = add_occurrence(client, SPOTS).await?;
    let calls = (1..=MEMBERS).map(|member| testbed.booking(member, occurrence));
    let load = Load::once(server.address, calls.collect::<Result<_>>()?);
    let load = load
        .expect(StatusCode::CREATED)
        .or_expect(StatusCode::CONFLICT);
    let stats = load.connections(CONCURRENCY).run().await?;
    ensure_all_spots_booked(client, occurrence).await?;
    Ok(stats)
}

impl Testbed {
    /// Builds the booking request of a member.
    fn booking(&self, member: usize, occurrence: Uuid) -> Result<Call> {
        let mut call = self.post(
            "/api/bookings/create",
            &json!({ "scheduledClassId": occurrence }),
        )?;
        let headers = call.headers_mut();
        headers.insert("cookie", self.cookie(DATABASE, member)?.parse()?);
        // Marks the request as sent by the site's own pages.
        headers.insert("sec-fetch-site", "same-origin".parse()?);
        Ok(call)
    }
}

/// Creates a pool as large as the function's, with a long timeout.
fn create_pool(testbed: &Testbed) -> Result<Db> {
    let mut variables = testbed.function_variables(DATABASE, false);
    variables.push(("POSTGRES_POOL_TIMEOUT_MS", "60000".to_owned()));
    let variables = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let config = Config::read(&variables.collect())?;
    Ok(Db::new(&config.postgres, Clock::default())?)
}

/// A way to book without the function.
#[derive(Clone, Copy)]
enum DirectMethod {
    Statement,
    Transaction,
    PreparedTransaction,
}

async fn book_directly(
    client: &Client,
    pool: &Arc<Db>,
    members: &Arc<[Uuid]>,
    method: DirectMethod,
) -> Result<LoadStats> {
    let occurrence = add_occurrence(client, SPOTS).await?;
    let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut callers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (pool, next, members) = (Arc::clone(pool), Arc::clone(&next), Arc::clone(members));
        callers.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(member) = members.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent_at = Instant::now();
                match method {
                    DirectMethod::Statement => {
                        book_by_statement(&pool, occurrence, *member).await?
                    }
                    DirectMethod::Transaction => {
                        book_by_transaction(&pool, occurrence, *member, false).await?
                    }
                    DirectMethod::PreparedTransaction => {
                        book_by_transaction(&pool, occurrence, *member, true).await?
                    }
                }
                latencies.push(sent_at.elapsed());
            }
            Ok::<_, anyhow::Error>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(result) = callers.join_next().await {
        latencies.extend(result??);
    }
    let stats = LoadStats::new(latencies, started.elapsed());
    ensure_all_spots_booked(client, occurrence).await?;
    Ok(stats)
}

/// Books with the function's own statement.
async fn book_by_statement(pool: &Db, occurrence: Uuid, member: Uuid) -> Result<()> {
    let studio = StudioConfig {
        name: "Sabor con Flow".to_owned(),
        address: None,
        email: None,
        time_zone: "UTC".to_owned(),
        currency: "USD".to_owned(),
        waitlist_cutoff: Duration::from_secs(2 * 3_600),
        cancellation_window: Duration::from_secs(12 * 3_600),
        schedule_ahead_weeks: 8,
        tax_number: None,
        late_cancel_fee: None,
        no_show_fee: None,
        free_cancellation_grace: Duration::from_secs(3_600),
        image_origin: None,
        max_unpaid_bookings: i32::MAX,
        membership_grace_days: 3,
        site_url: String::new(),
    };
    let new_booking = NewBooking {
        user_id: member,
        scheduled_class_id: occurrence,
        join_waitlist: false,
        by_staff: false,
        beyond_capacity: false,
        pay_with: PayWith::Any,
    };
    let connection = pool.client().await?;
    match booking::create(&connection, new_booking, Clock::default().now(), &studio).await {
        Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Books with four statements in a transaction: lock, count, insert and update. If the class is
/// full, only locks and counts.
async fn book_by_transaction(
    pool: &Db,
    occurrence: Uuid,
    member: Uuid,
    prepared: bool,
) -> Result<()> {
    const LOCK: &str = "select max_participants from scheduled_classes where id = $1 for update";
    const COUNT: &str = "select count(*) from bookings where scheduled_class_id = $1
        and status in ('booked', 'attended', 'no_show')";
    const INSERT: &str =
        "insert into bookings (id, user_id, scheduled_class_id, status, price, currency)
        values ($1, $2, $3, 'booked', 25, 'USD')";
    const UPDATE: &str = "update scheduled_classes set updated_at = now() where id = $1";
    let connection = pool.client().await?.into_pooled();
    let mut connection = connection.context("the connection is not from the pool")?;
    let transaction = connection.transaction().await?;
    let query = async |sql: &str, ids: &[Uuid]| {
        if prepared {
            let statement = transaction.prepare_cached(sql).await?;
            let params: Vec<&(dyn ToSql + Sync)> = ids.iter().map(|id| id as _).collect();
            return transaction.query(&statement, &params).await;
        }
        let typed_params: Vec<(&(dyn ToSql + Sync), Type)> =
            ids.iter().map(|id| (id as _, Type::UUID)).collect();
        transaction.query_typed(sql, &typed_params).await
    };
    let spots = query(LOCK, &[occurrence]).await?;
    let taken = query(COUNT, &[occurrence]).await?;
    let spots: i32 = spots.first().context("the occurrence is missing")?.get(0);
    let taken: i64 = taken.first().context("the count is missing")?.get(0);
    if taken < i64::from(spots) {
        query(INSERT, &[Uuid::now_v7(), member, occurrence]).await?;
        query(UPDATE, &[occurrence]).await?;
    }
    Ok(transaction.commit().await?)
}

async fn add_occurrence(client: &Client, spots: i32) -> Result<Uuid> {
    let id = Uuid::now_v7();
    client.execute(INSERT_OCCURRENCE, &[&id, &spots]).await?;
    Ok(id)
}

/// Fails unless every spot is booked exactly once.
async fn ensure_all_spots_booked(client: &Client, occurrence: Uuid) -> Result<()> {
    let query =
        "select count(*), (select current_participants from scheduled_classes where id = $1)
        from bookings where scheduled_class_id = $1 and status = 'booked'";
    let row = client.query_one(query, &[&occurrence]).await?;
    let (booked, counted): (i64, i32) = (row.try_get(0)?, row.try_get(1)?);
    let spots = (i64::from(SPOTS), SPOTS);
    ensure!(
        (booked, counted) == spots,
        "{booked} bookings and a counter of {counted} for {SPOTS} spots"
    );
    Ok(())
}

const INSERT_OCCURRENCE: &str = "
    with instructor as (
        insert into instructors (id, name) values ($1, 'Marisol Vega')
    ), type as (
        insert into class_types (id, name, price_per_class) values ($1, $1::text, 25)
    )
    insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time, end_time,
        max_participants, room)
    select $1, $1, $1, 'Salsa', start, start + interval '1 hour', $2, $1::text
    from (select coalesce(max(end_time), now() + interval '3 days') as start from scheduled_classes) last";

/// Gives each member an unlimited pass.
const INSERT_PASSES: &str = "
    with product as (
        insert into products (id, kind, name, price, days, starts)
        values (gen_random_uuid(), 'pass', 'Unlimited', 0, 1000, 'purchase') returning id
    ), sold as (
        select id as user_id, gen_random_uuid() as order_id, gen_random_uuid() as line_id
        from unnest($1::uuid[]) id
    ), orders as (
        insert into orders (id, user_id, currency, total, state, settled_at)
        select order_id, user_id, 'USD', 0, 'paid', now() from sold
    ), lines as (
        insert into order_lines (id, order_id, product_id, description, amount, days, starts)
        select line_id, order_id, product.id, 'Unlimited', 0, 10000, 'purchase' from sold, product
    )
    insert into passes (id, user_id, product_id, order_line_id, days, starts, first_day)
    select gen_random_uuid(), user_id, product.id, line_id, 10000, 'purchase', date '2020-01-01'
    from sold, product";
