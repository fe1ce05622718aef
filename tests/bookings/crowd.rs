//! Everybody at once: through the functions' own executables, as many
//! processes as the platform would start, with the invariants looked at all
//! the while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{assert_consistent, book, cancel, wait_for};
use crate::harness::{Answer, Person, TestApp};

const CREATE: &str = env!("CARGO_BIN_EXE_bookings-create");
const CANCEL: &str = env!("CARGO_BIN_EXE_bookings-cancel");

const AT_ONCE: usize = 64;

/// A function in a process of its own; returns where it answers.
async fn started(app: &TestApp, executable: &str) -> String {
    let mut function = app.function(executable).await;
    let url = function.url.clone();
    // It tells the platform of each request; somebody has to listen.
    tokio::spawn(async move {
        loop {
            function.message().await;
        }
    });
    url
}

/// Looks at the invariants until `work` is done.
async fn watched<T>(app: &TestApp, work: impl Future<Output = T>) -> T {
    let done = AtomicBool::new(false);
    let watch = async {
        while !done.load(Ordering::Relaxed) {
            assert_consistent(app).await;
        }
    };
    let work = async {
        let value = work.await;
        done.store(true, Ordering::Relaxed);
        value
    };
    let (value, ()) = join(work, watch).await;
    assert_consistent(app).await;
    value
}

struct Try {
    sent: Instant,
    answered: Instant,
    answer: Answer,
}

async fn rush(app: &TestApp, class: Uuid, join_waitlist: bool) -> Vec<Try> {
    let crowd = app.crowd(2_000).await;
    let functions = [started(app, CREATE).await, started(app, CREATE).await];
    let tries = crowd.iter().enumerate().map(async |(number, person)| {
        let person = person.at_url(&functions[number % functions.len()]);
        let sent = Instant::now();
        let answer = match join_waitlist {
            true => wait_for(&person, class).await,
            false => book(&person, class).await,
        };
        let answered = Instant::now();
        Try {
            sent,
            answered,
            answer,
        }
    });
    let tries = futures_util::stream::iter(tries).buffer_unordered(AT_ONCE);
    watched(app, tries.collect()).await
}

#[tokio::test]
async fn of_two_thousand_members_for_twenty_places_exactly_twenty_get_one() {
    let app = TestApp::start().await;
    let class = app.class(20).await;
    let tries = rush(&app, class, false).await;
    let booked = tries.iter().filter(|a_try| a_try.answer.status == 201);
    assert_eq!(booked.count(), 20);
    for refused in tries.iter().filter(|a_try| a_try.answer.status != 201) {
        refused.answer.expect_code(409, "class_full");
    }
    assert_eq!(app.count("select count(*) from bookings").await, 20);
}

#[tokio::test]
async fn of_two_thousand_members_all_but_twenty_wait_in_the_order_of_their_arrival() {
    let app = TestApp::start().await;
    let class = app.class(20).await;
    let tries = rush(&app, class, true).await;
    let rows = app
        .sql("select id::text, waitlist_position from bookings where status = 'waitlisted'")
        .await;
    assert_eq!(rows.len(), 1_980);
    let ticket = |id: &Value| {
        let row = rows.iter().find(|row| id == row.get::<_, &str>(0));
        row.map(|row| row.get::<_, i64>(1))
    };
    let mut waiting: Vec<(i64, &Try)> = tries
        .iter()
        .filter_map(|a_try| Some((ticket(&a_try.answer.expect(201)["id"])?, a_try)))
        .collect();
    assert_eq!(waiting.len(), 1_980);
    waiting.sort_by_key(|(ticket, _)| *ticket);
    // Whoever had an answer before another even asked, is before them.
    let mut last_sent = waiting[0].1.sent;
    for (ticket, a_try) in waiting {
        assert!(
            a_try.answered >= last_sent,
            "ticket {ticket} is out of order"
        );
        last_sent = last_sent.max(a_try.sent);
    }
}

#[tokio::test]
async fn a_minute_of_booking_and_cancelling_at_random_leaves_nothing_inconsistent() {
    let app = TestApp::start().await;
    let mut classes = Vec::new();
    for places in [1, 2, 3, 5, 8] {
        classes.push(app.class(places).await);
    }
    let crowd = app.crowd(60).await;
    let create = started(&app, CREATE).await;
    let giving_up = started(&app, CANCEL).await;
    let end = Instant::now() + Duration::from_secs(60);
    let people = crowd.iter().enumerate().map(async |(seed, person)| {
        let mut random = seed as u64 + 1;
        let mut bookings: Vec<Value> = Vec::new();
        let (booking, cancelling) = (person.at_url(&create), person.at_url(&giving_up));
        let mut done = 0;
        while Instant::now() < end {
            act(&mut random, &classes, &mut bookings, &booking, &cancelling).await;
            done += 1;
        }
        done
    });
    let done: Vec<usize> = watched(&app, futures_util::future::join_all(people)).await;
    let promoted = "select count(*) from mail_outbox where kind = 'booking_promoted'";
    assert!(
        app.count(promoted).await > 100,
        "hardly anybody was promoted"
    );
    assert!(done.iter().sum::<usize>() > 1_000);
    // Every promotion was told once, to whoever was promoted.
    let told = "select count(*) from member_events where kind = 'booking_promoted'";
    assert_eq!(app.count(told).await, app.count(promoted).await);
}

/// One step of somebody who cannot decide. A generator of our own (xorshift),
/// for the steps are to be the same each time.
async fn act(
    random: &mut u64,
    classes: &[Uuid],
    bookings: &mut Vec<Value>,
    booking: &Person,
    cancelling: &Person,
) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let choice = *random as usize;
    if choice.is_multiple_of(2) && !bookings.is_empty() {
        let given_up = bookings.swap_remove(choice / 2 % bookings.len());
        cancel(cancelling, &given_up).await.expect(200);
        return;
    }
    let wish = json!({
        "scheduledClassId": classes[choice / 2 % classes.len()],
        "joinWaitlist": !choice.is_multiple_of(3),
    });
    let answer = booking.post("/api/bookings/create", wish).await;
    match answer.status {
        201 => bookings.push(answer.expect(201)),
        _ => {
            let code = answer.expect(409)["code"].clone();
            assert!(code == "class_full" || code == "already_booked", "{code}");
        }
    }
}
