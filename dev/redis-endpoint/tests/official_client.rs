//! Upstash's own packages for JavaScript, as clients of the endpoint.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use redis_endpoint::{Backend, Endpoint, Options};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::{is_ci, start_redis};

const PACKAGES: [&str; 2] = ["@upstash/redis@1.39.0", "@upstash/ratelimit@2.2.0"];

/// Installs [`PACKAGES`] once, in a directory under `target/`. Returns `None` if npm or
/// its registry is not available, which fails on CI.
async fn packages() -> Option<PathBuf> {
    static INSTALLED: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    INSTALLED.get_or_init(install).await.clone()
}

async fn install() -> Option<PathBuf> {
    let name = PACKAGES.join("-").replace(['@', '/'], "-");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("npm{name}"));
    if directory.exists() {
        return Some(directory);
    }
    // The directory is renamed when it is complete, because two test runs may install
    // concurrently.
    let partial = directory.with_extension(std::process::id().to_string());
    std::fs::create_dir_all(&partial).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(&partial)
        .args(PACKAGES);
    let status = npm.stdin(Stdio::null()).status().await;
    if status.is_ok_and(|status| status.success()) {
        _ = std::fs::rename(&partial, &directory);
        return Some(directory);
    }
    assert!(!is_ci(), "node, npm or its registry is not available");
    eprintln!("skipped: node, npm or its registry is not available");
    None
}

/// Runs a function of `official_client.mjs` against the endpoint.
async fn run(case: &str, endpoint: &Endpoint) {
    let Some(packages) = packages().await else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_client.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(packages)
        .args([case, &endpoint.url(), endpoint.token()])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("passed"), "{text}");
}

async fn run_on_redis(case: &str) {
    if let Some((_server, endpoint)) = start_redis().await {
        run(case, &endpoint).await;
    }
}

#[tokio::test]
async fn the_official_client_reads_and_writes_values() {
    run_on_redis("values").await;
}

#[tokio::test]
async fn the_official_client_sends_pipelines_and_transactions() {
    run_on_redis("pipelines").await;
}

#[tokio::test]
async fn the_official_client_works_with_hashes_lists_and_sorted_sets() {
    run_on_redis("collections").await;
}

#[tokio::test]
async fn the_official_client_runs_scripts() {
    run_on_redis("scripts").await;
}

#[tokio::test]
async fn the_official_client_reads_responses_without_base64() {
    run_on_redis("plainResponses").await;
}

#[tokio::test]
async fn the_official_rate_limiter_enforces_its_limit() {
    run_on_redis("rateLimiter").await;
}

#[tokio::test]
async fn the_official_client_works_with_the_memory_backend() {
    let endpoint = Endpoint::start(Backend::memory(), Options::default());
    run("memory", &endpoint.await.unwrap()).await;
}
