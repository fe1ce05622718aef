//! Creating the session of a member who has proved who they are.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::life::Life;
use super::{SessionKey, Token};
use crate::crypto::random;
use crate::error::Result;
use crate::models::security_event::SecurityEventKind;
use crate::models::user::AuthenticationProof;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

// The member's row is locked, so that the epoch cannot change meanwhile. Without
// the lock, a session could be created after another transaction has deleted all
// of them, and be read before that transaction commits. Its record in Redis would
// then have a generation that nothing replaces. Everything else depends on that
// row, and is written in the same round trip.
//
// A browser is known by its cookie, under the epoch of the time. A program has no
// cookie; it is known by the user agent and the address that it has signed in
// with before. Trust is given with a code; signing in does not extend it.
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
    ), gone as (
        delete from user_sessions s using member where s.session_key = $9
        returning s.user_id, s.session_data, s.expires_at
    ), made as (
        insert into user_sessions (id, user_id, session_key, epoch, session_data, ip_address,
            user_agent, login_method, remembered, expires_at, absolute_expires_at, device_id)
        select $1, member.id, $3, member.session_epoch,
            coalesce(
                (select session_data from gone where user_id is null and expires_at > now()), '{}'
            ),
            $5, $6, $7, $8, now() + make_interval(secs => $10),
            now() + make_interval(secs => $11), (select id from device)
        from member
        returning id, user_id, absolute_expires_at
    ), refresh as (
        insert into refresh_tokens (id, session_id, family_id, token_hash, expires_at)
        select $17, id, id, $18, absolute_expires_at from made where $18 is not null
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select $19, email, 'new_device', $20 from member
        where $20 is not null and not exists (select from known)
    ), noted as (
        insert into security_events (id, user_id, kind, ip, user_agent, detail)
        select $21, user_id, $22, $5, $6, jsonb_build_object('method', $7) from made
        where $22 is not null
    ), told as (
        insert into member_events (id, user_id, kind)
        select $23, user_id, 'session_started' from made where $22 is not null
    )
    select id from made",
);

/// How long a browser is known after its last sign-in.
pub(crate) const DEVICE_LIFETIME: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// How long a trusted device needs no code, in seconds.
const TRUST_SECONDS: f64 = 30.0 * 24.0 * 3_600.0;

/// The credential that proves a session.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A cookie.
    Cookie {
        /// The secret in the cookie.
        token: Token,
        /// Whether the member asked to stay signed in.
        remembered: bool,
    },
    /// A refresh token, and the access tokens that are issued with it.
    Tokens {
        /// The session that the access tokens name.
        session_id: Uuid,
        /// The first refresh token of the family.
        refresh: Token,
    },
}

impl Credential {
    /// Creates a new cookie.
    pub fn cookie(remembered: bool) -> Self {
        Self::Cookie {
            token: Token::generate(),
            remembered,
        }
    }

    /// Creates a new family of tokens.
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

    /// Returns how long the session lasts.
    pub fn life(&self) -> Life {
        match self {
            Self::Cookie { remembered, .. } => Life::of(*remembered),
            Self::Tokens { .. } => Life::REFRESHED,
        }
    }
}

/// A session to be created, for a member who has proved who they are.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The member, and how they proved who they are.
    pub proof: AuthenticationProof,
    /// The session that the client had before, which ends. If it was anonymous,
    /// the new session takes over its data.
    pub replaces: Option<SessionKey>,
    /// The client that it is created for.
    pub caller: Option<Caller>,
    /// The credential that the client receives.
    pub credential: Credential,
    /// The token that the browser is known by from now on, and whether it is
    /// trusted. Programs have none.
    pub device: Option<(Token, Trust)>,
    /// Who is notified.
    pub notification: Notification,
}

/// Whether a device needs no code from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// As before.
    Unchanged,
    /// It needs none for thirty days, as its owner asked, with a code.
    Given,
}

/// Who is notified of a new session.
#[derive(Clone, Debug)]
pub enum Notification {
    /// Nobody is notified, because a development tool creates the session.
    None,
    /// The administration, of a new account.
    SignedUp,
    /// The administration. If there is a payload, and the account does not know the
    /// device, the member is also notified, by a mail with that payload.
    SignedIn(Option<Value>),
}

impl NewSession {
    /// Creates the description of a session with this proof and credential. The other
    /// fields are empty.
    pub fn new(proof: AuthenticationProof, credential: Credential) -> Self {
        Self {
            proof,
            replaces: None,
            caller: None,
            credential,
            device: None,
            notification: Notification::None,
        }
    }
}

/// Creates the session of a member who has proved who they are. Returns `false`
/// when the proof has expired: the member is no longer active, or has ended all
/// sessions since.
pub async fn create_session(client: &Client, new: &NewSession) -> Result<bool> {
    let NewSession {
        proof,
        replaces,
        caller,
        credential,
        ..
    } = new;
    let (id, refresh_hash, remembered) = match credential {
        Credential::Cookie { remembered, .. } => (random::id(), None, *remembered),
        Credential::Tokens {
            session_id,
            refresh,
        } => (*session_id, Some(refresh.hash()), false),
    };
    let (key, life) = (credential.key(), credential.life());
    let device = new.device.as_ref();
    let (kind, notice) = match &new.notification {
        Notification::None => (None, None),
        Notification::SignedUp => (Some(SecurityEventKind::SignedUp), None),
        Notification::SignedIn(notice) => (Some(SecurityEventKind::SignedIn), notice.clone()),
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
                &replaces.as_ref().map(SessionKey::as_str),
                &life.idle.as_secs_f64(),
                &life.absolute.as_secs_f64(),
                &device.map(|(token, _)| token.hash()),
                &random::id(),
                &device.is_some_and(|(_, trust)| *trust == Trust::Given),
                &TRUST_SECONDS,
                &DEVICE_LIFETIME.as_secs_f64(),
                &random::id(),
                &refresh_hash,
                &random::id(),
                &notice,
                &random::id(),
                &kind.map(SecurityEventKind::as_str),
                &random::id(),
            ],
        )
        .await?;
    Ok(row.is_some())
}
