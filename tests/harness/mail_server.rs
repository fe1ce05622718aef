//! A mail server: PyPI's `aiosmtpd`.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Settings, python, wait_until};

/// The subject of verification messages in each language. On a busy machine, such a message is
/// written after its member has chosen another language.
const VERIFICATION_SUBJECTS: [&str; 2] = [
    "Please confirm your e-mail address",
    "Confirma tu dirección de correo",
];

/// A running server, which is killed when dropped.
pub struct MailServer {
    pub port: u16,
    mails: Arc<Mutex<Vec<Value>>>,
    _process: Child,
}

impl MailServer {
    /// Starts a server without TLS. Returns `None` if it cannot be installed.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// Starts a server that requires STARTTLS and the password `mail-password`.
    pub async fn start_with_tls(certificate: &Path, key: &Path) -> Option<Self> {
        Self::start_with(&[certificate, key]).await
    }

    async fn start_with(arguments: &[&Path]) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/mail_server.py");
        let mut process = Command::new(python().await?)
            .arg(script)
            .args(arguments)
            .stdout(Stdio::piped())
            // The server logs every failed handshake at length.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let received = mails.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mail = serde_json::from_str(&line).unwrap();
                received.lock().unwrap().push(mail);
            }
        });
        Some(Self {
            port,
            mails,
            _process: process,
        })
    }

    /// Returns the settings of an application that sends mail to this server.
    pub fn settings(&self) -> Settings {
        Settings::default()
            .with("SMTP_HOST", "127.0.0.1")
            .with("SMTP_PORT", self.port.to_string())
            .with("MAIL_FROM", "Sabor con Flow <hello@sabor.example>")
            .with("CONTACT_TO", "studio@sabor.example")
    }

    /// Returns the messages received so far, except the verification messages to new
    /// members.
    pub fn received(&self) -> Vec<Value> {
        let mails = self.mails.lock().unwrap();
        let is_verification = |mail: &&Value| {
            let subject = &mail["headers"]["subject"];
            VERIFICATION_SUBJECTS.iter().any(|known| subject == known)
        };
        mails
            .iter()
            .filter(|mail| !is_verification(mail))
            .cloned()
            .collect()
    }

    /// Waits for `count` messages; returns all that were received.
    pub async fn wait_for_mails(&self, count: usize) -> Vec<Value> {
        wait_until(async || self.received().len() >= count).await;
        self.received()
    }
}

/// Returns the text of an e-mail in one line.
pub fn text_in_one_line(mail: &Value) -> String {
    let words: Vec<_> = mail["text"].as_str().unwrap().split_whitespace().collect();
    words.join(" ")
}
