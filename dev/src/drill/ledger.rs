//! What was asked for, what was confirmed, and what cannot be explained.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::body::Bytes;
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::stage::Kind;

/// An answer, or that there was none.
pub(super) struct Answer {
    pub(super) asked: Instant,
    pub(super) answered: Instant,
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Null where there is none.
    pub(super) body: Value,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Done,
    /// 4xx.
    Refused,
    /// 503: it may have happened, or not; so with what follows.
    Unavailable,
    /// Another 5xx.
    Broken,
    /// No answer.
    Cut,
}

impl Outcome {
    pub(super) fn is_known(self) -> bool {
        matches!(self, Self::Done | Self::Refused)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "2xx",
            Self::Refused => "4xx",
            Self::Unavailable => "503",
            Self::Broken => "500",
            Self::Cut => "cut off",
        }
    }
}

impl Answer {
    pub(super) fn new(asked: Instant, answer: Option<Response<Bytes>>) -> Self {
        let (status, headers, body) = match answer {
            Some(answer) => {
                let (head, body) = answer.into_parts();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                (head.status.as_u16(), head.headers, body)
            }
            None => (0, HeaderMap::new(), Value::Null),
        };
        Self {
            asked,
            answered: Instant::now(),
            outcome: match status {
                0 => Outcome::Cut,
                200..=299 => Outcome::Done,
                503 => Outcome::Unavailable,
                500.. => Outcome::Broken,
                _ => Outcome::Refused,
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

    /// The session's cookie that it sets, by name and value.
    pub(super) fn cookie(&self) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter();
        let mut set = set.filter_map(|value| value.to_str().ok()?.split(';').next());
        let cookie = set.find(|pair| pair.starts_with("__Host-sabor_session="));
        cookie.map(str::to_owned)
    }

    /// Whether a failure is told as the README says.
    fn is_as_documented(&self) -> bool {
        let told = ["error", "code", "requestId"].map(|name| self.text(name).is_some());
        let when = !matches!(self.status, 429 | 503) || self.headers.contains_key("retry-after");
        matches!(self.outcome, Outcome::Done | Outcome::Cut) || told == [true; 3] && when
    }
}

/// A request, when it is over.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) asked: Instant,
    pub(super) answered: Instant,
    pub(super) outcome: Outcome,
}

/// How a session stands that somebody signed in to.
#[derive(Clone, Copy)]
pub(super) enum Standing {
    Alive,
    /// Somebody has asked to end it, and does not know yet.
    Ending,
    Ended(Ended),
}

#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) at: Instant,
    /// Whether who ended it confirmed that. Else it was gone when asked again, and
    /// the process that ended it may have died before Redis heard of it.
    pub(super) confirmed: bool,
}

/// A check of a session that had ended, answered as if it lived.
#[derive(Clone, Copy)]
pub(super) struct Sighting {
    pub(super) ended: Ended,
    pub(super) asked: Instant,
}

/// What was told of a booking.
#[derive(Clone, Copy)]
pub(super) struct Booked {
    pub(super) class: Uuid,
    /// Else somebody waits for one.
    pub(super) has_place: bool,
}

/// What has been confirmed, apart from sessions.
#[derive(Default)]
pub(super) struct Deeds {
    pub(super) booked: HashMap<Uuid, Booked>,
    /// Whose cancellation was asked for.
    pub(super) regretted: HashSet<Uuid>,
    pub(super) cancelled: HashSet<Uuid>,
    pub(super) messages: HashSet<Uuid>,
    /// By e-mail address.
    pub(super) registered: HashSet<String>,
    /// When each token was issued.
    pub(super) issued: HashMap<Uuid, Instant>,
    /// Likewise, of those that were redeemed.
    pub(super) redeemed: HashMap<Uuid, Instant>,
    /// The last refresh token of each family.
    pub(super) refreshable: HashSet<String>,
}

/// The books of one drill.
#[derive(Default)]
pub(super) struct Ledger {
    requests: Mutex<Vec<Asked>>,
    sessions: Mutex<HashMap<String, Standing>>,
    /// In the order of their ends.
    ended: Mutex<Vec<(String, Ended)>>,
    sightings: Mutex<Vec<Sighting>>,
    deeds: Mutex<Deeds>,
    wrongs: Mutex<BTreeMap<String, usize>>,
}

impl Ledger {
    pub(super) fn note(&self, kind: Kind, answer: &Answer) {
        if !answer.is_as_documented() {
            let (name, status) = (kind.name(), answer.status);
            self.wrong(format!(
                "{name}: {status} without what the README says of it"
            ));
        }
        lock(&self.requests).push(Asked {
            kind,
            asked: answer.asked,
            answered: answer.answered,
            outcome: answer.outcome,
        });
    }

    /// Something that no fault excuses.
    pub(super) fn wrong(&self, sentence: impl Into<String>) {
        *lock(&self.wrongs).entry(sentence.into()).or_default() += 1;
    }

    pub(super) fn deeds(&self) -> MutexGuard<'_, Deeds> {
        lock(&self.deeds)
    }

    pub(super) fn stands(&self, cookie: &str, standing: Standing) {
        lock(&self.sessions).insert(cookie.to_owned(), standing);
        if let Standing::Ended(ended) = standing {
            lock(&self.ended).push((cookie.to_owned(), ended));
        }
    }

    /// It has just ended.
    pub(super) fn ends(&self, cookie: &str, confirmed: bool) {
        let at = Instant::now();
        self.stands(cookie, Standing::Ended(Ended { at, confirmed }));
    }

    pub(super) fn is_alive(&self, cookie: &str) -> bool {
        matches!(lock(&self.sessions).get(cookie), Some(Standing::Alive))
    }

    /// The cookies of those that are alive.
    pub(super) fn alive(&self) -> Vec<String> {
        let sessions = lock(&self.sessions);
        let alive = sessions
            .iter()
            .filter(|(_, standing)| matches!(standing, Standing::Alive));
        alive.map(|(cookie, _)| cookie.clone()).collect()
    }

    /// Those that have ended, the last one last.
    pub(super) fn ended(&self) -> Vec<(String, Ended)> {
        lock(&self.ended).clone()
    }

    pub(super) fn sighted(&self, sighting: Sighting) {
        lock(&self.sightings).push(sighting);
    }

    pub(super) fn sightings(&self) -> Vec<Sighting> {
        lock(&self.sightings).clone()
    }

    pub(super) fn requests(&self) -> Vec<Asked> {
        lock(&self.requests).clone()
    }

    /// Each sentence, and how often it was said.
    pub(super) fn wrongs(&self) -> BTreeMap<String, usize> {
        lock(&self.wrongs).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
