//! The log of a run: requests, confirmed changes and violations.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::body::Bytes;
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::environment::Operation;

/// The response to a request, or the lack of one.
pub(super) struct ApiResponse {
    pub(super) sent_at: Instant,
    pub(super) received_at: Instant,
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// `Null` if the response has no JSON body.
    pub(super) body: Value,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Success,
    /// 4xx.
    Rejected,
    /// 503. As with the outcomes below, it is unknown whether the change was made.
    Unavailable,
    /// Another 5xx.
    ServerError,
    /// The connection was refused or closed, or the client timed out.
    NoResponse,
}

impl Outcome {
    pub(super) fn is_definite(self) -> bool {
        matches!(self, Self::Success | Self::Rejected)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Rejected => "4xx",
            Self::Unavailable => "503",
            Self::ServerError => "500",
            Self::NoResponse => "cut off",
        }
    }
}

impl ApiResponse {
    pub(super) fn new(sent_at: Instant, response: Option<Response<Bytes>>) -> Self {
        let (status, headers, body) = match response {
            Some(response) => {
                let (head, body) = response.into_parts();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                (head.status.as_u16(), head.headers, body)
            }
            None => (0, HeaderMap::new(), Value::Null),
        };
        Self {
            sent_at,
            received_at: Instant::now(),
            outcome: match status {
                0 => Outcome::NoResponse,
                200..=299 => Outcome::Success,
                503 => Outcome::Unavailable,
                500.. => Outcome::ServerError,
                _ => Outcome::Rejected,
            },
            status,
            headers,
            body,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    pub(super) fn id(&self) -> Option<Uuid> {
        self.text("id")?.parse().ok()
    }

    pub(super) fn is(&self, status: StatusCode, code: &str) -> bool {
        self.status == status.as_u16() && self.text("code") == Some(code)
    }

    /// Returns the session cookie that the response sets, as `name=value`.
    pub(super) fn cookie(&self) -> Option<String> {
        let cookies = self.headers.get_all("set-cookie").iter();
        let mut cookies = cookies.filter_map(|value| value.to_str().ok()?.split(';').next());
        let cookie = cookies.find(|pair| pair.starts_with("__Host-sabor_session="));
        cookie.map(str::to_owned)
    }

    /// Returns whether an error response has the documented fields and headers.
    fn is_as_documented(&self) -> bool {
        let has_fields = ["error", "code", "requestId"].map(|name| self.text(name).is_some());
        let has_retry_after =
            !matches!(self.status, 429 | 503) || self.headers.contains_key("retry-after");
        matches!(self.outcome, Outcome::Success | Outcome::NoResponse)
            || has_fields == [true; 3] && has_retry_after
    }
}

/// A finished request.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) operation: Operation,
    pub(super) sent_at: Instant,
    pub(super) received_at: Instant,
    pub(super) outcome: Outcome,
}

/// The state of a session as its client knows it.
#[derive(Clone, Copy)]
pub(super) enum SessionState {
    Active,
    /// A client has requested the end of the session and has no definite response yet.
    Ending,
    Ended(SessionEnd),
}

/// The end of a session.
#[derive(Clone, Copy)]
pub(super) struct SessionEnd {
    pub(super) at: Instant,
    /// Whether the response confirmed the end. If not, a retry found that the session had
    /// ended, and the first process may have died before it updated Redis.
    pub(super) confirmed: bool,
}

/// A check that accepted an ended session.
#[derive(Clone, Copy)]
pub(super) struct StaleRead {
    pub(super) ended: SessionEnd,
    pub(super) sent_at: Instant,
}

/// A confirmed booking.
#[derive(Clone, Copy)]
pub(super) struct Booking {
    pub(super) class: Uuid,
    /// Whether it has a spot. Otherwise it is on the waitlist.
    pub(super) has_spot: bool,
}

/// Confirmed changes other than sessions.
#[derive(Default)]
pub(super) struct Confirmed {
    pub(super) booked: HashMap<Uuid, Booking>,
    /// Bookings whose cancellation was requested.
    pub(super) cancellation_requested: HashSet<Uuid>,
    pub(super) cancelled: HashSet<Uuid>,
    pub(super) messages: HashSet<Uuid>,
    /// E-mail addresses.
    pub(super) registered: HashSet<String>,
    /// The time each token was issued.
    pub(super) issued: HashMap<Uuid, Instant>,
    /// The time each redeemed token was issued.
    pub(super) redeemed: HashMap<Uuid, Instant>,
    /// The last refresh token of each session with tokens.
    pub(super) refresh_tokens: HashSet<String>,
}

/// The log of one run.
#[derive(Default)]
pub(super) struct Log {
    requests: Mutex<Vec<Request>>,
    sessions: Mutex<HashMap<String, SessionState>>,
    /// In the order in which they ended.
    ended: Mutex<Vec<(String, SessionEnd)>>,
    stale_reads: Mutex<Vec<StaleRead>>,
    confirmed: Mutex<Confirmed>,
    violations: Mutex<BTreeMap<String, usize>>,
}

impl Log {
    pub(super) fn record(&self, operation: Operation, response: &ApiResponse) {
        if !response.is_as_documented() {
            let (name, status) = (operation.name(), response.status);
            self.record_violation(format!(
                "{name}: {status} without the documented fields or headers"
            ));
        }
        lock(&self.requests).push(Request {
            operation,
            sent_at: response.sent_at,
            received_at: response.received_at,
            outcome: response.outcome,
        });
    }

    /// Records behavior that no fault justifies.
    pub(super) fn record_violation(&self, message: impl Into<String>) {
        *lock(&self.violations).entry(message.into()).or_default() += 1;
    }

    pub(super) fn confirmed(&self) -> MutexGuard<'_, Confirmed> {
        lock(&self.confirmed)
    }

    pub(super) fn set_session(&self, cookie: &str, state: SessionState) {
        lock(&self.sessions).insert(cookie.to_owned(), state);
        if let SessionState::Ended(ended) = state {
            lock(&self.ended).push((cookie.to_owned(), ended));
        }
    }

    /// Records that the session ended now.
    pub(super) fn end_session(&self, cookie: &str, confirmed: bool) {
        let at = Instant::now();
        self.set_session(cookie, SessionState::Ended(SessionEnd { at, confirmed }));
    }

    pub(super) fn is_active(&self, cookie: &str) -> bool {
        matches!(lock(&self.sessions).get(cookie), Some(SessionState::Active))
    }

    /// Returns the cookies of the active sessions.
    pub(super) fn active_sessions(&self) -> Vec<String> {
        let sessions = lock(&self.sessions);
        let active = sessions
            .iter()
            .filter(|(_, state)| matches!(state, SessionState::Active));
        active.map(|(cookie, _)| cookie.clone()).collect()
    }

    /// Returns the ended sessions in order.
    pub(super) fn ended_sessions(&self) -> Vec<(String, SessionEnd)> {
        lock(&self.ended).clone()
    }

    pub(super) fn record_stale_read(&self, read: StaleRead) {
        lock(&self.stale_reads).push(read);
    }

    pub(super) fn stale_reads(&self) -> Vec<StaleRead> {
        lock(&self.stale_reads).clone()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// Returns each violation with its count.
    pub(super) fn violations(&self) -> BTreeMap<String, usize> {
        lock(&self.violations).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
