//! A stream of server-sent events that polls Postgres.
//!
//! A stream polls every second and holds no connection between polls. It ends before the
//! platform's time limit, and the browser reconnects with the id of the last event that it has
//! received. Each poll counts as a use of the session.

use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, Instant};

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};

use crate::App;
use crate::error::{Error, Result, chain};
use crate::notify::event_streams::{MAX_STREAMS, StreamSlot};

const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The interval of comments on a stream without events, so that no proxy closes it.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// The maximum number of events that a poll reads.
pub(super) const MAX_EVENTS_PER_POLL: i64 = 100;

/// Where the events of a stream come from.
pub(super) trait EventSource: Send + 'static {
    /// Reads the events since the last poll, and checks that the session may receive them.
    fn poll(&mut self, app: &App) -> impl Future<Output = Result<Polled>> + Send;
}

/// The result of a poll.
pub(super) enum Polled {
    /// The next events. If there are more, the next poll follows at once.
    Events { events: Vec<Event>, has_more: bool },
    /// The session may not receive the events any longer. This is the last event.
    Ended(Event),
}

/// Returns the response that streams the events of `source` after the event `after_id`. Without
/// a slot, the stream ends at once.
pub(super) fn respond<S: EventSource>(
    app: &App,
    source: S,
    slot: Option<StreamSlot>,
    after_id: &str,
) -> Response {
    let Some(slot) = slot else {
        return response(stream::once(ready(too_many_streams(after_id))));
    };
    let poller = EventPoller {
        app: app.clone(),
        source,
        _slot: slot,
        ends_at: Instant::now() + app.config().timing.stream_lifetime,
        next_poll_at: Instant::now(),
        has_ended: false,
    };
    let batches = stream::unfold(poller, |mut poller| async move {
        let events = poller.next().await?;
        Some((events, poller))
    });
    let first = stream::once(ready(first_event(after_id)));
    response(first.chain(batches.flat_map(stream::iter)))
}

/// Reads the header `Last-Event-ID`.
///
/// # Errors
///
/// [`Error::Invalid`] if `parse` returns `None`.
pub(super) fn last_event_id<T>(
    headers: &HeaderMap,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    match value.to_str().ok().and_then(parse) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::field("Last-Event-ID", "must be the id of an event")),
    }
}

/// Returns the first event of a stream. It sets the browser's reconnection delay and the
/// id after which the stream begins. A browser that reconnects before it receives
/// another event sends this id, and so misses no event.
fn first_event(after_id: &str) -> Event {
    Event::default().retry(Duration::from_secs(1)).id(after_id)
}

/// Returns the only event of a stream that exceeds the member's limit. The browser
/// reconnects after 30 seconds and continues after `after_id`. The response is not a 429,
/// because browsers reconnect when a stream ends, but not when the request fails.
fn too_many_streams(after_id: &str) -> Event {
    Event::default()
        .comment(format!("{MAX_STREAMS} streams are open already"))
        .retry(Duration::from_secs(30))
        .id(after_id)
}

fn response(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_INTERVAL);
    let stream = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive);
    let headers = [
        (CACHE_CONTROL, "no-store"),
        // Proxies must not buffer events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, stream).into_response()
}

/// Polls the source of a stream.
struct EventPoller<S> {
    app: App,
    source: S,
    _slot: StreamSlot,
    ends_at: Instant,
    next_poll_at: Instant,
    has_ended: bool,
}

impl<S: EventSource> EventPoller<S> {
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
            let polling = self.source.poll(&self.app);
            let Ok(polled) = tokio::time::timeout_at(deadline, polling).await else {
                return None;
            };
            match polled {
                Ok(Polled::Ended(last)) => {
                    self.has_ended = true;
                    return Some(vec![last]);
                }
                Ok(Polled::Events { events, has_more }) => {
                    let pause = if has_more {
                        Duration::ZERO
                    } else {
                        POLL_INTERVAL
                    };
                    self.next_poll_at = Instant::now() + pause;
                    if !events.is_empty() {
                        return Some(events);
                    }
                }
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
}
