//! PyPI's `localstripe`, a stateful stand-in for Stripe by a third party.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use super::stripe::{SECRET_KEY, settings};
use super::{Settings, wait_until};

/// A running `localstripe`, which is killed when dropped.
pub struct LocalStripe {
    pub url: String,
    _process: Child,
}

impl LocalStripe {
    /// Starts `localstripe` with this Python interpreter.
    pub async fn start(python: &Path) -> Self {
        let port = sabor_testing::port::find_free(None).unwrap();
        let process = Command::new(python)
            .args(["-m", "localstripe", "--from-scratch", "--port"])
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        wait_until(async || reqwest::get(&url).await.is_ok()).await;
        Self {
            url,
            _process: process,
        }
    }

    /// Returns the settings of an application that uses this stand-in.
    pub fn settings(&self) -> Settings {
        settings(&self.url)
    }

    /// Posts a form without our Stripe client; returns the response body.
    pub async fn post(&self, path: &str, form: &str) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.url))
            .bearer_auth(SECRET_KEY)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        let response = request.timeout(Duration::from_secs(60)).send().await;
        let text = response.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}
