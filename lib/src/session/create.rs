//! How somebody who has proved who they are gets a session.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::store::Life;
use super::{Key, Token};
use crate::crypto::random;
use crate::error::Result;
use crate::models::security_event::Kind;
use crate::models::user::Proof;
use crate::store::postgres::Statement;
use crate::values::caller::Caller;

// The member's row is locked against whoever raises the epoch. Without that, a
// session made after they deleted, and read before they commit, would leave a
// record in Redis under a mark that nobody replaces. All the rest hangs on that
// row, and is written in the same round trip.
//
// A browser is known by its cookie, under the epoch of then; a program, which has
// none, by the name and the address under which it has signed in before. Trust is
// given with a code: to sign in does not prolong it.
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
pub(crate) const DEVICE_LIFE: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// What a client is to hold of its session.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A cookie.
    Cookie {
        /// What it holds.
        token: Token,
        /// Whether the session is to last.
        remembered: bool,
    },
    /// A refresh token, and the access tokens that come of it.
    Tokens {
        /// What the access tokens name.
        session_id: Uuid,
        /// The first of its family.
        refresh: Token,
    },
}

impl Credential {
    /// A new cookie.
    pub fn cookie(remembered: bool) -> Self {
        Self::Cookie {
            token: Token::generate(),
            remembered,
        }
    }

    /// A new family of tokens.
    pub fn tokens() -> Self {
        Self::Tokens {
            session_id: random::id(),
            refresh: Token::generate(),
        }
    }

    /// The session's name in the stores.
    pub fn key(&self) -> Key {
        match self {
            Self::Cookie { token, .. } => token.key(),
            Self::Tokens { session_id, .. } => Key::of_session(*session_id),
        }
    }

    /// How long the session lasts.
    pub fn life(&self) -> Life {
        match self {
            Self::Cookie { remembered, .. } => Life::of(*remembered),
            Self::Tokens { .. } => Life::REFRESHED,
        }
    }
}

/// What becomes a session, of a member who has proved who they are.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Who it is, and how they proved it.
    pub proof: Proof,
    /// The session that the client had before: it ends, and what an anonymous
    /// one kept is taken along.
    pub before: Option<Key>,
    /// Where it is made.
    pub caller: Option<Caller>,
    /// What the client is to hold.
    pub credential: Credential,
    /// By what a browser is to be known from now on, and whether it needs no
    /// code; a program has no such thing.
    pub device: Option<(Token, Trust)>,
    /// Who is told.
    pub telling: Telling,
}

/// Whether a device needs no code from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// As it was.
    Unchanged,
    /// None for thirty days: its owner has said so, with a code.
    Given,
}

/// Who is told of a session.
#[derive(Clone, Debug)]
pub enum Telling {
    /// Nobody: it is a program of ours that makes it.
    Nobody,
    /// The administration, of a new account.
    SignedUp,
    /// The administration, and by the mail with this payload, if there is one,
    /// the member whose account did not know the device.
    SignedIn(Option<Value>),
}

/// For how long a trusted device needs no code, in seconds.
const TRUST_SECONDS: f64 = 30.0 * 24.0 * 3_600.0;

impl Admission {
    /// By this proof, with this credential, and nothing else known.
    pub fn new(proof: Proof, credential: Credential) -> Self {
        Self {
            proof,
            before: None,
            caller: None,
            credential,
            device: None,
            telling: Telling::Nobody,
        }
    }
}

/// Makes the session of a member who has proved who they are. `false` when the
/// proof has been overtaken.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn insert(client: &Client, admission: &Admission) -> Result<bool> {
    let Admission {
        proof,
        before,
        caller,
        credential,
        ..
    } = admission;
    let (id, refresh_hash, remembered) = match credential {
        Credential::Cookie { remembered, .. } => (random::id(), None, *remembered),
        Credential::Tokens {
            session_id,
            refresh,
        } => (*session_id, Some(refresh.hash()), false),
    };
    let (key, life) = (credential.key(), credential.life());
    let device = admission.device.as_ref();
    let (kind, notice) = match &admission.telling {
        Telling::Nobody => (None, None),
        Telling::SignedUp => (Some(Kind::SignedUp), None),
        Telling::SignedIn(notice) => (Some(Kind::SignedIn), notice.clone()),
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
                &before.as_ref().map(Key::as_str),
                &life.idle.as_secs_f64(),
                &life.absolute.as_secs_f64(),
                &device.map(|(token, _)| token.hash()),
                &random::id(),
                &device.is_some_and(|(_, trust)| *trust == Trust::Given),
                &TRUST_SECONDS,
                &DEVICE_LIFE.as_secs_f64(),
                &random::id(),
                &refresh_hash,
                &random::id(),
                &notice,
                &random::id(),
                &kind.map(Kind::as_str),
                &random::id(),
            ],
        )
        .await?;
    Ok(row.is_some())
}
