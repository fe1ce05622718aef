//! `api/events.rs`: server-sent events and the list of past events.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response};
use sabor::runtime::config::Timing;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::bookings::{book, cancel, join_waitlist};
use crate::conventions::{api_description, described_values};
use crate::harness::{Settings, TestApp, TestClient, TestResponse, wait_until};
use crate::payments::{checkout_completed, start_with_stripe};
use crate::shop::create_product;

const PATH: &str = "/api/events";
const EVENTS_EXECUTABLE: &str = env!("CARGO_BIN_EXE_events");

/// An event as a browser's `EventSource` parses it.
#[derive(Debug)]
pub struct Event {
    pub id: Option<String>,
    pub kind: String,
    pub data: Value,
}

/// An open event stream.
pub struct EventStream {
    response: Response,
    /// Received text that has not been parsed.
    unread: String,
    /// The id of the event that the stream starts after. A browser that reconnects
    /// before the first event sends this id.
    pub starts_after: String,
}

fn stream_request(person: &TestClient) -> RequestBuilder {
    person
        .request(Method::GET, PATH)
        .header("accept", "text/event-stream")
}

impl EventStream {
    /// Sends a request and asserts that the response is an event stream.
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        // After any other response, `EventSource` does not reconnect.
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            unread: String::new(),
            starts_after: String::new(),
        }
    }

    /// Opens a stream and reads its first block.
    pub async fn start(request: RequestBuilder) -> Self {
        let mut stream = Self::open(request).await;
        // The first block states where the stream starts.
        let first_block = stream.next_block().await.unwrap();
        let id = first_block.strip_prefix("retry: 1000\nid: ").unwrap();
        stream.starts_after = id.to_owned();
        stream
    }

    /// Returns the text before the next empty line, or `None` at the end of the
    /// stream.
    async fn next_block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let block = block.to_owned();
                self.unread = rest.to_owned();
                return Some(block);
            }
            let next_chunk = timeout(Duration::from_secs(60), self.response.chunk());
            let chunk = next_chunk
                .await
                .expect("the stream must send a chunk within a minute")
                .unwrap()?;
            self.unread += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// Returns the next event, or `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.next_block().await?;
            let field = |name: &str| {
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let Some(kind) = field("event") else {
                continue;
            };
            return Some(Event {
                id: field("id").map(str::to_owned),
                kind: kind.to_owned(),
                data: serde_json::from_str(field("data").unwrap()).unwrap(),
            });
        }
    }

    pub async fn expect(&mut self, kind: &str) -> Event {
        let event = self
            .next()
            .await
            .expect("the stream must send another event");
        assert_eq!(event.kind, kind, "{event:?}");
        event
    }
}

async fn insert_event(app: &TestApp, name: &str, kind: &str, number: u32) {
    app.sql(&format!(
        "insert into member_events (id, user_id, kind, data)
        select gen_random_uuid(), id, '{kind}', '{{\"number\": {number}}}'
        from users where email = '{name}@example.com'"
    ))
    .await;
}

pub fn settings_with_stream_lifetime(life: Duration) -> Settings {
    let timing = Timing {
        stream_lifetime: life,
        ..Timing::default()
    };
    Settings {
        timing: Some(timing),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_member_receives_only_their_own_events_within_two_seconds() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.member("ben").await;
    let mut stream = EventStream::start(stream_request(&ana)).await;
    let headers = stream.response.headers().clone();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    let mut delays = Vec::new();
    for number in 1..=3 {
        insert_event(&app, "ben", "booking_promoted", 9).await;
        let start = Instant::now();
        insert_event(&app, "ana", "booking_promoted", number).await;
        let event = stream.expect("booking_promoted").await;
        delays.push(start.elapsed());
        assert_eq!(event.data["data"], json!({ "number": number }));
        assert_eq!(event.data["kind"], "booking_promoted");
        assert_eq!(event.id.unwrap(), event.data["id"].to_string());
    }
    // Each wait begins just after a poll, so it takes about one poll interval. On a busy
    // machine, some take longer.
    let shortest = delays.iter().min().unwrap();
    assert!(*shortest < Duration::from_secs(2), "{delays:?}");
}

#[tokio::test]
async fn a_client_that_reconnects_before_the_first_event_misses_nothing() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    insert_event(&app, "ana", "class_moved", 1).await;
    let first = EventStream::start(stream_request(&ana)).await;
    let starts_after = first.starts_after.clone();
    drop(first);
    insert_event(&app, "ana", "class_moved", 2).await;
    let request = stream_request(&ana).header("last-event-id", &starts_after);
    let mut second = EventStream::start(request).await;
    assert_eq!(second.starts_after, starts_after);
    let event = second.expect("class_moved").await;
    assert_eq!(event.data["data"]["number"], 2);
}

#[tokio::test]
async fn a_reconnecting_client_receives_each_event_once() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut stream = EventStream::start(stream_request(&ana)).await;
    insert_event(&app, "ana", "class_moved", 1).await;
    let seen_id = stream.expect("class_moved").await.id.unwrap();
    drop(stream);
    // More events than one query returns.
    app.sql(
        "insert into member_events (id, user_id, kind, data)
        select gen_random_uuid(), id, 'class_moved', jsonb_build_object('number', n)
        from users, generate_series(2, 251) n where email = 'ana@example.com'",
    )
    .await;
    let mut stream =
        EventStream::start(stream_request(&ana).header("last-event-id", &seen_id)).await;
    let mut last_id = seen_id.parse::<i64>().unwrap();
    for number in 2..=251 {
        let event = stream.expect("class_moved").await;
        assert_eq!(event.data["data"]["number"], number);
        let id = event.id.unwrap().parse().unwrap();
        assert!(id > last_id);
        last_id = id;
    }
    // Without `Last-Event-ID` a stream starts with new events.
    let mut new_stream = EventStream::start(stream_request(&ana)).await;
    insert_event(&app, "ana", "class_moved", 252).await;
    assert_eq!(
        new_stream.expect("class_moved").await.data["data"]["number"],
        252
    );
}

#[tokio::test]
async fn an_invalid_last_event_id_is_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for id in ["x", "-1", "", "1.5", "99999999999999999999", "1;drop"] {
        let request = stream_request(&ana).header("last-event-id", id);
        let response = TestResponse::read(request.send().await.unwrap()).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body["details"]["Last-Event-ID"].is_array());
    }
    let visitor = app.visitor();
    let response = TestResponse::read(stream_request(&visitor).send().await.unwrap()).await;
    response.expect_code(401, "not_signed_in");
}

#[tokio::test]
async fn a_stream_ends_before_the_platforms_time_limit() {
    let app =
        TestApp::start_with(settings_with_stream_lifetime(Duration::from_millis(1_500))).await;
    let ana = app.member("ana").await;
    let start = Instant::now();
    let mut stream = EventStream::start(stream_request(&ana)).await;
    assert!(stream.next().await.is_none());
    let duration = start.elapsed();
    assert!(duration >= Duration::from_millis(1_400), "{duration:?}");
    assert!(duration < Duration::from_secs(30), "{duration:?}");
    // `maxDuration` in vercel.json is 60 seconds.
    assert!(Timing::default().stream_lifetime <= Duration::from_secs(55));
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone
        .sign_in("ana@example.com", crate::harness::PASSWORD)
        .await
        .expect(200);
    // Waits until the events of both sign-ins are stored, so that the streams start after
    // them.
    let started = "select count(*) from member_events where kind = 'session_started'";
    wait_until(async || app.count(started).await == 2).await;
    let mut stream = EventStream::start(stream_request(&ana)).await;
    let mut phone_stream = EventStream::start(stream_request(&phone)).await;
    phone.post("/api/auth/logout", json!({})).await.expect(200);
    let mut event = phone_stream.expect("session_ended").await;
    if event.id.is_some() {
        // The stored event may come first. It does not say which session ended.
        event = phone_stream.expect("session_ended").await;
    }
    assert_eq!((event.id, event.data), (None, json!({ "current": true })));
    assert!(phone_stream.next().await.is_none());
    let stored = stream.expect("session_ended").await;
    assert!(stored.id.is_some() && stored.data["data"] == json!({}));
    // A stream also ends when its session is deleted from Postgres and Redis.
    app.sql("delete from user_sessions").await;
    app.redis.flush().await.unwrap();
    let ended = stream.expect("session_ended").await;
    assert_eq!(ended.data, json!({ "current": true }));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn sign_ins_and_ended_sessions_are_sent_as_events() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone
        .sign_in("ana@example.com", crate::harness::PASSWORD)
        .await
        .expect(200);
    let started = "select count(*) from member_events where kind = 'session_started'";
    wait_until(async || app.count(started).await == 2).await;
    let list = ana.get("/api/sessions").await.expect(200);
    let id = list["items"][0]["id"].as_str().unwrap();
    ana.delete(&format!("/api/sessions/{id}")).await.expect(200);
    let ended = "select count(*) from member_events where kind = 'session_ended'";
    wait_until(async || app.count(ended).await == 1).await;
    let form = json!({
        "currentPassword": crate::harness::PASSWORD,
        "newPassword": "otra contraseña larga",
    });
    ana.post("/api/auth/change-password", form)
        .await
        .expect(200);
    let kinds: Vec<String> = app
        .sql("select kind from member_events order by seq")
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    let expected = [
        "session_started",
        "session_started",
        "session_ended",
        "sessions_ended",
    ];
    assert_eq!(kinds, expected);
    let logged = "select count(*) from security_events
        where kind in ('signed_up', 'signed_in', 'session_ended', 'password_changed')";
    assert_eq!(app.count(logged).await, 4);
}

#[tokio::test]
async fn every_described_kind_of_event_occurs_and_no_other() {
    let (app, stripe) = start_with_stripe().await;
    let sofia = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    app.visitor().sign_in_as("ana").await.expect(200);
    let list = ana.get("/api/sessions").await.expect(200);
    let id = list["items"][0]["id"].as_str().unwrap();
    ana.delete(&format!("/api/sessions/{id}")).await.expect(200);
    let new_password = json!({
        "currentPassword": crate::harness::PASSWORD,
        "newPassword": "otra contraseña larga",
    });
    ana.post("/api/auth/change-password", new_password)
        .await
        .expect(200);

    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let perform = async |action: &str| {
        let change = json!({ "bookingId": booking["id"], "action": action });
        sofia.patch("/api/admin/bookings", change).await.expect(200);
    };
    perform("markPaid").await;
    join_waitlist(&ben, class).await.expect(201);
    cancel(&ana, &booking).await.expect(200);
    perform("refund").await;
    let moved = book(&ana, app.create_class(1).await).await.expect(201);
    let target = app.create_class(1).await;
    let change = json!({
        "bookingId": moved["id"], "action": "move", "scheduledClassId": target,
    });
    sofia.patch("/api/admin/bookings", change).await.expect(200);
    let instructor = "insert into instructors (id, name) values (gen_random_uuid(), 'Luis')
        returning id::text";
    let instructor: String = app.sql(instructor).await[0].get(0);
    let change = json!({ "occurrence": {
        "id": class, "room": "Garden", "instructorId": instructor,
    }});
    sofia.patch("/api/admin/schedule", change).await.expect(200);
    let path = format!("/api/admin/schedule?occurrenceId={class}");
    sofia.delete(&path).await.expect(200);

    let product = create_product(&sofia, json!({})).await;
    let order = json!({ "productId": product["id"] });
    let order = ana.post("/api/shop/order", order).await.expect(201);
    let session = stripe.session_by_url(&order["checkoutUrl"]);
    let paid = checkout_completed(&stripe.complete_checkout(&session));
    app.deliver_event(&paid).await.expect(200);
    let refund = json!({ "orderId": order["id"], "amount": "150" });
    sofia.patch("/api/admin/orders", refund).await.expect(200);

    let events = async || [ana.get_all(PATH).await, ben.get_all(PATH).await].concat();
    let kinds_of = |events: &[Value]| {
        let kinds = events.iter().map(|event| event["kind"].as_str().unwrap());
        kinds.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let document = api_description();
    let schemas = &document["components"]["schemas"];
    let mapping = &schemas["MemberEvent"]["discriminator"]["mapping"];
    let described: BTreeSet<_> = mapping.as_object().unwrap().keys().cloned().collect();
    // Some events are recorded after the response.
    wait_until(async || kinds_of(&events().await).len() >= described.len()).await;
    let events = events().await;
    assert_eq!(kinds_of(&events), described);
    // Each event has the kind and the data of the variant that the description names.
    let name_of = |reference: &Value| {
        let (_, name) = reference.as_str().unwrap().rsplit_once('/').unwrap();
        name.to_owned()
    };
    for event in &events {
        let kind = event["kind"].as_str().unwrap();
        let variant = name_of(&mapping[kind]);
        assert!(described_values(&format!("{variant}Kind")).contains(kind));
        let properties = schemas[&variant]["properties"].as_object().unwrap();
        assert!(
            properties.keys().eq(event.as_object().unwrap().keys()),
            "{event}"
        );
        let data = schemas[format!("{variant}Data")]["properties"].as_object();
        let data: Vec<_> = data.into_iter().flat_map(|data| data.keys()).collect();
        let keys: Vec<_> = event["data"].as_object().unwrap().keys().collect();
        assert_eq!(keys, data, "{event}");
    }
    let variants: BTreeSet<_> = mapping.as_object().unwrap().values().map(name_of).collect();
    let described_kinds = variants
        .iter()
        .map(|name| described_values(&format!("{name}Kind")));
    assert_eq!(
        described_kinds.flatten().collect::<BTreeSet<_>>(),
        described
    );
}

#[tokio::test]
async fn a_stream_ends_when_postgres_fails() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut stream = EventStream::start(stream_request(&ana)).await;
    insert_event(&app, "ana", "class_moved", 1).await;
    stream.expect("class_moved").await;
    app.app.db().close();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_holds_no_database_connection_between_polls() {
    let app = TestApp::start_with(Settings::default().with("POSTGRES_POOL_MAX", "1")).await;
    let ana = app.member("ana").await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(EventStream::start(stream_request(&ana)).await);
    }
    assert!(ana.is_signed_in().await);
    insert_event(&app, "ana", "class_moved", 1).await;
    for stream in &mut streams {
        stream.expect("class_moved").await;
    }
}

#[tokio::test]
async fn a_sixth_stream_is_refused_with_a_retry_delay_and_misses_nothing() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(EventStream::start(stream_request(&ana)).await);
    }
    let mut sixth = EventStream::open(stream_request(&ana)).await;
    let refusal = sixth.next_block().await.unwrap();
    assert!(sixth.next_block().await.is_none());
    let (comment, id) = refusal.split_once("\nretry: 30000\nid: ").unwrap();
    assert!(
        comment.starts_with(": ") && !comment.contains('\n'),
        "{comment}"
    );
    let reconnect = || EventStream::open(stream_request(&ana).header("last-event-id", id));
    insert_event(&app, "ana", "class_moved", 1).await;
    assert_eq!(reconnect().await.next_block().await.unwrap(), refusal);
    ana.get(PATH).await.expect(200);
    let ben = app.member("ben").await;
    EventStream::start(stream_request(&ben)).await;
    streams.pop();
    // The server notices that a stream is closed only at the next write to the stream or the
    // next check of the stream.
    let mut accepted = None;
    wait_until(async || {
        let mut stream = reconnect().await;
        let is_refused = stream.next_block().await.unwrap() == refusal;
        accepted = Some(stream);
        !is_refused
    })
    .await;
    let event = accepted.unwrap().expect("class_moved").await;
    assert_eq!(event.data["data"]["number"], 1);
}

#[tokio::test]
async fn past_events_are_listed_page_by_page() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.member("ben").await;
    app.sql("delete from member_events").await;
    for number in 1..=5 {
        insert_event(&app, "ana", "class_moved", number).await;
        insert_event(&app, "ben", "class_moved", 9).await;
    }
    let events = ana.get_all(&format!("{PATH}?limit=2")).await;
    let numbers: Vec<_> = events
        .iter()
        .map(|event| &event["data"]["number"])
        .collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_function_keeps_its_invocation_open_while_streaming_and_ends_streams_on_sigterm() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut function = app.start_function(EVENTS_EXECUTABLE).await;
    let request = stream_request(&ana.connected_to_url(&function.url))
        .header("x-vercel-internal-invocation-id", "i")
        .header("x-vercel-internal-request-id", "7");
    let mut stream = EventStream::start(request).await;
    insert_event(&app, "ana", "class_moved", 1).await;
    stream.expect("class_moved").await;
    let early_message = timeout(Duration::from_millis(100), function.next_message()).await;
    assert!(
        early_message.is_err(),
        "the invocation ended before the stream"
    );
    let start = Instant::now();
    function.send_signal("TERM").await;
    assert!(stream.next().await.is_none());
    assert!(function.wait_for_exit().await.success());
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
}
