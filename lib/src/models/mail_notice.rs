//! The content of an e-mail about an account, as the outbox stores it.

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

/// The details of an event that an e-mail reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// The caller's IP address. `None` if the studio caused the event.
    pub ip: Option<IpAddr>,
    /// The caller's device, such as `Firefox on Linux`.
    pub device: Option<String>,
    /// The new e-mail address, or the name of the provider, depending on the event.
    #[serde(rename = "other")]
    pub new_address_or_provider: Option<String>,
    /// The link. Its token is encrypted, because the outbox is part of every backup.
    pub link: Option<Link>,
    /// The access that a password reset has ended, and the access that remains.
    #[serde(default)]
    pub access: Access,
}

/// The ways to access an account, apart from the password and the sessions, as an e-mail
/// lists them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Access {
    /// What has ended.
    pub ended: Vec<AccessWay>,
    /// What still works.
    pub remaining: Vec<AccessWay>,
}

/// A way to access an account. The outbox and the security log store it as English text, such
/// as `the calendar feed`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AccessWay {
    /// The calendar feed.
    CalendarFeed,
    /// The second factor.
    TwoFactor,
    /// Sign-in with the provider of this name.
    Provider(String),
}

const CALENDAR_FEED: &str = "the calendar feed";
const TWO_FACTOR: &str = "two-factor authentication";
const PROVIDER_PREFIX: &str = "sign-in with ";

impl From<AccessWay> for String {
    fn from(way: AccessWay) -> Self {
        match way {
            AccessWay::CalendarFeed => CALENDAR_FEED.to_owned(),
            AccessWay::TwoFactor => TWO_FACTOR.to_owned(),
            AccessWay::Provider(name) => format!("{PROVIDER_PREFIX}{name}"),
        }
    }
}

impl From<String> for AccessWay {
    fn from(text: String) -> Self {
        match text.as_str() {
            CALENDAR_FEED => Self::CalendarFeed,
            TWO_FACTOR => Self::TwoFactor,
            _ => {
                let name = text.strip_prefix(PROVIDER_PREFIX);
                Self::Provider(name.unwrap_or(&text).to_owned())
            }
        }
    }
}

/// A link in an e-mail that has not been sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The id of the token's row in `one_time_tokens`.
    pub id: Uuid,
    sealed: String,
}

impl Notice {
    /// Creates a notice of an event that a caller caused.
    pub fn from_caller(caller: &Caller, now: DateTime<Utc>) -> Self {
        let user_agent = caller.user_agent.as_deref();
        Self {
            at: now,
            ip: Some(caller.address),
            device: user_agent.map(|agent| format!("{} on {}", browser(agent), device(agent))),
            new_address_or_provider: None,
            link: None,
            access: Access::default(),
        }
    }

    /// Creates a notice of an event that the studio caused.
    pub fn from_studio(now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            ip: None,
            device: None,
            new_address_or_provider: None,
            link: None,
            access: Access::default(),
        }
    }

    /// Returns the payload for the outbox.
    pub fn payload(&self, user_id: Uuid) -> Value {
        json!({ "userId": user_id, "notice": self })
    }

    /// Adds the new e-mail address or the name of the provider.
    #[must_use]
    pub fn with_new_address_or_provider(mut self, name: &str) -> Self {
        self.new_address_or_provider = Some(name.to_owned());
        self
    }

    /// Adds the access that a password reset has ended, and the access that remains.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

impl Link {
    /// Returns the additional authenticated data of the encrypted token.
    fn aad(id: Uuid) -> String {
        format!("mail_outbox.link:{id}")
    }

    /// Creates a link and its token.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the token cannot be encrypted.
    pub fn new(keys: &Keyring) -> Result<(Self, Token)> {
        let (id, token) = (random::id(), Token::generate());
        let sealed = BASE64.encode(keys.seal(&Self::aad(id), token.expose())?);
        Ok((Self { id, sealed }, token))
    }

    /// Decrypts the token of the link.
    pub(crate) fn open(&self, keys: &Keyring) -> Result<String> {
        let sealed = BASE64.decode(&self.sealed);
        let sealed = sealed.map_err(|_| Error::internal("failed to decode the link of a mail"))?;
        keys.open(&Self::aad(self.id), &sealed)
    }
}
