//! The log of an endpoint's requests, for counting round trips.

use std::collections::{HashMap, VecDeque};

/// One HTTP request and its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The number of the connection, counted in the order of acceptance.
    pub connection: u64,
    /// The path of the URL: `/`, `/pipeline`, `/multi-exec`, or a command such as `/get/key`.
    pub path: String,
    /// The commands, each with its arguments.
    pub commands: Vec<Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Log {
    /// The maximum number of entries.
    capacity: usize,
    entries: VecDeque<LogEntry>,
    request_count: u64,
    command_counts: HashMap<String, u64>,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, connection: u64, path: &str, commands: &[Vec<String>]) {
        self.request_count += 1;
        for name in commands.iter().filter_map(|command| command.first()) {
            *self
                .command_counts
                .entry(name.to_ascii_uppercase())
                .or_default() += 1;
        }
        if self.capacity == 0 {
            return;
        }
        if self.entries.len() == self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(LogEntry {
            connection,
            path: path.to_owned(),
            commands: commands.to_vec(),
        });
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn request_count(&self) -> u64 {
        self.request_count
    }

    pub(crate) fn command_count(&self) -> u64 {
        self.command_counts.values().sum()
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        let name = name.to_ascii_uppercase();
        self.command_counts.get(&name).copied().unwrap_or(0)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }
}
