//! One drill, as those see it who take part: how they ask, and ask again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::header::{COOKIE, HeaderName};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::ledger::{Answer, Asked, Ledger, Outcome};
use super::stage::{Kind, Stage};
use crate::testbed::load::Call;

/// Between two tries of somebody who does not know, at first and in the end.
pub(super) const AGAIN: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What is stated of a fault.
pub(super) struct Terms {
    /// How requests may fail of it.
    pub(super) may_fail: &'static [Outcome],
    /// For so long after it something that begins then may still fail of it.
    pub(super) recovery: Duration,
    /// What need not work while it lasts, nor be kept until then.
    pub(super) excused: &'static [Kind],
    /// How long a client waits for an answer.
    pub(super) patience: Duration,
}

/// A drill that is under way, with its books.
pub(super) struct Play {
    pub(super) stage: Arc<Stage>,
    pub(super) ledger: Ledger,
    pub(super) classes: Vec<Uuid>,
    terms: Terms,
    broken: OnceLock<Instant>,
    mended: OnceLock<Instant>,
    over: AtomicBool,
}

impl Play {
    pub(super) async fn new(stage: Arc<Stage>, terms: Terms) -> Result<Self> {
        Ok(Self {
            classes: stage.add_classes().await?,
            stage,
            ledger: Ledger::default(),
            terms,
            broken: OnceLock::new(),
            mended: OnceLock::new(),
            over: AtomicBool::new(false),
        })
    }

    /// The fault begins.
    pub(super) fn breaks(&self) {
        self.broken.get_or_init(Instant::now);
    }

    /// The fault is over.
    pub(super) fn is_mended(&self) {
        self.mended.get_or_init(Instant::now);
    }

    /// From when to when the fault lasted.
    pub(super) fn fault(&self) -> Result<(Instant, Instant)> {
        let fault = self.broken.get().zip(self.mended.get());
        let (broken, mended) = fault.context("nothing was broken and mended")?;
        Ok((*broken, *mended))
    }

    /// Whether what was asked and answered then can have met the fault.
    fn met(&self, asked: Instant, answered: Instant) -> bool {
        let begun = self.broken.get().is_some_and(|broken| *broken <= answered);
        let over = |mended: &Instant| *mended + self.terms.recovery < asked;
        begun && !self.mended.get().is_some_and(over)
    }

    /// Whether an answer of this kind may be a strange one.
    fn excuses(&self, kind: Kind, answer: &Answer) -> bool {
        self.terms.excused.contains(&kind) && self.met(answer.asked, answer.answered)
    }

    /// Whether what was made then may be lost.
    pub(super) fn may_lose(&self, kind: Kind, made: Instant) -> bool {
        let is_later = |mended: &Instant| *mended < made;
        self.terms.excused.contains(&kind) && !self.mended.get().is_some_and(is_later)
    }

    /// What speaks against how a request ended, if anything does.
    pub(super) fn objection(&self, asked: &Asked) -> Option<&'static str> {
        let is_stated = self.terms.may_fail.contains(&asked.outcome)
            || asked.outcome == Outcome::Broken && self.terms.excused.contains(&asked.kind);
        match self.met(asked.asked, asked.answered) {
            _ if asked.outcome.is_known() => None,
            false => Some("while nothing was broken"),
            true if is_stated => None,
            true => Some("which this fault is no reason for"),
        }
    }

    /// Whether a request has failed of the fault as it may.
    pub(super) fn is_felt(&self) -> bool {
        let failed = |one: &Asked| self.terms.may_fail.contains(&one.outcome);
        let requests = self.ledger.requests().into_iter();
        let mut failed = requests.filter(failed);
        failed.any(|one| self.met(one.asked, one.answered))
    }

    /// Lets the actors come to an end.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Asks once.
    pub(super) async fn ask(&self, kind: Kind, turn: usize, call: Call) -> Result<Answer> {
        let instance = self.stage.one(kind, turn);
        let instance = instance.context("every function has a process")?;
        let asked = Instant::now();
        let answer = timeout(self.terms.patience, instance.ask(call)).await;
        let answer = Answer::new(asked, answer.ok().and_then(Result::ok));
        instance.note(answer.outcome.is_known());
        self.ledger.note(kind, &answer);
        Ok(answer)
    }

    /// Asks until somebody knows; of two processes each by turns.
    pub(super) async fn insist(
        &self,
        kind: Kind,
        call: impl Fn() -> Result<Call>,
    ) -> Result<Known> {
        let (first, mut doubted, mut pause) = (Instant::now(), false, AGAIN);
        loop {
            let answer = self.ask(kind, self.stage.next(), call()?).await?;
            if answer.outcome.is_known() || !self.goes_on() {
                return Ok(Known {
                    answer,
                    doubted,
                    first,
                });
            }
            doubted = true;
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    pub(super) fn get(&self, path: &str, (name, value): (HeaderName, &str)) -> Result<Call> {
        let call = self.stage.testbed.call(Method::GET, path);
        Ok(call.header(name, value).body(Full::default())?)
    }

    pub(super) fn check(&self, cookie: &str) -> Result<Call> {
        self.get(Kind::Check.path(), (COOKIE, cookie))
    }

    pub(super) fn refresh(&self, token: &str) -> Result<Call> {
        let body = json!({ "refreshToken": token });
        self.stage.testbed.post(Kind::Refresh.path(), &body)
    }

    /// As the site's own page sends it.
    pub(super) fn post(&self, kind: Kind, cookie: &str, body: &Value) -> Result<Call> {
        let mut call = self.stage.testbed.post(kind.path(), body)?;
        let headers = call.headers_mut();
        headers.insert("cookie", cookie.parse()?);
        headers.insert("sec-fetch-site", "same-origin".parse()?);
        Ok(call)
    }

    pub(super) fn keyed(&self, kind: Kind, cookie: &str, key: Uuid, body: &Value) -> Result<Call> {
        let mut call = self.post(kind, cookie, body)?;
        let headers = call.headers_mut();
        headers.insert("idempotency-key", key.to_string().parse()?);
        Ok(call)
    }

    /// Notes what could not be done, and should.
    pub(super) fn note(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.ledger.wrong(format!("{error:#}"));
        }
    }

    /// Notes what does not hold, and should.
    pub(super) fn expect(&self, holds: bool, otherwise: &str) {
        if !holds {
            self.ledger.wrong(otherwise);
        }
    }

    /// Notes an answer that has no reason. One that is not known has one, and so
    /// has a limit that somebody met who asked again and again.
    pub(super) fn unexplained(
        &self,
        kind: Kind,
        Known {
            answer, doubted, ..
        }: &Known,
    ) {
        let limited = *doubted && answer.status == StatusCode::TOO_MANY_REQUESTS.as_u16();
        if answer.outcome.is_known() && !limited && !self.excuses(kind, answer) {
            let code = answer.text("code").unwrap_or("no code");
            let (name, status) = (kind.name(), answer.status);
            self.ledger
                .wrong(format!("{name}: {status} {code}, without a reason"));
        }
    }
}

/// What somebody knows who has insisted.
pub(super) struct Known {
    pub(super) answer: Answer,
    /// Whether an earlier try may have done it.
    pub(super) doubted: bool,
    pub(super) first: Instant,
}

impl Known {
    pub(super) fn is_done(&self) -> bool {
        self.answer.outcome == Outcome::Done
    }
}
