//! What a mail about an account says, as the outbox stores it.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::crypto::token::Token;
use crate::error::{Error, Result};
use crate::values::caller::Caller;
use crate::values::user_agent::{browser, device};

/// What a notice tells of what happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// When.
    pub at: DateTime<Utc>,
    /// From where; `None`: it was not on the member's side.
    pub ip: Option<IpAddr>,
    /// On what, such as `Firefox on Linux`.
    pub device: Option<String>,
    /// The other address, of a change; or the provider.
    pub other: Option<String>,
    /// The link's row, and its token, encrypted: the outbox is in every dump.
    pub link: Option<Link>,
}

/// A link in a mail that has not gone out yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Its row in `one_time_tokens`.
    pub id: Uuid,
    sealed: String,
}

impl Notice {
    /// Of something that this client did.
    pub fn of(client: &Caller, now: DateTime<Utc>) -> Self {
        let named = client.user_agent.as_deref();
        Self {
            at: now,
            ip: Some(client.address),
            device: named.map(|agent| format!("{} on {}", browser(agent), device(agent))),
            other: None,
            link: None,
        }
    }

    /// Of something that the studio did.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            ip: None,
            device: None,
            other: None,
            link: None,
        }
    }

    /// As it stands in the outbox, for a member.
    pub fn payload(&self, user_id: Uuid) -> Value {
        json!({ "userId": user_id, "notice": self })
    }

    /// The same, naming another address or a provider.
    #[must_use]
    pub fn naming(mut self, other: &str) -> Self {
        self.other = Some(other.to_owned());
        self
    }
}

impl Link {
    fn place(id: Uuid) -> String {
        format!("mail_outbox.link:{id}")
    }

    /// A link, and the token that it carries.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when it cannot be encrypted.
    pub fn new(keys: &Keyring) -> Result<(Self, Token)> {
        let (id, token) = (random::id(), Token::generate());
        let sealed = BASE64.encode(keys.seal(&Self::place(id), token.expose())?);
        Ok((Self { id, sealed }, token))
    }

    pub(crate) fn open(&self, keys: &Keyring) -> Result<String> {
        let sealed = BASE64.decode(&self.sealed);
        let sealed = sealed.map_err(|_| Error::internal("a mail's link cannot be read"))?;
        keys.open(&Self::place(self.id), &sealed)
    }
}
