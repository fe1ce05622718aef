//! Reads messages in the outbox.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::TestApp;

impl TestApp {
    /// Returns the token of the link in the last message of this kind to this address.
    /// The outbox stores the token encrypted.
    pub async fn mailed_token(&self, kind: &str, recipient: &str) -> String {
        let rows = self
            .sql(&format!(
                "select payload from mail_outbox
                where kind = '{kind}' and recipient = '{recipient}'
                order by id desc limit 1"
            ))
            .await;
        let payload: Value = rows[0].get(0);
        let link = &payload["notice"]["link"];
        let sealed = BASE64.decode(link["sealed"].as_str().unwrap()).unwrap();
        let aad = format!("mail_outbox.link:{}", link["id"].as_str().unwrap());
        let keyring = &self.app.config().encryption_keys;
        keyring.open(&aad, &sealed).unwrap()
    }

    /// Returns the number of messages of this kind in the outbox.
    pub async fn mail_count(&self, kind: &str) -> i64 {
        self.count(&format!(
            "select count(*) from mail_outbox where kind = '{kind}'"
        ))
        .await
    }
}
