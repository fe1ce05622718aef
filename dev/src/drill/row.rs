//! The result of a drill as a row of the table.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use sabor_testing::progress;
use serde::Serialize;

use super::checks::{StalenessLimit, longest_stale_read};
use super::environment::Operation;
use super::log::{Outcome, Request};
use super::run::Run;
use crate::terminal;
use crate::testbed::load::LoadStats;

/// The result of one drill.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    drill: String,
    requests: usize,
    /// How each operation responded during the fault.
    during: Vec<OperationStats>,
    /// All requests that failed, including those before and after the fault.
    failed: FailureCounts,
    /// The longest time for which an ended session was still accepted, in milliseconds.
    longest_stale_read_ms: f64,
    /// The [`StalenessLimit`] of the drill.
    limit: String,
    /// Milliseconds from the end of the fault to the end of the last failed request.
    recovery_ms: f64,
    /// Violations with their counts.
    violations: BTreeMap<String, usize>,
    /// Why the drill did not run.
    not_run: Option<String>,
}

/// How an operation responded during the fault.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationStats {
    operation: Operation,
    requests: usize,
    /// Percentage of 2xx and 4xx.
    definite: f64,
    /// Percentage of 503.
    unavailable: f64,
    p99_ms: f64,
}

/// The number of failed requests, by outcome.
#[derive(Default, Serialize)]
struct FailureCounts {
    unavailable: usize,
    server_errors: usize,
    no_response: usize,
}

impl FailureCounts {
    fn of(requests: &[Request]) -> Self {
        let count = |outcome| {
            let matching = requests.iter().filter(|request| request.outcome == outcome);
            matching.count()
        };
        Self {
            unavailable: count(Outcome::Unavailable),
            server_errors: count(Outcome::ServerError),
            no_response: count(Outcome::NoResponse),
        }
    }

    fn summary(&self) -> String {
        let counts = [
            (self.unavailable, Outcome::Unavailable),
            (self.server_errors, Outcome::ServerError),
            (self.no_response, Outcome::NoResponse),
        ];
        let nonzero = counts.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = nonzero
            .map(|(count, outcome)| format!("{count} {}", outcome.name()))
            .collect();
        match texts.is_empty() {
            true => "none".to_owned(),
            false => texts.join(", "),
        }
    }
}

impl Row {
    /// Creates the row of a drill whose clients have finished.
    pub(super) fn new(
        drill: String,
        run: &Run,
        limit: StalenessLimit,
        requests: &[Request],
    ) -> Result<Self> {
        let (log, (fault_start, fault_end)) = (&run.log, run.fault_period()?);
        let is_during = |request: &&Request| (fault_start..=fault_end).contains(&request.sent_at);
        let during: Vec<Request> = requests.iter().filter(is_during).copied().collect();
        let failures = requests
            .iter()
            .filter(|request| !request.outcome.is_definite());
        let last = failures.map(|request| request.received_at).max();
        let recovery = last.map(|last| last.saturating_duration_since(fault_end));
        Ok(Self {
            drill,
            requests: requests.len(),
            during: operation_stats(&during),
            failed: FailureCounts::of(requests),
            longest_stale_read_ms: millis(longest_stale_read(log)),
            limit: limit.name(),
            recovery_ms: millis(recovery.unwrap_or_default()),
            violations: log.violations(),
            not_run: None,
        })
    }

    pub(super) fn not_run(drill: String, limit: StalenessLimit, why: &str) -> Self {
        Self {
            not_run: Some(why.to_owned()),
            ..Self::empty(drill, limit)
        }
    }

    /// Creates the row of a drill that ended with an error.
    pub(super) fn aborted(drill: String, limit: StalenessLimit, error: &anyhow::Error) -> Self {
        Self {
            violations: BTreeMap::from([(format!("{error:#}"), 1)]),
            ..Self::empty(drill, limit)
        }
    }

    fn empty(drill: String, limit: StalenessLimit) -> Self {
        Self {
            drill,
            requests: 0,
            during: Vec::new(),
            failed: FailureCounts::default(),
            longest_stale_read_ms: 0.0,
            limit: limit.name(),
            recovery_ms: 0.0,
            violations: BTreeMap::new(),
            not_run: None,
        }
    }

    /// Returns whether there are no violations. True for a drill that did not run.
    pub(super) fn has_no_violations(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns why the drill did not run.
    pub(super) fn not_run_reason(&self) -> Option<&str> {
        self.not_run.as_deref()
    }

    /// Writes the figures of each operation and the violations as status lines.
    pub(super) fn report(&self) {
        for stats in &self.during {
            let OperationStats {
                requests,
                definite,
                unavailable,
                p99_ms,
                ..
            } = stats;
            progress::status(&format!(
                "  {:<16}{definite:>5.0} % definite, {unavailable:>3.0} % 503, p99 {p99_ms:>7.1} ms, {requests} requests",
                stats.operation.name()
            ));
        }
        for (sentence, count) in &self.violations {
            progress::status(&format!("  VIOLATION ({count} ×) {sentence}"));
        }
    }

    fn cells(&self) -> Vec<String> {
        if let Some(why) = &self.not_run {
            let [dash, result] = ["–".to_owned(), format!("not run: {why}")];
            let [a, b, c, d, e] = std::array::from_fn(|_| dash.clone());
            return vec![self.drill.clone(), a, b, c, d, e, result];
        }
        let all: usize = self.during.iter().map(|stats| stats.requests).sum();
        let definite = self
            .during
            .iter()
            .map(|stats| stats.definite * stats.requests as f64);
        // The sum of an empty iterator is -0.0. Adding 0.0 makes it 0.0.
        let definite = (0.0 + definite.sum::<f64>()) / all.max(1) as f64;
        let worst = self
            .during
            .iter()
            .min_by(|a, b| a.definite.total_cmp(&b.definite));
        let worst = worst.map_or(String::new(), |worst| {
            format!(" ({} {:.0})", worst.operation.name(), worst.definite)
        });
        vec![
            self.drill.clone(),
            self.requests.to_string(),
            format!("{definite:.0} %{worst}"),
            self.failed.summary(),
            format!("{:.0} ms ({})", self.longest_stale_read_ms, self.limit),
            format!("{:.1} s", self.recovery_ms / 1_000.0),
            match self.has_no_violations() {
                true => "passed".to_owned(),
                false => format!(
                    "FAILED: {}",
                    self.violations
                        .keys()
                        .cloned()
                        .collect::<Vec<_>>()
                        .join("; ")
                ),
            },
        ]
    }
}

fn operation_stats(requests: &[Request]) -> Vec<OperationStats> {
    let mut by_operation: BTreeMap<Operation, Vec<Request>> = BTreeMap::new();
    for request in requests {
        let operation_requests = by_operation.entry(request.operation).or_default();
        operation_requests.push(*request);
    }
    let stats = |(operation, requests): (Operation, Vec<Request>)| {
        let percentage = |matches: fn(Outcome) -> bool| {
            let matching = requests.iter().filter(|request| matches(request.outcome));
            100.0 * matching.count() as f64 / requests.len() as f64
        };
        let latencies = requests
            .iter()
            .map(|request| request.received_at - request.sent_at)
            .collect();
        OperationStats {
            operation,
            requests: requests.len(),
            definite: percentage(Outcome::is_definite),
            unavailable: percentage(|outcome| outcome == Outcome::Unavailable),
            p99_ms: LoadStats::new(latencies, Duration::ZERO).percentile(0.99),
        }
    };
    by_operation.into_iter().map(stats).collect()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Prints the results of all drills.
pub(super) fn print_table(rows: &[Row]) {
    let header = [
        "drill",
        "requests",
        "definite responses during the fault (lowest)",
        "failed requests",
        "stale read (limit)",
        "recovery",
        "result",
    ];
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    terminal::print_table(&header, &cells, |column| column == 1 || column == 5);
}
