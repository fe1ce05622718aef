//! Programs of others, in Python: what reads what we write must not be ours.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::is_ci;

/// From PyPI.
const PACKAGES: [&str; 3] = [
    "aiosmtpd==1.4.6",
    "icalendar==7.3.2",
    "localstripe==1.15.10",
];

/// An interpreter that has [`PACKAGES`], made once under `target/`. `None`
/// where that cannot be had, which on CI is a failure.
pub async fn python() -> Option<PathBuf> {
    static MADE: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    MADE.get_or_init(make).await.clone()
}

async fn make() -> Option<PathBuf> {
    let name = PACKAGES.join("-").replace("==", "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
    let interpreter = folder.join("bin/python");
    if interpreter.exists() {
        return Some(interpreter);
    }
    // Under another name until it is whole: two runs may make it at once.
    let beside = folder.with_extension(std::process::id().to_string());
    let venv = run(Command::new("python3").args(["-m", "venv"]).arg(&beside)).await;
    let pip = [&["-m", "pip", "install", "--quiet"], &PACKAGES[..]].concat();
    if venv && run(Command::new(beside.join("bin/python")).args(pip)).await {
        let _ = std::fs::rename(&beside, &folder);
        return Some(interpreter);
    }
    assert!(!is_ci(), "python3 with venv and PyPI are needed");
    eprintln!("left out: python3 -m venv, or PyPI, is not to be had");
    None
}

async fn run(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).status().await;
    status.is_ok_and(|status| status.success())
}
