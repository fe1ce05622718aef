//! A member's events as they happen: server-sent events, as the HTML standard
//! has them.
//!
//! A stream looks each second, ends itself before the platform does, and the
//! browser comes back with the number of the last event that it has seen. It
//! holds no connection to Postgres between two looks. While it is open the
//! session counts as used.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::{Bytes, Frame};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::Member;
use crate::models::member_event::{self, MemberEvent, Shown};
use crate::session::Key;
use crate::store::postgres::chain;
use crate::{App, BoxFuture};

/// How often a stream looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it is silent at most, so that nobody on the way takes it for dead.
const SILENCE: Duration = Duration::from_secs(10);

/// What a stream begins with: how long a browser waits before it comes back, in
/// milliseconds, and from where on it is told, which it takes for the number
/// of the last event. Without it, whoever was told of nothing before the stream
/// ended would miss what happens until it is back.
fn beginning(after: i64) -> String {
    format!("retry: 1000\nid: {after}\n\n")
}

/// All that is said to whoever has too many open: to come back in half a
/// minute, and from where on they are then told. Not 429: a browser comes back
/// after an answer that ends, and never after one that is a failure.
fn refusal(after: i64) -> String {
    format!(": {MOST_STREAMS} streams are open already\nretry: 30000\nid: {after}\n\n")
}

/// What it says when the session has ended. Without a number, and told from
/// the end of another session by its data.
const ENDED: &str = "event: session_ended\ndata: {\"current\":true}\n\n";

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
            return Ok(answer(refusal(after).into()));
        };
        let stream = Stream {
            place,
            // The development account has none: its cookie is judged when it
            // comes back.
            key: member.key().ok().cloned(),
            after,
            ends,
            looks_at: Instant::now(),
            spoke_at: Instant::now(),
            is_over: false,
        };
        let begun = (Box::new(stream), beginning(after));
        let body = StreamBody(Some(Box::pin(std::future::ready(Some(begun)))));
        Ok(answer(Body::new(body)))
    })
}

fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // What stands between is to pass each event on as it comes.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
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
    spoke_at: Instant,
    is_over: bool,
}

impl Stream {
    /// What to send next. `None`: it ends, and whoever wants more comes back.
    async fn next(&mut self) -> Option<String> {
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
                Ok(text) if !text.is_empty() => {
                    self.spoke_at = Instant::now();
                    return Some(text);
                }
                Ok(_) if self.spoke_at.elapsed() >= SILENCE => {
                    self.spoke_at = Instant::now();
                    return Some(":\n\n".to_owned());
                }
                Ok(_) => {}
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

    async fn look(&mut self) -> Result<String> {
        let (app, user_id, after) = (&self.place.app, self.place.user_id, self.after);
        if let Some(key) = &self.key {
            let session = app.sessions().get(key).await?;
            let user = session.and_then(|session| session.user);
            if user.is_none_or(|user| user.id != user_id) {
                self.is_over = true;
                return Ok(ENDED.to_owned());
            }
        }
        let events = app
            .db()
            .read(async move |client| member_event::after(client, user_id, after, BATCH).await)
            .await?;
        let more = events.len() as i64 == BATCH;
        self.looks_at = Instant::now() + if more { Duration::ZERO } else { PAUSE };
        self.after = events.last().map_or(after, |event| event.seq);
        events.into_iter().map(text).collect()
    }
}

/// One event. JSON has no line breaks, and a kind is a word of ours.
fn text(event: MemberEvent) -> Result<String> {
    let (seq, kind) = (event.seq, event.kind.clone());
    let data = serde_json::to_string(&Shown::from(event));
    let data = data.map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(format!("id: {seq}\nevent: {kind}\ndata: {data}\n\n"))
}

type Next = BoxFuture<'static, Option<(Box<Stream>, String)>>;

/// A stream as a body: whoever hangs up drops it, wherever it stands.
struct StreamBody(Option<Next>);

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(next) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match ready!(next.as_mut().poll(context)) {
            Some((mut stream, text)) => {
                self.0 = Some(Box::pin(async move {
                    let text = stream.next().await?;
                    Some((stream, text))
                }));
                Poll::Ready(Some(Ok(Frame::data(text.into()))))
            }
            None => {
                self.0 = None;
                Poll::Ready(None)
            }
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

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
