//! `cargo dev clients`: generates a TypeScript and a Python client from
//! `site/public/openapi.json`, checks their types, and books a class with each.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sabor_testing::{environment, progress};
use tokio::process::Command;

use crate::packages::{install_from_npm, install_from_pypi, output_of};
use crate::terminal::print;
use crate::testbed::site::RunningSite;
use crate::testbed::{PASSWORD, Testbed};

/// The maximum number of Postgres connections. It exceeds the pool of the single process.
const CONNECTIONS: u16 = 50;

/// The TypeScript client and its packages with exact versions.
const NPM_MANIFEST: &str = include_str!("clients/package.json");
const NPM_LOCK: &str = include_str!("clients/package-lock.json");
const TYPESCRIPT_CONFIGURATION: &str = include_str!("clients/tsconfig.json");
const TYPESCRIPT_PROGRAM: &str = include_str!("clients/book_a_class.ts");

/// The Python client and its packages with exact versions.
const REQUIREMENTS: &str = include_str!("clients/requirements.txt");
const GENERATOR_CONFIGURATION: &str = include_str!("clients/openapi-python-client.yaml");
const PYTHON_PROGRAM: &str = include_str!("clients/book_a_class.py");

/// Generates the clients, and books a class with each.
///
/// # Errors
///
/// Fails if a client cannot be generated, if its types are wrong, or if a response differs
/// from what the client expects.
pub(crate) async fn run() -> Result<()> {
    let npm = install_from_npm("typescript-client", NPM_MANIFEST, NPM_LOCK).await?;
    let pypi = install_from_pypi("python-client", REQUIREMENTS).await?;
    let generate = async { tokio::try_join!(generate_typescript(&npm), generate_python(&pypi)) };
    progress::show_while("Generating clients", generate).await?;

    let testbed = Testbed::start(true, CONNECTIONS).await?;
    let result = book_classes(&testbed, &npm, &pypi).await;
    testbed.stop().await?;
    result
}

async fn generate_typescript(folder: &Path) -> Result<()> {
    fs::write(folder.join("tsconfig.json"), TYPESCRIPT_CONFIGURATION)?;
    fs::write(folder.join("book_a_class.ts"), TYPESCRIPT_PROGRAM)?;
    let program = |name: &str| {
        let mut command = Command::new(folder.join("node_modules/.bin").join(name));
        command.current_dir(folder);
        command
    };
    let mut generator = program("openapi-typescript");
    generator
        .arg(environment::repository().join("site/public/openapi.json"))
        .args(["--output", "description.d.ts"]);
    output_of(&mut generator).await?;
    output_of(&mut program("tsc")).await?;
    Ok(())
}

async fn generate_python(folder: &Path) -> Result<()> {
    let configuration = folder.join("openapi-python-client.yaml");
    fs::write(&configuration, GENERATOR_CONFIGURATION)?;
    fs::write(folder.join("book_a_class.py"), PYTHON_PROGRAM)?;
    let mut generator = Command::new(folder.join("bin/openapi-python-client"));
    generator
        .current_dir(folder)
        .args(["generate", "--overwrite", "--fail-on-warning"])
        .args(["--meta", "none", "--output-path", "sabor_client"])
        .arg("--config")
        .arg(configuration)
        .arg("--path")
        .arg(environment::repository().join("site/public/openapi.json"));
    output_of(&mut generator).await?;
    let mut type_check = Command::new(folder.join("bin/mypy"));
    type_check
        .current_dir(folder)
        .args(["--strict", "sabor_client", "book_a_class.py"]);
    output_of(&mut type_check).await?;
    Ok(())
}

async fn book_classes(testbed: &Testbed, npm: &Path, pypi: &Path) -> Result<()> {
    let site = RunningSite::start(testbed).await?;
    let book = async |name: &str, command: &mut Command, email: &str| {
        command
            .env("SABOR_URL", &site.url)
            .env("SABOR_EMAIL", email)
            .env("SABOR_PASSWORD", PASSWORD);
        let booked = output_of(command).await;
        booked.with_context(|| format!("the {name} client cannot book a class"))?;
        print(&format!("The {name} client has booked a class."));
        anyhow::Ok(())
    };
    let mut typescript = Command::new("node");
    typescript.arg(npm.join("compiled/book_a_class.js"));
    let mut python = Command::new(pypi.join("bin/python"));
    python.arg(pypi.join("book_a_class.py"));
    let result = async {
        book("TypeScript", &mut typescript, "member0@example.com").await?;
        book("Python", &mut python, "member1@example.com").await
    };
    let result = result.await;
    site.stop().await;
    result
}
