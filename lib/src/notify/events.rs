//! A member's events as they happen: server-sent events, as the HTML standard
//! has them.
//!
//! A stream looks each second, ends itself before the platform does, and the
//! browser comes back with the number of the last event that it has seen. It
//! holds no connection to Postgres between two looks. While it is open the
//! session counts as used.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::Member;
use crate::models::member_event::{self, MemberEvent, Shown};
use crate::session::Key;
use crate::store::postgres::chain;
use crate::{App, BoxFuture};

/// How often a stream looks.
const PAUSE: Duration = Duration::from_secs(1);

/// A stream without events sends a comment this often, so that no proxy on the
/// way closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Returns the first event of a stream: how long the browser waits before it
/// reconnects, and the id after which the stream begins. The browser sends this
/// id when it reconnects before any other event, and so misses nothing.
fn first_event(after: i64) -> Event {
    Event::default()
        .retry(Duration::from_secs(1))
        .id(after.to_string())
}

/// Returns the only event that a member with too many streams gets: reconnect in
/// half a minute, and continue after this id. It is not a 429, because a browser
/// reconnects after a response that ends, but never after one that failed.
fn refusal(after: i64) -> Event {
    Event::default()
        .comment(format!("{MOST_STREAMS} streams are open already"))
        .retry(Duration::from_secs(30))
        .id(after.to_string())
}

/// Returns the last event of a stream whose session has ended. It has no id, and
/// its data distinguishes it from the end of another session.
fn session_ended() -> Event {
    Event::default()
        .event("session_ended")
        .data(r#"{"current":true}"#)
}

/// How many events are read at once.
const BATCH: i64 = 100;

/// How many streams a member may have open in one process: each asks both
/// stores once a second. A further one ends at once, for if it ended the oldest,
/// that browser would come back in a second and end the next.
const MOST_STREAMS: usize = 5;

/// The streams of this process.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: Mutex<HashMap<Uuid, usize>>,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member's place among the streams; given back when it is dropped.
struct Place {
    app: App,
    user_id: Uuid,
}

impl Place {
    /// `None` when the member has too many.
    fn take(app: &App, user_id: Uuid) -> Option<Self> {
        let mut open = app.streams().lock();
        let count = open.entry(user_id).or_default();
        if *count >= MOST_STREAMS {
            return None;
        }
        *count += 1;
        Some(Self {
            app: app.clone(),
            user_id,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.app.streams().lock();
        if let Some(count) = open.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user_id);
            }
        }
    }
}

/// The member's events from now on, or from the one after `Last-Event-ID`.
///
/// # Errors
///
/// [`Error::Invalid`] when `Last-Event-ID` is none; [`Error::Unavailable`].
pub fn stream<'a>(
    app: &'a App,
    member: &'a Member,
    headers: &'a HeaderMap,
) -> BoxFuture<'a, Result<Response>> {
    Box::pin(async move {
        let user_id = member.user.id;
        let ends = Instant::now() + app.config().timing.stream_life;
        let seen = last_event_id(headers)?;
        let place = Place::take(app, user_id);
        let after = match seen {
            Some(seen) => seen,
            None => {
                app.db()
                    .read(async move |client| member_event::latest(client, user_id).await)
                    .await?
            }
        };
        let Some(place) = place else {
            return Ok(respond(stream::once(ready(refusal(after)))));
        };
        let stream = Stream {
            place,
            // The development account has none: its cookie is judged when it
            // comes back.
            key: member.key().ok().cloned(),
            after,
            ends,
            looks_at: Instant::now(),
            is_over: false,
        };
        let batches = stream::unfold(stream, |mut stream| async move {
            let events = stream.next().await?;
            Some((events, stream))
        });
        let first = stream::once(ready(first_event(after)));
        Ok(respond(first.chain(batches.flat_map(stream::iter))))
    })
}

fn respond(events: impl stream::Stream<Item = Event> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let stream = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive);
    let headers = [
        (CACHE_CONTROL, "no-store"),
        // Proxies must pass each event on as it comes.
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

struct Stream {
    place: Place,
    key: Option<Key>,
    /// The number of the last event that was told.
    after: i64,
    ends: Instant,
    looks_at: Instant,
    is_over: bool,
}

impl Stream {
    /// Waits for the next events. Returns `None` when the stream ends; the
    /// browser then reconnects.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let ending = self.place.app.ending().clone();
        while !self.is_over {
            let wake = self.looks_at.min(self.ends);
            tokio::select! {
                () = ending.cancelled() => return None,
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            if Instant::now() >= self.ends {
                return None;
            }
            let ends = self.ends.into();
            let Ok(seen) = tokio::time::timeout_at(ends, self.look()).await else {
                return None;
            };
            match seen {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(events),
                // Better an end that the browser sees than a silence that it
                // takes for "nothing has happened".
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "stream of events ended");
                    return None;
                }
            }
        }
        None
    }

    async fn look(&mut self) -> Result<Vec<Event>> {
        let (app, user_id, after) = (&self.place.app, self.place.user_id, self.after);
        if let Some(key) = &self.key {
            let session = app.sessions().get(key).await?;
            let user = session.and_then(|session| session.user);
            if user.is_none_or(|user| user.id != user_id) {
                self.is_over = true;
                return Ok(vec![session_ended()]);
            }
        }
        let events = app
            .db()
            .read(async move |client| member_event::after(client, user_id, after, BATCH).await)
            .await?;
        let more = events.len() as i64 == BATCH;
        self.looks_at = Instant::now() + if more { Duration::ZERO } else { PAUSE };
        self.after = events.last().map_or(after, |event| event.seq);
        events.into_iter().map(to_sse).collect()
    }
}

fn to_sse(event: MemberEvent) -> Result<Event> {
    let sse = Event::default()
        .id(event.seq.to_string())
        .event(&event.kind);
    sse.json_data(Shown::from(event))
        .map_err(|error| Error::Internal(Box::new(error)))
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use http::HeaderValue;

    use super::*;
    use crate::testing::arbitrary::{fair, header_value, headers};

    proptest! {
        #[test]
        fn the_last_event_is_a_number_or_refused(told in header_value(), number in any::<i64>()) {
            let read = |value| fair(last_event_id(&headers("last-event-id", vec![value]))).flatten();
            assert!(read(told).is_none_or(|number| number >= 0));
            let named = HeaderValue::from_str(&number.to_string()).unwrap();
            assert_eq!(read(named), (number >= 0).then_some(number));
        }
    }
}
