//! A member's events, as a list and as a stream of server-sent events.
//!
//! A stream polls Postgres every second and holds no connection between polls. It ends
//! before the platform's time limit, and the browser reconnects with the id of the
//! last event that it has received. Each poll counts as a use of the session.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, Instant};

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream, StreamExt};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result, chain};
use crate::http::{List, Member};
use crate::models::member_event::{self, MemberEvent, MemberEventKind};
use crate::notify::event_schema::MemberEventSchema;
use crate::notify::event_streams::{MAX_STREAMS, StreamSlot};
use crate::session::SessionKey;
use crate::store::page::Page;
use crate::{App, BoxFuture};

const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The interval of comments on a stream without events, so that no proxy closes it.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Returns the first event of a stream. It sets the browser's reconnection delay and the
/// id after which the stream begins. A browser that reconnects before it receives
/// another event sends this id, and so misses no event.
fn first_event(after_id: i64) -> Event {
    Event::default()
        .retry(Duration::from_secs(1))
        .id(after_id.to_string())
}

/// Returns the only event of a stream that exceeds the member's limit. The browser
/// reconnects after 30 seconds and continues after `after_id`. The response is not a 429,
/// because browsers reconnect when a stream ends, but not when the request fails.
fn too_many_streams(after_id: i64) -> Event {
    Event::default()
        .comment(format!("{MAX_STREAMS} streams are open already"))
        .retry(Duration::from_secs(30))
        .id(after_id.to_string())
}

/// Returns the last event of a stream whose session has ended. The event has no id, because
/// it is not stored. `current` distinguishes it from an event about the end of another
/// session.
fn session_ended() -> Event {
    Event::default()
        .event(MemberEventKind::SessionEnded.as_str())
        .data(r#"{"current":true}"#)
}

const MAX_EVENTS_PER_POLL: i64 = 100;

/// A member's event, as the API returns it in lists and streams. Its schema is
/// `MemberEventSchema`, because the kind and the data come from the database as they are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberEventView {
    id: i64,
    kind: String,
    data: Value,
    created_at: DateTime<Utc>,
}

impl PartialSchema for MemberEventView {
    fn schema() -> RefOr<Schema> {
        MemberEventSchema::schema()
    }
}

impl ToSchema for MemberEventView {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("MemberEvent")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MemberEventSchema::schemas(schemas);
    }
}

impl From<MemberEvent> for MemberEventView {
    fn from(event: MemberEvent) -> Self {
        Self {
            id: event.seq,
            kind: event.kind,
            data: event.data,
            created_at: event.created_at,
        }
    }
}

/// Lists the member's events, newest first.
pub fn list<'a>(
    app: &'a App,
    member: &'a Member,
    page: Page,
) -> BoxFuture<'a, Result<List<MemberEventView>>> {
    Box::pin(async move {
        let client = app.db().client().await?;
        let events = member_event::list(&client, member.user.id, &page).await?;
        Ok(List::new(
            events,
            page,
            MemberEvent::position,
            MemberEventView::from,
        ))
    })
}

/// Streams the member's new events, or those after `Last-Event-ID`.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when `Last-Event-ID` is invalid.
pub fn stream<'a>(
    app: &'a App,
    member: &'a Member,
    headers: &'a HeaderMap,
) -> BoxFuture<'a, Result<Response>> {
    Box::pin(async move {
        let user_id = member.user.id;
        let ends_at = Instant::now() + app.config().timing.stream_lifetime;
        let last_seen = last_event_id(headers)?;
        let slot = app.streams().take_slot(user_id);
        let after_id = match last_seen {
            Some(id) => id,
            None => {
                app.db()
                    .read(async move |client| member_event::latest_seq(client, user_id).await)
                    .await?
            }
        };
        let Some(slot) = slot else {
            return Ok(respond(stream::once(ready(too_many_streams(after_id)))));
        };
        let poller = EventPoller {
            app: app.clone(),
            user_id,
            _slot: slot,
            // The demo account has no session key. The cookie of the demo account is checked
            // when the browser reconnects.
            key: member.key().ok().cloned(),
            after_id,
            ends_at,
            next_poll_at: Instant::now(),
            has_ended: false,
        };
        let batches = stream::unfold(poller, |mut poller| async move {
            let events = poller.next().await?;
            Some((events, poller))
        });
        let first = stream::once(ready(first_event(after_id)));
        Ok(respond(first.chain(batches.flat_map(stream::iter))))
    })
}

fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_INTERVAL);
    let stream = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive);
    let headers = [
        (CACHE_CONTROL, "no-store"),
        // Proxies must not buffer events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, stream).into_response()
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    match number.filter(|number| *number >= 0) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::field("Last-Event-ID", "must be the id of an event")),
    }
}

/// Polls Postgres for the events of a stream.
struct EventPoller {
    app: App,
    user_id: Uuid,
    _slot: StreamSlot,
    key: Option<SessionKey>,
    /// The id of the last event that was sent.
    after_id: i64,
    ends_at: Instant,
    next_poll_at: Instant,
    has_ended: bool,
}

impl EventPoller {
    /// Waits for the next events. Returns `None` when the stream ends; the
    /// browser then reconnects.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let shutting_down = self.app.shutting_down().clone();
        while !self.has_ended {
            let wake_at = self.next_poll_at.min(self.ends_at);
            tokio::select! {
                () = shutting_down.cancelled() => return None,
                () = tokio::time::sleep_until(wake_at.into()) => {}
            }
            if Instant::now() >= self.ends_at {
                return None;
            }
            let deadline = self.ends_at.into();
            let Ok(polled) = tokio::time::timeout_at(deadline, self.poll()).await else {
                return None;
            };
            match polled {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(events),
                // The stream ends, so that the browser reconnects. If it stayed open, the
                // browser could not tell the failure from a time without events.
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "event stream failed");
                    return None;
                }
            }
        }
        None
    }

    async fn poll(&mut self) -> Result<Vec<Event>> {
        let (app, user_id, after_id) = (&self.app, self.user_id, self.after_id);
        if let Some(key) = &self.key {
            let session = app.sessions().get(key).await?;
            let user = session.and_then(|session| session.user);
            if user.is_none_or(|user| user.id != user_id) {
                self.has_ended = true;
                return Ok(vec![session_ended()]);
            }
        }
        let events = app
            .db()
            .read(async move |client| {
                member_event::list_after(client, user_id, after_id, MAX_EVENTS_PER_POLL).await
            })
            .await?;
        let is_full = events.len() as i64 == MAX_EVENTS_PER_POLL;
        let pause = if is_full {
            Duration::ZERO
        } else {
            POLL_INTERVAL
        };
        self.next_poll_at = Instant::now() + pause;
        self.after_id = events.last().map_or(after_id, |event| event.seq);
        events.into_iter().map(to_sse).collect()
    }
}

fn to_sse(event: MemberEvent) -> Result<Event> {
    let sse = Event::default()
        .id(event.seq.to_string())
        .event(&event.kind);
    sse.json_data(MemberEventView::from(event))
        .map_err(|error| Error::Internal(Box::new(error)))
}

#[cfg(test)]
mod properties {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{header_value, headers, parsed_or_client_error};

    proptest! {
        #[test]
        fn the_last_event_id_is_a_sequence_number(value in header_value(), number in any::<i64>()) {
            let read = |value| parsed_or_client_error(last_event_id(&headers("last-event-id", vec![value]))).flatten();
            assert!(read(value).is_none_or(|number| number >= 0));
            let header = HeaderValue::from_str(&number.to_string()).unwrap();
            assert_eq!(read(header), (number >= 0).then_some(number));
        }
    }
}
