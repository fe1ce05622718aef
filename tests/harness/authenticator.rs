//! The authenticator app of a member, simulated with PyPI's `pyotp`.

use chrono::{DurationRound, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{TestApp, TestClient, python};

const PATH: &str = "/api/auth/two-factor";

/// Prints the parts of an enrollment URI as JSON.
const READ_URI_SCRIPT: &str = "
import json, pyotp, sys
totp = pyotp.parse_uri(sys.argv[1])
print(json.dumps({
    'issuer': totp.issuer,
    'account': totp.name,
    'secret': totp.secret,
    'secretHex': totp.byte_secret().hex(),
    'digits': totp.digits,
    'interval': totp.interval,
    'algorithm': totp.digest().name,
}))";

/// Prints the code for an enrollment URI at a Unix time.
const SHOW_CODE_SCRIPT: &str = "
import pyotp, sys
print(pyotp.parse_uri(sys.argv[1]).at(int(sys.argv[2])))";

/// An app that has scanned an enrollment URI.
pub struct Authenticator {
    uri: String,
}

impl Authenticator {
    /// Scans the URI from the response that starts the setup.
    pub fn scan(setup: &Value) -> Self {
        Self {
            uri: setup["otpauthUri"].as_str().unwrap().to_owned(),
        }
    }

    /// Returns whether `pyotp` is installed.
    pub async fn is_available() -> bool {
        python().await.is_some()
    }

    /// Sets up the second factor of a member; returns the app and the recovery
    /// codes. Advances the clock, because a code is accepted only once.
    pub async fn enroll(
        app: &TestApp,
        member: &TestClient,
        password: Option<&str>,
    ) -> (Self, Value) {
        let form = json!({ "currentPassword": password });
        let authenticator = Self::scan(&member.post(PATH, form).await.expect(200));
        let form = json!({ "code": authenticator.code(app).await });
        let request = member.request(Method::PUT, PATH).json(&form);
        let mut confirmed = member.send(request).await.expect(200);
        app.advance_to_next_code();
        (authenticator, confirmed["recoveryCodes"].take())
    }

    /// Returns the current code.
    pub async fn code(&self, app: &TestApp) -> String {
        self.code_in(app, 0).await
    }

    /// Returns the code that is shown `seconds` from now.
    pub async fn code_in(&self, app: &TestApp, seconds: i64) -> String {
        let time = app.app.clock().now() + TimeDelta::seconds(seconds);
        run(
            SHOW_CODE_SCRIPT,
            &[&self.uri, &time.timestamp().to_string()],
        )
        .await
    }

    /// Returns the parts of the scanned URI.
    pub async fn content(&self) -> Value {
        serde_json::from_str(&run(READ_URI_SCRIPT, &[&self.uri]).await).unwrap()
    }
}

/// Runs a script; returns what it prints.
async fn run(script: &str, arguments: &[&str]) -> String {
    let python = python().await.unwrap();
    let mut command = Command::new(python);
    let output = command.args(["-c", script]).args(arguments).output();
    let output = output.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl TestApp {
    /// Advances the clock into the next 30-second step, in which authenticator apps
    /// show another code.
    pub fn advance_to_next_code(&self) {
        let clock = self.app.clock();
        let now = clock.now();
        let step_start = now.duration_trunc(TimeDelta::seconds(30)).unwrap();
        // The clock moves by whole milliseconds only, so an extra second makes sure that the
        // next step has begun.
        clock.advance(step_start + TimeDelta::seconds(31) - now);
    }
}
