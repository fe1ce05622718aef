//! Stops Postgres when the process that started it (the owner) ends, even if the owner is
//! killed.
//!
//! A process that is killed with SIGKILL cannot stop its children. So a small shell
//! script starts Postgres and waits at the end of a pipe. When the owner dies, the
//! operating system closes the other end, and the script stops Postgres.
//! (`prctl(PR_SET_PDEATHSIG)` works on Linux only and needs `unsafe`.)

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::account::Account;

const SCRIPT: &str = include_str!("supervisor.sh");

/// Variables that would change the behavior or the data directory of Postgres.
const REMOVED_VARIABLES: [&str; 6] = [
    "PGCLIENTENCODING",
    "PGDATA",
    "PGDATESTYLE",
    "PGOPTIONS",
    "PGPORT",
    "PGTZ",
];

/// A running Postgres and the shell that supervises it. Dropping a `Supervisor` stops
/// Postgres, but does not wait until Postgres has ended.
#[derive(Debug)]
pub(super) struct Supervisor {
    shell: Child,
    commands: ChildStdin,
    /// The thread that waits for the end of the output.
    output_reader: JoinHandle<()>,
}

impl Supervisor {
    /// Starts the script. Only Postgres keeps the script's standard output open, so the
    /// output ends when Postgres ends. Messages are written to `log`.
    pub(super) fn start<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        account: &Account,
        log: File,
    ) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "supervisor"]).args(arguments);
        for name in REMOVED_VARIABLES {
            command.env_remove(name);
        }
        account.apply_to(&mut command);
        let mut shell = command
            .env("LC_ALL", "C")
            .current_dir("/")
            // With its own process group, the shell does not receive Ctrl-C. The owner does,
            // and shuts Postgres down cleanly.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let (Some(commands), Some(mut output)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(io::Error::other("the shell has no pipes"));
        };
        let output_reader = thread::spawn(move || {
            let _ = io::copy(&mut output, &mut io::sink());
        });
        Ok(Self {
            shell,
            commands,
            output_reader,
        })
    }

    /// Returns whether Postgres and all its children have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.output_reader.is_finished()
    }

    /// Sends the shell its only command, `stop` or `kill`, and waits until the
    /// shell and Postgres have ended.
    pub(super) async fn end(mut self, command: &'static str) -> io::Result<()> {
        let send_and_wait = move || {
            // The write fails if the shell was killed.
            let _ = writeln!(self.commands, "{command}");
            drop(self.commands);
            self.shell.wait()?;
            let _ = self.output_reader.join();
            Ok(())
        };
        tokio::task::spawn_blocking(send_and_wait).await?
    }
}
