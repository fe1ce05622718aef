//! A mail server of others' making (PyPI's `aiosmtpd`).

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Settings, python, wait_until};

const CONFIRMATION: &str = "Please confirm your e-mail address";

/// It ends when this is dropped.
pub struct MailServer {
    pub port: u16,
    taken: Arc<Mutex<Vec<Value>>>,
    _process: Child,
}

impl MailServer {
    /// One that takes mail in the clear. `None` where Python cannot be had.
    pub async fn start() -> Option<Self> {
        Self::with(&[]).await
    }

    /// One that wants TLS by STARTTLS and a password, `of-the-mail`.
    pub async fn with_tls(certificate: &Path, key: &Path) -> Option<Self> {
        Self::with(&[certificate, key]).await
    }

    async fn with(arguments: &[&Path]) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/mail_server.py");
        let mut process = Command::new(python().await?)
            .arg(script)
            .args(arguments)
            .stdout(Stdio::piped())
            // It tells at length of each handshake that is refused.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let keep = taken.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mail = serde_json::from_str(&line).unwrap();
                keep.lock().unwrap().push(mail);
            }
        });
        Some(Self {
            port,
            taken,
            _process: process,
        })
    }

    /// What a deployment has to be told to mail by it.
    pub fn settings(&self) -> Settings {
        Settings::default()
            .with("SMTP_HOST", "127.0.0.1")
            .with("SMTP_PORT", self.port.to_string())
            .with("MAIL_FROM", "Sabor con Flow <hello@sabor.example>")
            .with("CONTACT_TO", "studio@sabor.example")
    }

    /// The mails that it has taken so far, but those that ask every new member
    /// to confirm their address.
    pub fn received(&self) -> Vec<Value> {
        let taken = self.taken.lock().unwrap();
        let asks = |mail: &&Value| mail["headers"]["subject"] == CONFIRMATION;
        taken.iter().filter(|mail| !asks(mail)).cloned().collect()
    }

    /// The mails that it has taken, once there are so many.
    pub async fn wait_for_mails(&self, count: usize) -> Vec<Value> {
        wait_until(async || self.received().len() >= count).await;
        self.received()
    }
}
