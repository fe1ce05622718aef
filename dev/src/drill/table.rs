//! The table that comes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use sabor_testing::progress;
use serde::Serialize;

use super::ledger::{Asked, Outcome};
use super::play::Play;
use super::stage::Kind;
use super::verdict::{Bound, longest_life};
use crate::testbed::load::Figures;

/// One drill.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    drill: String,
    requests: usize,
    /// While the fault lasted.
    during: Vec<Share>,
    /// Of all requests.
    failed: Failed,
    /// Milliseconds for which a session that had ended was read.
    longest_life_ms: f64,
    stated: String,
    /// Milliseconds from the end of the fault to the last request that failed.
    recovery_ms: f64,
    /// What is wrong, and how often.
    wrongs: BTreeMap<String, usize>,
    /// Why it was not played.
    not_run: Option<String>,
}

/// How a function fared while the fault lasted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    kind: Kind,
    requests: usize,
    /// Of a hundred, 2xx and 4xx.
    answered: f64,
    /// Of a hundred, 503.
    unavailable: f64,
    p99_ms: f64,
}

#[derive(Default, Serialize)]
struct Failed {
    unavailable: usize,
    broken: usize,
    cut: usize,
}

impl Failed {
    fn of(requests: &[Asked]) -> Self {
        let count = |outcome| requests.iter().filter(|one| one.outcome == outcome).count();
        Self {
            unavailable: count(Outcome::Unavailable),
            broken: count(Outcome::Broken),
            cut: count(Outcome::Cut),
        }
    }

    fn shown(&self) -> String {
        let kinds = [
            (self.unavailable, Outcome::Unavailable),
            (self.broken, Outcome::Broken),
            (self.cut, Outcome::Cut),
        ];
        let there = kinds.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = there
            .map(|(count, outcome)| format!("{count} {}", outcome.name()))
            .collect();
        match texts.is_empty() {
            true => "none".to_owned(),
            false => texts.join(", "),
        }
    }
}

impl Row {
    /// Of a drill whose actors have come to their end.
    pub(super) fn new(
        drill: String,
        play: &Play,
        bound: Bound,
        requests: &[Asked],
    ) -> Result<Self> {
        let (ledger, (broken, mended)) = (&play.ledger, play.fault()?);
        let during = |one: &&Asked| broken <= one.asked && one.asked <= mended;
        let during: Vec<Asked> = requests.iter().filter(during).copied().collect();
        let failures = requests.iter().filter(|one| !one.outcome.is_known());
        let last = failures.map(|one| one.answered).max();
        let recovery = last.map(|last| last.saturating_duration_since(mended));
        Ok(Self {
            drill,
            requests: requests.len(),
            during: shares(&during),
            failed: Failed::of(requests),
            longest_life_ms: millis(longest_life(ledger)),
            stated: bound.name(),
            recovery_ms: millis(recovery.unwrap_or_default()),
            wrongs: ledger.wrongs(),
            not_run: None,
        })
    }

    pub(super) fn not_run(drill: String, bound: Bound, why: &str) -> Self {
        Self {
            not_run: Some(why.to_owned()),
            ..Self::empty(drill, bound)
        }
    }

    /// Of a drill that came to no end.
    pub(super) fn broken_off(drill: String, bound: Bound, error: &anyhow::Error) -> Self {
        Self {
            wrongs: BTreeMap::from([(format!("{error:#}"), 1)]),
            ..Self::empty(drill, bound)
        }
    }

    fn empty(drill: String, bound: Bound) -> Self {
        Self {
            drill,
            requests: 0,
            during: Vec::new(),
            failed: Failed::default(),
            longest_life_ms: 0.0,
            stated: bound.name(),
            recovery_ms: 0.0,
            wrongs: BTreeMap::new(),
            not_run: None,
        }
    }

    /// Whether nothing was found wrong, if only because nothing was played.
    pub(super) fn is_good(&self) -> bool {
        self.wrongs.is_empty()
    }

    /// Why it was not played.
    pub(super) fn missing(&self) -> Option<&str> {
        self.not_run.as_deref()
    }

    /// How each function fared, and what is wrong.
    pub(super) fn report(&self) {
        for share in &self.during {
            let Share {
                requests,
                answered,
                unavailable,
                p99_ms,
                ..
            } = share;
            progress::status(&format!(
                "  {:<16}{answered:>5.0} % answered, {unavailable:>3.0} % 503, p99 {p99_ms:>7.1} ms, of {requests}",
                share.kind.name()
            ));
        }
        for (sentence, count) in &self.wrongs {
            progress::status(&format!("  WRONG ({count} ×) {sentence}"));
        }
    }

    fn cells(&self) -> [String; 7] {
        if let Some(why) = &self.not_run {
            let [dash, verdict] = ["–".to_owned(), format!("not run: {why}")];
            let [a, b, c, d, e] = std::array::from_fn(|_| dash.clone());
            return [self.drill.clone(), a, b, c, d, e, verdict];
        }
        let all: usize = self.during.iter().map(|share| share.requests).sum();
        let answered = self
            .during
            .iter()
            .map(|share| share.answered * share.requests as f64);
        // The sum of no floats is -0.
        let answered = (0.0 + answered.sum::<f64>()) / all.max(1) as f64;
        let worst = self
            .during
            .iter()
            .min_by(|a, b| a.answered.total_cmp(&b.answered));
        let worst = worst.map_or(String::new(), |worst| {
            format!(" ({} {:.0})", worst.kind.name(), worst.answered)
        });
        [
            self.drill.clone(),
            self.requests.to_string(),
            format!("{answered:.0} %{worst}"),
            self.failed.shown(),
            format!("{:.0} ms ({})", self.longest_life_ms, self.stated),
            format!("{:.1} s", self.recovery_ms / 1_000.0),
            match self.is_good() {
                true => "good".to_owned(),
                false => format!(
                    "WRONG: {}",
                    self.wrongs.keys().cloned().collect::<Vec<_>>().join("; ")
                ),
            },
        ]
    }
}

fn shares(requests: &[Asked]) -> Vec<Share> {
    let mut by_kind: BTreeMap<Kind, Vec<Asked>> = BTreeMap::new();
    for one in requests {
        by_kind.entry(one.kind).or_default().push(*one);
    }
    let share = |(kind, asked): (Kind, Vec<Asked>)| {
        let count = |is: fn(Outcome) -> bool| {
            let count = asked.iter().filter(|one| is(one.outcome)).count();
            100.0 * count as f64 / asked.len() as f64
        };
        let latencies = asked.iter().map(|one| one.answered - one.asked).collect();
        Share {
            kind,
            requests: asked.len(),
            answered: count(Outcome::is_known),
            unavailable: count(|outcome| outcome == Outcome::Unavailable),
            p99_ms: Figures::new(latencies, Duration::ZERO).percentile(0.99),
        }
    };
    by_kind.into_iter().map(share).collect()
}

fn millis(lapse: Duration) -> f64 {
    lapse.as_secs_f64() * 1_000.0
}

/// Prints the rows under one another.
pub(super) fn show(rows: &[Row]) {
    let heads = [
        "drill",
        "requests",
        "answered meanwhile (least)",
        "failed in all",
        "ended session read for (stated)",
        "recovery",
        "verdict",
    ];
    let lines: Vec<[String; 7]> = std::iter::once(heads.map(str::to_owned))
        .chain(rows.iter().map(Row::cells))
        .collect();
    crate::terminal::table(&lines, |column| column == 1 || column == 5);
}
