//! Creates the session of an authenticated member.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::lifetime::SessionLifetime;
use super::{SessionKey, Token};
use crate::crypto::random;
use crate::error::Result;
use crate::models::member_event::MemberEventKind;
use crate::models::security_event::SecurityEventKind;
use crate::models::user::AuthenticationProof;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

// The member's row is locked, so that the epoch cannot change meanwhile. Without the
// lock, the session could be created after another transaction has deleted all
// sessions, and be read before that transaction commits. The record of the session in Redis
// would then have a generation that nothing replaces. If the locked row exists, all other rows
// are written in the same round trip.
//
// A browser is known by its device cookie, unless the epoch has changed since. A program
// has no cookie, and is known if another token session of the member has the same user agent
// and IP address. Only a sign-in with a code can make a device trusted. Other sign-ins do
// not extend the trust.
static INSERT: Statement = Statement::new(
    "session.insert",
    "with member as (
        select id, email, session_epoch from users
        where id = $2 and is_active and session_epoch = $4
        for share
    ), known as (
        select 1 from remembered_devices d join member on member.id = d.user_id
        where d.token_hash = $12 and d.epoch = member.session_epoch and d.expires_at > now()
        union all
        select 1 from user_sessions s join member on member.id = s.user_id
        where $12 is null and starts_with(s.session_key, 'sid:')
          and s.user_agent is not distinct from $6 and s.ip_address = $5
    ), device as (
        insert into remembered_devices as d
            (id, user_id, token_hash, epoch, user_agent, trusted_until, expires_at)
        select $13, id, $12, session_epoch, $6,
            case when $14 then now() + make_interval(secs => $15) end,
            now() + make_interval(secs => $16)
        from member where $12 is not null
        on conflict (user_id, token_hash) do update set
            epoch = excluded.epoch,
            user_agent = excluded.user_agent,
            trusted_until = case when $14 then excluded.trusted_until
                when d.epoch = excluded.epoch then d.trusted_until end,
            expires_at = excluded.expires_at
        returning id
    ), replaced as (
        delete from user_sessions s using member where s.session_key = any ($9)
        returning s.user_id, s.session_data, s.expires_at, s.created_at
    ), created as (
        insert into user_sessions (id, user_id, session_key, epoch, session_data, ip_address,
            user_agent, login_method, remembered, expires_at, absolute_expires_at, device_id)
        select $1, member.id, $3, member.session_epoch,
            coalesce(
                (select session_data from replaced where user_id is null and expires_at > now()
                 order by created_at desc limit 1), '{}'
            ),
            $5, $6, $7, $8, now() + make_interval(secs => $10),
            now() + make_interval(secs => $11), (select id from device)
        from member
        returning id, user_id, absolute_expires_at
    ), refresh as (
        insert into refresh_tokens (id, session_id, family_id, token_hash, expires_at)
        select $17, id, id, $18, absolute_expires_at from created where $18 is not null
    ), mail as (
        insert into mail_outbox (id, recipient, kind, payload)
        select $19, email, 'new_device', $20 from member
        where $20 is not null and not exists (select from known)
    ), security_event as (
        insert into security_events (id, user_id, kind, ip, user_agent, detail)
        select $21, user_id, $22, $5, $6, jsonb_build_object('method', $7) from created
        where $22 is not null
    ), member_event as (
        insert into member_events (id, user_id, kind)
        select $23, user_id, $24 from created where $22 is not null
    )
    select id from created",
);

/// How long a browser is known after its last sign-in.
pub(crate) const DEVICE_LIFETIME: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// How long a trusted device needs no code, in seconds.
const TRUST_SECONDS: f64 = 30.0 * 24.0 * 3_600.0;

/// The credential of a session.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A cookie.
    Cookie {
        /// The secret in the cookie.
        token: Token,
        /// Whether the member chose to stay signed in.
        remembered: bool,
    },
    /// A refresh token, and the access tokens that are issued with it.
    Tokens {
        /// The session that the access tokens refer to.
        session_id: Uuid,
        /// The first refresh token of the family.
        refresh: Token,
    },
}

impl Credential {
    /// Creates a cookie with a new token.
    pub fn cookie(remembered: bool) -> Self {
        Self::Cookie {
            token: Token::generate(),
            remembered,
        }
    }

    /// Creates the first refresh token of a new family.
    pub fn tokens() -> Self {
        Self::Tokens {
            session_id: random::id(),
            refresh: Token::generate(),
        }
    }

    /// Returns the key of the session.
    pub fn key(&self) -> SessionKey {
        match self {
            Self::Cookie { token, .. } => token.key(),
            Self::Tokens { session_id, .. } => SessionKey::of_session(*session_id),
        }
    }

    /// Returns the lifetime of the session.
    pub fn lifetime(&self) -> SessionLifetime {
        match self {
            Self::Cookie { remembered, .. } => SessionLifetime::of_cookie(*remembered),
            Self::Tokens { .. } => SessionLifetime::REFRESHED,
        }
    }

    /// Returns how long the browser keeps the cookie. Returns `None` if the member did not
    /// choose to stay signed in. The browser then deletes the cookie when it is closed. Also
    /// returns `None` for tokens.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        match self {
            Self::Cookie {
                remembered: true, ..
            } => Some(self.lifetime().absolute),
            _ => None,
        }
    }
}

/// A session to be created for an authenticated member.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The member, and how the member was authenticated.
    pub proof: AuthenticationProof,
    /// The client's previous sessions, which end: the session of a member and the anonymous
    /// session of a visitor. The new session takes over the data of the anonymous session.
    pub replaces: Vec<SessionKey>,
    /// The client that the session is created for.
    pub caller: Option<Caller>,
    /// The credential that the client receives.
    pub credential: Credential,
    /// The device token of the browser, and whether the device becomes trusted. `None` for
    /// programs.
    pub device: Option<(Token, Trust)>,
    /// The notifications of the new session.
    pub notification: Notification,
}

/// Whether a device becomes trusted. A trusted device needs no two-factor code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The device keeps the trust that it has.
    Unchanged,
    /// The device is trusted for thirty days. The member chose this and entered a code.
    Given,
}

/// The notifications of a new session.
#[derive(Clone, Debug)]
pub enum Notification {
    /// No notification, because a development tool creates the session.
    None,
    /// A security event and a member event about a new account.
    SignedUp,
    /// A security event and a member event about a sign-in. If there is a payload and the
    /// account does not know the device, the member also receives an e-mail with the
    /// payload.
    SignedIn(Option<Value>),
}

impl NewSession {
    /// Describes a session with this proof and credential. The other fields are empty.
    pub fn new(proof: AuthenticationProof, credential: Credential) -> Self {
        Self {
            proof,
            replaces: Vec::new(),
            caller: None,
            credential,
            device: None,
            notification: Notification::None,
        }
    }
}

/// Creates the session of an authenticated member. Returns `false` when the proof is no
/// longer valid: the member was deactivated, or all their sessions have been ended since.
pub async fn create_session(client: &Client, new_session: &NewSession) -> Result<bool> {
    let NewSession {
        proof,
        replaces,
        caller,
        credential,
        ..
    } = new_session;
    let (id, refresh_hash, remembered) = match credential {
        Credential::Cookie { remembered, .. } => (random::id(), None, *remembered),
        Credential::Tokens {
            session_id,
            refresh,
        } => (*session_id, Some(refresh.hash()), false),
    };
    let (key, lifetime) = (credential.key(), credential.lifetime());
    let replaced_keys: Vec<&str> = replaces.iter().map(SessionKey::as_str).collect();
    let device = new_session.device.as_ref();
    let (kind, payload) = match &new_session.notification {
        Notification::None => (None, None),
        Notification::SignedUp => (Some(SecurityEventKind::SignedUp), None),
        Notification::SignedIn(payload) => (Some(SecurityEventKind::SignedIn), payload.clone()),
    };
    let row = INSERT
        .opt(
            client,
            &[
                &id,
                &proof.user_id,
                &key.as_str(),
                &proof.epoch,
                &caller.as_ref().map(|caller| caller.address),
                &caller
                    .as_ref()
                    .and_then(|caller| caller.user_agent.as_deref()),
                &proof.method,
                &remembered,
                &replaced_keys,
                &lifetime.idle.as_secs_f64(),
                &lifetime.absolute.as_secs_f64(),
                &device.map(|(token, _)| token.hash()),
                &random::id(),
                &device.is_some_and(|(_, trust)| *trust == Trust::Given),
                &TRUST_SECONDS,
                &DEVICE_LIFETIME.as_secs_f64(),
                &random::id(),
                &refresh_hash,
                &random::id(),
                &payload,
                &random::id(),
                &kind.map(SecurityEventKind::as_str),
                &random::id(),
                &MemberEventKind::SessionStarted.as_str(),
            ],
        )
        .await?;
    Ok(row.is_some())
}
