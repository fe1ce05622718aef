//! A Postgres that ends with its owner, however the owner ends.
//!
//! A process that is killed with -9 cannot stop what it has started. So
//! Postgres is started by a small shell script, its keeper, that waits at the
//! end of a pipe: when the owner dies, the operating system closes the other
//! end, and the keeper stops Postgres. (`prctl(PR_SET_PDEATHSIG)` would do it
//! on Linux only, and needs `unsafe`.)

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::account::Account;

/// What it does until then, and at the end.
const SCRIPT: &str = include_str!("keeper.sh");

/// What would give a Postgres of ours another address or another data directory.
const FOREIGN_VARIABLES: [&str; 6] = [
    "PGCLIENTENCODING",
    "PGDATA",
    "PGDATESTYLE",
    "PGOPTIONS",
    "PGPORT",
    "PGTZ",
];

/// A running Postgres and the shell that keeps it. Dropping this has Postgres
/// stopped, without waiting for it.
#[derive(Debug)]
pub(super) struct Keeper {
    shell: Child,
    orders: ChildStdin,
    postgres: JoinHandle<()>,
}

impl Keeper {
    /// Starts the script, whose standard output is Postgres' alone: the end
    /// of that output is how its end is known. Messages go to `log`.
    pub(super) fn start<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        account: &Account,
        log: File,
    ) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "keeper"]).args(arguments);
        for name in FOREIGN_VARIABLES {
            command.env_remove(name);
        }
        account.applied_to(&mut command);
        let mut shell = command
            .env("LC_ALL", "C")
            .current_dir("/")
            // Ctrl-C in a terminal is for the owner, who then stops in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let (Some(orders), Some(mut output)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(io::Error::other("the shell has no pipes"));
        };
        let postgres = thread::spawn(move || {
            let _ = io::copy(&mut output, &mut io::sink());
        });
        Ok(Self {
            shell,
            orders,
            postgres,
        })
    }

    /// Whether Postgres, and everything that it started, has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.postgres.is_finished()
    }

    /// Gives the shell its one order and waits until everything has ended.
    pub(super) async fn end(mut self, order: &'static str) -> io::Result<()> {
        let ending = move || {
            // A shell that was killed takes no orders any more.
            let _ = writeln!(self.orders, "{order}");
            drop(self.orders);
            self.shell.wait()?;
            let _ = self.postgres.join();
            Ok(())
        };
        tokio::task::spawn_blocking(ending).await?
    }
}
