//! One run of a drill: sending requests, retrying them, and recording the responses.

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

use super::environment::{Environment, Operation};
use super::log::{ApiResponse, Log, Outcome, Request};
use crate::testbed::load::Call;

/// The pause before a client's first retry. It doubles with each retry.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The effects that a fault may have.
pub(super) struct Tolerance {
    /// How requests may fail.
    pub(super) tolerated_failures: &'static [Outcome],
    /// How long after the fault new requests may still fail.
    pub(super) recovery_time: Duration,
    /// Operations that need not work during the fault and whose data may be lost.
    pub(super) exempt_operations: &'static [Operation],
    /// How long a client waits for a response.
    pub(super) client_timeout: Duration,
}

/// A running drill with its log.
pub(super) struct Run {
    pub(super) environment: Arc<Environment>,
    pub(super) log: Log,
    pub(super) classes: Vec<Uuid>,
    tolerance: Tolerance,
    fault_start: OnceLock<Instant>,
    fault_end: OnceLock<Instant>,
    is_over: AtomicBool,
}

impl Run {
    pub(super) async fn new(environment: Arc<Environment>, tolerance: Tolerance) -> Result<Self> {
        Ok(Self {
            classes: environment.add_classes().await?,
            environment,
            log: Log::default(),
            tolerance,
            fault_start: OnceLock::new(),
            fault_end: OnceLock::new(),
            is_over: AtomicBool::new(false),
        })
    }

    /// Records the start of the fault.
    pub(super) fn start_fault(&self) {
        self.fault_start.get_or_init(Instant::now);
    }

    /// Records the end of the fault.
    pub(super) fn end_fault(&self) {
        self.fault_end.get_or_init(Instant::now);
    }

    /// Returns the start and the end of the fault.
    pub(super) fn fault_period(&self) -> Result<(Instant, Instant)> {
        let fault = self.fault_start.get().zip(self.fault_end.get());
        let (fault_start, fault_end) = fault.context("the fault has not started and ended")?;
        Ok((*fault_start, *fault_end))
    }

    /// Returns whether the fault may have affected the request.
    fn overlaps_fault(&self, sent_at: Instant, received_at: Instant) -> bool {
        let started = self
            .fault_start
            .get()
            .is_some_and(|fault_start| *fault_start <= received_at);
        let has_recovered =
            |fault_end: &Instant| *fault_end + self.tolerance.recovery_time < sent_at;
        started && !self.fault_end.get().is_some_and(has_recovered)
    }

    /// Returns whether every response is acceptable, because the operation is exempt and the
    /// fault may have affected it.
    fn is_exempt(&self, operation: Operation, response: &ApiResponse) -> bool {
        self.tolerance.exempt_operations.contains(&operation)
            && self.overlaps_fault(response.sent_at, response.received_at)
    }

    /// Returns whether data that the operation created at that time may be lost.
    pub(super) fn may_lose(&self, operation: Operation, created_at: Instant) -> bool {
        let is_later = |fault_end: &Instant| *fault_end < created_at;
        self.tolerance.exempt_operations.contains(&operation)
            && !self.fault_end.get().is_some_and(is_later)
    }

    /// Returns why the outcome is not acceptable, or `None` if it is acceptable.
    pub(super) fn unexpected_failure(&self, request: &Request) -> Option<&'static str> {
        let is_tolerated = self.tolerance.tolerated_failures.contains(&request.outcome);
        match self.overlaps_fault(request.sent_at, request.received_at) {
            _ if request.outcome.is_definite() => None,
            false => Some("outside the fault"),
            true if is_tolerated => None,
            true => Some("which this fault does not justify"),
        }
    }

    /// Returns whether a request failed because of the fault.
    pub(super) fn has_effect(&self) -> bool {
        let has_failed =
            |request: &Request| self.tolerance.tolerated_failures.contains(&request.outcome);
        let requests = self.log.requests().into_iter();
        let mut failed = requests.filter(has_failed);
        failed.any(|request| self.overlaps_fault(request.sent_at, request.received_at))
    }

    /// Tells the clients to finish.
    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_running(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Sends a request once. `turn` selects one of the processes of the operation.
    pub(super) async fn send(
        &self,
        operation: Operation,
        turn: usize,
        call: Call,
    ) -> Result<ApiResponse> {
        let instance = self.environment.instance(operation, turn);
        let instance = instance.context("the operation has no process")?;
        let sent_at = Instant::now();
        let response = timeout(self.tolerance.client_timeout, instance.send(call)).await;
        let response = ApiResponse::new(sent_at, response.ok().and_then(Result::ok));
        instance.record_response(response.outcome.is_definite());
        self.log.record(operation, &response);
        Ok(response)
    }

    /// Sends a request until the response is definite. If the operation has two processes, they
    /// take turns.
    pub(super) async fn request_until_definite(
        &self,
        operation: Operation,
        call: impl Fn() -> Result<Call>,
    ) -> Result<FinalResponse> {
        let (started_at, mut was_retried, mut pause) = (Instant::now(), false, RETRY_PAUSE);
        loop {
            let response = self
                .send(operation, self.environment.next_number(), call()?)
                .await?;
            if response.outcome.is_definite() || !self.is_running() {
                return Ok(FinalResponse {
                    response,
                    was_retried,
                    started_at,
                });
            }
            was_retried = true;
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    pub(super) fn get(&self, path: &str, (name, value): (HeaderName, &str)) -> Result<Call> {
        let call = self.environment.testbed.call(Method::GET, path);
        Ok(call.header(name, value).body(Full::default())?)
    }

    pub(super) fn session_check(&self, cookie: &str) -> Result<Call> {
        self.get(Operation::Check.path(), (COOKIE, cookie))
    }

    pub(super) fn refresh_request(&self, token: &str) -> Result<Call> {
        let body = json!({ "refreshToken": token });
        self.environment
            .testbed
            .post(Operation::Refresh.path(), &body)
    }

    /// Builds a request as the site's own pages send it.
    pub(super) fn post(&self, operation: Operation, cookie: &str, body: &Value) -> Result<Call> {
        let mut call = self.environment.testbed.post(operation.path(), body)?;
        let headers = call.headers_mut();
        headers.insert("cookie", cookie.parse()?);
        headers.insert("sec-fetch-site", "same-origin".parse()?);
        Ok(call)
    }

    pub(super) fn post_with_key(
        &self,
        operation: Operation,
        cookie: &str,
        key: Uuid,
        body: &Value,
    ) -> Result<Call> {
        let mut call = self.post(operation, cookie, body)?;
        let headers = call.headers_mut();
        headers.insert("idempotency-key", key.to_string().parse()?);
        Ok(call)
    }

    /// Records an error as a violation.
    pub(super) fn record_error(&self, result: Result<()>) {
        if let Err(error) = result {
            self.log.record_violation(format!("{error:#}"));
        }
    }

    /// Records a violation unless the condition holds.
    pub(super) fn check(&self, holds: bool, message: &str) {
        if !holds {
            self.log.record_violation(message);
        }
    }

    /// Records a violation if the response is definite and not exempt. A rate limit that
    /// retries have reached is not a violation.
    pub(super) fn report_unexpected(
        &self,
        operation: Operation,
        FinalResponse {
            response,
            was_retried,
            ..
        }: &FinalResponse,
    ) {
        let is_rate_limited =
            *was_retried && response.status == StatusCode::TOO_MANY_REQUESTS.as_u16();
        if response.outcome.is_definite()
            && !is_rate_limited
            && !self.is_exempt(operation, response)
        {
            let code = response.text("code").unwrap_or("no code");
            let (name, status) = (operation.name(), response.status);
            self.log
                .record_violation(format!("{name}: unexpected response {status} {code}"));
        }
    }
}

/// The response that ended the retries.
pub(super) struct FinalResponse {
    pub(super) response: ApiResponse,
    /// Whether an earlier attempt may have succeeded.
    pub(super) was_retried: bool,
    pub(super) started_at: Instant,
}

impl FinalResponse {
    pub(super) fn succeeded(&self) -> bool {
        self.response.outcome == Outcome::Success
    }
}
