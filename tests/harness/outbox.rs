//! The links in mails that have been written and not sent: read out of the
//! outbox, with the key that only the functions have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::TestApp;

impl TestApp {
    /// The token of the last mail of this kind to this address.
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
        let place = format!("mail_outbox.link:{}", link["id"].as_str().unwrap());
        let keys = &self.app.config().encryption_keys;
        keys.open(&place, &sealed).unwrap()
    }

    /// How many mails of this kind have been written.
    pub async fn mail_count(&self, kind: &str) -> i64 {
        self.count(&format!(
            "select count(*) from mail_outbox where kind = '{kind}'"
        ))
        .await
    }
}
