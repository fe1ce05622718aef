//! What an endpoint was asked: a log and counters, for counting round trips.

use std::collections::{HashMap, VecDeque};

use crate::Endpoint;

/// One HTTP request with its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// On which connection it came; they are numbered in the order in which
    /// they were accepted.
    pub connection: u64,
    /// `/`, `/pipeline` or `/multi-exec`.
    pub path: String,
    /// Its commands, each with its arguments.
    pub commands: Vec<Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Log {
    /// How many entries are kept.
    limit: usize,
    entries: VecDeque<Entry>,
    requests: u64,
    commands: HashMap<String, u64>,
}

impl Log {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, connection: u64, path: &str, commands: &[Vec<String>]) {
        self.requests += 1;
        for name in commands.iter().filter_map(|command| command.first()) {
            *self.commands.entry(name.to_ascii_uppercase()).or_default() += 1;
        }
        if self.limit == 0 {
            return;
        }
        if self.entries.len() == self.limit {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            connection,
            path: path.to_owned(),
            commands: commands.to_vec(),
        });
    }
}

impl Endpoint {
    /// The last requests, oldest first, as many as [`Options::log`] keeps. A
    /// request is in the log before it is run, whatever becomes of it; one that
    /// was refused for its token, path or body is not.
    ///
    /// [`Options::log`]: crate::Options::log
    pub fn log(&self) -> Vec<Entry> {
        self.shared.log().entries.iter().cloned().collect()
    }

    /// How many HTTP requests there were, counted as [`Endpoint::log`] does.
    pub fn requests(&self) -> u64 {
        self.shared.log().requests
    }

    /// How many commands were asked for, in all requests together.
    pub fn commands(&self) -> u64 {
        self.shared.log().commands.values().sum()
    }

    /// How often this command was asked for, in whatever kind of request.
    pub fn count(&self, name: &str) -> u64 {
        let name = name.to_ascii_uppercase();
        self.shared.log().commands.get(&name).copied().unwrap_or(0)
    }

    /// Empties the log and sets all counters to 0.
    pub fn clear_log(&self) {
        let mut log = self.shared.log();
        *log = Log::new(log.limit);
    }
}
