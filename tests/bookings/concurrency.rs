//! Many members book at the same time through several processes while the
//! invariants are checked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::future::join;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::{Settings, TestApp, TestClient, TestResponse};

const CREATE_EXECUTABLE: &str = env!("CARGO_BIN_EXE_bookings-create");
const CANCEL_EXECUTABLE: &str = env!("CARGO_BIN_EXE_bookings-cancel");

const CONCURRENT_REQUESTS: usize = 64;

/// Starts a function as its own process; returns its URL.
async fn start_function(app: &TestApp, executable: &str) -> String {
    let mut function = app.start_function(executable).await;
    let url = function.url.clone();
    // A function blocks if nobody reads its messages to the platform.
    tokio::spawn(async move {
        loop {
            function.next_message().await;
        }
    });
    url
}

/// Checks the invariants until `work` is done.
async fn while_checking_invariants<T>(app: &TestApp, work: impl Future<Output = T>) -> T {
    let is_done = AtomicBool::new(false);
    let check = async {
        while !is_done.load(Ordering::Relaxed) {
            assert_bookings_consistent(app).await;
        }
    };
    let work = async {
        let output = work.await;
        is_done.store(true, Ordering::Relaxed);
        output
    };
    let (output, ()) = join(work, check).await;
    assert_bookings_consistent(app).await;
    output
}

struct Attempt {
    sent_at: Instant,
    received_at: Instant,
    response: TestResponse,
}

async fn book_concurrently(app: &TestApp, class: Uuid, waitlist: bool) -> Vec<Attempt> {
    let members = app.members(2_000).await;
    let functions = [
        start_function(app, CREATE_EXECUTABLE).await,
        start_function(app, CREATE_EXECUTABLE).await,
    ];
    let attempts = members.iter().enumerate().map(async |(number, person)| {
        let person = person.connected_to_url(&functions[number % functions.len()]);
        let sent_at = Instant::now();
        let response = match waitlist {
            true => join_waitlist(&person, class).await,
            false => book(&person, class).await,
        };
        let received_at = Instant::now();
        Attempt {
            sent_at,
            received_at,
            response,
        }
    });
    let attempts = futures_util::stream::iter(attempts).buffer_unordered(CONCURRENT_REQUESTS);
    while_checking_invariants(app, attempts.collect()).await
}

#[tokio::test]
async fn exactly_twenty_of_two_thousand_concurrent_members_get_a_spot() {
    let app = TestApp::start().await;
    let class = app.create_class(20).await;
    let attempts = book_concurrently(&app, class, false).await;
    let booked = attempts
        .iter()
        .filter(|attempt| attempt.response.status == 201);
    assert_eq!(booked.count(), 20);
    for rejected in attempts
        .iter()
        .filter(|attempt| attempt.response.status != 201)
    {
        rejected.response.expect_code(409, "class_full");
    }
    assert_eq!(app.count("select count(*) from bookings").await, 20);
}

#[tokio::test]
async fn two_thousand_concurrent_members_fill_a_class_and_its_waitlist_in_order_of_arrival() {
    let app = TestApp::start().await;
    let class = app.create_class(20).await;
    let attempts = book_concurrently(&app, class, true).await;
    let rows = app
        .sql("select id::text, waitlist_position from bookings where status = 'waitlisted'")
        .await;
    assert_eq!(rows.len(), 1_980);
    let ticket_of = |id: &Value| {
        let row = rows.iter().find(|row| id == row.get::<_, &str>(0));
        row.map(|row| row.get::<_, i64>(1))
    };
    let mut waitlisted: Vec<(i64, &Attempt)> = attempts
        .iter()
        .filter_map(|attempt| Some((ticket_of(&attempt.response.expect(201)["id"])?, attempt)))
        .collect();
    assert_eq!(waitlisted.len(), 1_980);
    waitlisted.sort_by_key(|(ticket, _)| *ticket);
    // A request that is sent after the response to another one gets a later ticket.
    let mut last_sent = waitlisted[0].1.sent_at;
    for (ticket, attempt) in waitlisted {
        assert!(
            attempt.received_at >= last_sent,
            "ticket {ticket} is out of order"
        );
        last_sent = last_sent.max(attempt.sent_at);
    }
}

#[tokio::test]
async fn random_bookings_and_cancellations_stay_consistent() {
    const STEPS_PER_TASK: usize = 40;

    let app = TestApp::start_with(Settings::default().with("MAX_UNPAID_BOOKINGS", "5")).await;
    let mut classes = Vec::new();
    for spots in [1, 2, 3, 5, 8] {
        classes.push(app.create_class(spots).await);
    }
    let members = app.members(1_200).await;
    let create_url = start_function(&app, CREATE_EXECUTABLE).await;
    let cancel_url = start_function(&app, CANCEL_EXECUTABLE).await;
    let tasks = members.chunks(20).enumerate().map(async |(seed, people)| {
        let mut random = seed as u64 + 1;
        let mut step_count = 0;
        // When a member has reached the hourly limit of bookings, the next member continues.
        for person in people {
            let mut bookings: Vec<Value> = Vec::new();
            let (booking_client, cancelling_client) = (
                person.connected_to_url(&create_url),
                person.connected_to_url(&cancel_url),
            );
            while step_count < STEPS_PER_TASK
                && random_step(
                    &mut random,
                    &classes,
                    &mut bookings,
                    &booking_client,
                    &cancelling_client,
                )
                .await
            {
                step_count += 1;
            }
            for booking in bookings {
                cancel(&cancelling_client, &booking).await.expect(200);
            }
        }
        assert_eq!(step_count, STEPS_PER_TASK);
    });
    while_checking_invariants(&app, futures_util::future::join_all(tasks)).await;
    let promotions = "select count(*) from mail_outbox where kind = 'booking_promoted'";
    assert!(
        app.count(promotions).await > 100,
        "too few members were promoted"
    );
    // Each promoted member was notified once.
    let notifications = "select count(*) from member_events where kind = 'booking_promoted'";
    assert_eq!(app.count(notifications).await, app.count(promotions).await);
}

/// Books or cancels at random. The xorshift generator produces the same numbers in every run,
/// but the choices also depend on the responses. Returns `false` if the member has reached the
/// hourly limit of bookings.
async fn random_step(
    random: &mut u64,
    classes: &[Uuid],
    bookings: &mut Vec<Value>,
    booking_client: &TestClient,
    cancelling_client: &TestClient,
) -> bool {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let choice = *random as usize;
    if choice.is_multiple_of(2) && !bookings.is_empty() {
        let booking = bookings.swap_remove(choice / 2 % bookings.len());
        cancel(cancelling_client, &booking).await.expect(200);
        return true;
    }
    let payload = json!({
        "scheduledClassId": classes[choice / 2 % classes.len()],
        "joinWaitlist": !choice.is_multiple_of(3),
    });
    let response = booking_client.post("/api/bookings/create", payload).await;
    match response.status {
        201 => bookings.push(response.expect(201)),
        429 => return false,
        _ => {
            let code = response.expect(409)["code"].clone();
            assert!(code == "class_full" || code == "already_booked", "{code}");
        }
    }
    true
}
