//! Stripe's official SDK (npm `stripe`), which signs webhook events.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::packages::{install_script, node_packages, start_node};

/// A script that signs webhook events with Stripe's SDK.
pub struct StripeSdk {
    script: PathBuf,
}

impl StripeSdk {
    /// Installs the SDK. Returns `None` if it cannot be installed.
    pub async fn install() -> Option<Self> {
        let folder = node_packages().await?;
        let script = install_script(&folder, "stripe_sdk.mjs", include_str!("stripe_sdk.mjs"));
        Some(Self { script })
    }

    /// Returns the `Stripe-Signature` header of a payload at a Unix time.
    pub async fn sign(&self, secret: &str, timestamp: i64, payload: &str) -> String {
        let input = json!({ "payload": payload, "secret": secret, "timestamp": timestamp });
        let input = input.to_string();
        let output = start_node(async || {
            let mut node = Command::new("node")
                .arg(&self.script)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut stdin = node.stdin.take().unwrap();
            stdin.write_all(input.as_bytes()).await.unwrap();
            drop(stdin);
            node.wait_with_output().await.unwrap()
        })
        .await;
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}
