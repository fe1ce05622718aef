//! The app on somebody's telephone that shows the codes of a second factor.

use chrono::TimeDelta;
use reqwest::Method;
use sabor::crypto::totp;
use serde_json::{Value, json};

use super::{TestApp, TestClient};

/// What the app has been told.
pub struct Authenticator {
    pub secret: Vec<u8>,
}

impl Authenticator {
    /// Reads what beginning a second factor was answered with.
    pub fn scan(begun: &Value) -> Self {
        Self {
            secret: base32(begun["secret"].as_str().unwrap()),
        }
    }

    /// What it shows now.
    pub fn code(&self, app: &TestApp) -> String {
        self.code_in(app, 0)
    }

    /// What it shows so many seconds from now.
    pub fn code_in(&self, app: &TestApp, seconds: i64) -> String {
        let then = app.app.clock().now() + TimeDelta::seconds(seconds);
        totp::code_at(&self.secret, then).unwrap()
    }

    /// Sets somebody's second factor up; the recovery codes as well. The code
    /// that confirmed it is used up, and another shown.
    pub async fn enroll(
        app: &TestApp,
        person: &TestClient,
        password: Option<&str>,
    ) -> (Self, Value) {
        const PATH: &str = "/api/auth/two-factor";
        let form = json!({ "currentPassword": password });
        let authenticator = Self::scan(&person.post(PATH, form).await.expect(200));
        let form = json!({ "code": authenticator.code(app) });
        let confirm = person.request(Method::PUT, PATH).json(&form);
        let mut confirmed = person.send(confirm).await.expect(200);
        app.advance_to_next_code();
        (authenticator, confirmed["recoveryCodes"].take())
    }
}

impl TestApp {
    /// Waits until authenticator apps show another code.
    pub fn advance_to_next_code(&self) {
        self.app.clock().advance(TimeDelta::seconds(30));
    }
}

/// RFC 4648 § 6, without padding.
fn base32(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let values = text.chars().map(|c| alphabet.find(c).unwrap());
    let bits: String = values.map(|value| format!("{value:05b}")).collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}
