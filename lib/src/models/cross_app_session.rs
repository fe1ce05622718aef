//! Tokens that sign a member in to a partner application, and their archive. The table is
//! `cross_app_sessions`. Only the hash of a token is stored.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::from_json;
use super::organization::{Membership, membership_json};
use super::user::{User, user_columns};
use crate::crypto::random;
use crate::crypto::token::{SessionKey, Token};
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::models::partner_app::Partner;
use crate::models::user_session::session_is_active;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

/// How long a token is valid, in seconds.
const LIFETIME_SECONDS: u32 = 15 * 60;

/// A token to issue.
#[derive(Debug)]
pub struct NewCrossAppToken<'a> {
    /// The key of the member's session. The token ends with the session.
    pub key: &'a SessionKey,
    /// The name of the partner application.
    pub target_app: &'a str,
    /// The organization that the member acts for. `None` if they act for themselves.
    pub account_id: Option<Uuid>,
    /// The origin of the page that receives the token. `None` if it is not checked.
    pub origin: Option<&'a str>,
    /// The client that requests the token.
    pub caller: &'a Caller,
}

/// A token that was issued.
#[derive(Clone, Debug)]
pub struct IssuedCrossAppToken {
    /// The id, which can be used to revoke the token.
    pub id: Uuid,
    /// The token for the partner application.
    pub token: Token,
    /// When the token expires: after fifteen minutes, or earlier with the session.
    pub expires_at: DateTime<Utc>,
}

const NOT_A_MEMBER: Error = Error::Forbidden {
    code: ErrorCode::NotAMember,
    message: "You do not belong to this organization",
};

// Issuing a credential requires a session that is alive in Postgres. A record in Redis
// is not enough.
static ISSUE: Statement = Statement::new(
    "cross_app_session.issue",
    concat!(
        "with caller as (
            select s.id, s.user_id, s.absolute_expires_at
            from user_sessions s join users u on u.id = s.user_id
            where s.session_key = $1 and ",
        session_is_active!(),
        "), app as (
            select name, $4::text is null or $4 = any (allowed_origins) as is_origin_allowed
            from apps where name = $2 and is_active
        ), made as (
            insert into cross_app_sessions (id, token_hash, user_id, account_id, session_id,
                target_app, user_agent, ip_address, expires_at)
            select $5, $6, caller.user_id, $3, caller.id, app.name, $7, $8,
                least(now() + make_interval(secs => $9), caller.absolute_expires_at)
            from caller cross join app
            where app.is_origin_allowed and ($3::uuid is null or exists (
                select from account_members m
                where m.account_id = $3 and m.user_id = caller.user_id))
            returning expires_at
        )
        select exists (select from caller) as is_alive, app.is_origin_allowed, made.expires_at
        from (select 1) always left join app on true left join made on true"
    ),
);

/// Issues a token.
///
/// # Errors
///
/// [`Error::SessionGone`]; [`Error::Invalid`] if the application does not exist or does
/// not allow the origin; 403 `not_a_member` if the member does not belong to the
/// organization.
pub async fn issue(client: &Client, new: &NewCrossAppToken<'_>) -> Result<IssuedCrossAppToken> {
    let (id, token) = (random::id(), Token::generate());
    let row = ISSUE
        .one(
            client,
            &[
                &new.key.as_str(),
                &new.target_app,
                &new.account_id,
                &new.origin,
                &id,
                &token.hash(),
                &new.caller.user_agent,
                &new.caller.address,
                &f64::from(LIFETIME_SECONDS),
            ],
        )
        .await
        // The session or the membership ended concurrently.
        .on_constraint("cross_app_sessions_session_id_fkey", Error::SessionGone)
        .on_constraint("cross_app_sessions_account_id_fkey", NOT_A_MEMBER)?;
    if !row.try_get::<_, bool>("is_alive")? {
        return Err(Error::SessionGone);
    }
    match row.try_get("is_origin_allowed")? {
        None => return Err(Error::field("targetApp", "must be a partner application")),
        Some(false) => {
            let problem = "must have an origin that the application allows";
            return Err(Error::field("returnTo", problem));
        }
        Some(true) => {}
    }
    let expires_at: Option<DateTime<Utc>> = row.try_get("expires_at")?;
    Ok(IssuedCrossAppToken {
        id,
        token,
        expires_at: expires_at.ok_or(NOT_A_MEMBER)?,
    })
}

/// A token that was validated.
#[derive(Clone, Debug)]
pub struct ValidatedToken {
    /// The id, which can be used to revoke the token.
    pub id: Uuid,
    /// The application where the member is signed in.
    pub source_app: String,
    /// When the token was issued.
    pub created_at: DateTime<Utc>,
    /// When the token expires. This matters only if the token can be validated more than
    /// once.
    pub expires_at: DateTime<Utc>,
    /// The member.
    pub user: User,
    /// The organization that the member acts for. `None` if they act for themselves.
    pub account: Option<Membership>,
}

/// The result of validating a token.
#[derive(Debug)]
pub enum Validation {
    /// The token was valid, and is now used.
    Valid(Box<ValidatedToken>),
    /// The token is unknown, used, revoked or expired, or its session or membership has
    /// ended. The result does not say which.
    Invalid,
    /// The token is for another application. It stays valid there.
    WrongApplication,
}

/// Selects the active application `$1` if its secret has the hash `$2`.
macro_rules! known_app {
    () => {
        "select name, single_use from apps
        where name = $1 and is_active and $2 in (secret_hash, previous_secret_hash)"
    };
}

// Exactly one of several concurrent calls finds `used_at` null. The others wait for the
// row lock and read the row again. A session that ends concurrently is noticed in the
// same way, because the end of a session clears `session_id`. Only the first validation
// of a reusable token is recorded, so that an application cannot fill the table of
// events.
static VALIDATE: Statement = Statement::new(
    "cross_app_session.validate",
    concat!(
        "with app as (",
        known_app!(),
        "), used as (
            update cross_app_sessions c set used_at = now()
            from app, user_sessions s join users u on u.id = s.user_id,
                (select id, used_at is null as is_first from cross_app_sessions
                 where token_hash = $3) previous
            where c.id = previous.id and c.target_app = app.name
              and c.expires_at > now() and c.revoked_at is null
              and (c.used_at is null or not app.single_use)
              and s.id = c.session_id and ",
        session_is_active!(),
        "
              and (c.account_id is null or exists (
                select from account_members m
                where m.account_id = c.account_id and m.user_id = c.user_id))
            returning c.id as token_id, previous.is_first, c.source_app, c.account_id,
                c.created_at as issued_at, c.expires_at, ",
        user_columns!("u"),
        "
        ), recorded as (
            insert into security_events (id, user_id, kind, ip, user_agent, detail)
            select $4, used.id, 'cross_app_signed_in', $5, $6, jsonb_build_object('app', $1)
            from used where used.is_first
        )
        select exists (select from app) as is_known,
            exists (select from cross_app_sessions
                where token_hash = $3 and target_app <> $1 and used_at is null
                  and revoked_at is null and expires_at > now()) as is_for_other_app,
            used.*, case when a.id is not null then ",
        membership_json!(),
        " end as account
        from (select 1) always
        left join used on true
        left join accounts a on a.id = used.account_id
        left join account_members m on m.account_id = a.id and m.user_id = used.id"
    ),
);

/// Validates a token, and uses it up unless the application may reuse tokens. The same
/// statement authenticates the application.
///
/// # Errors
///
/// [`Error::UnknownPartner`] if the name or the secret of the application is wrong, or if the
/// application is deactivated.
pub async fn validate(
    client: &Client,
    partner: &Partner,
    token: &Token,
    caller: &Caller,
) -> Result<Validation> {
    let row = VALIDATE
        .one(
            client,
            &[
                &partner.name,
                &partner.secret.hash(),
                &token.hash(),
                &random::id(),
                &caller.address,
                &caller.user_agent,
            ],
        )
        .await?;
    if !row.try_get::<_, bool>("is_known")? {
        return Err(Error::UnknownPartner);
    }
    if row.try_get("is_for_other_app")? {
        return Ok(Validation::WrongApplication);
    }
    Ok(match row.try_get("token_id")? {
        Some(id) => Validation::Valid(Box::new(validated_token(id, &row)?)),
        None => Validation::Invalid,
    })
}

fn validated_token(id: Uuid, row: &Row) -> Result<ValidatedToken> {
    let account: Option<Value> = row.try_get("account")?;
    Ok(ValidatedToken {
        id,
        source_app: row.try_get("source_app")?,
        created_at: row.try_get("issued_at")?,
        expires_at: row.try_get("expires_at")?,
        user: User::from_row(row)?,
        account: account.map(from_json).transpose()?,
    })
}

/// The result of revoking a token.
#[derive(Clone, Copy, Debug)]
pub struct RevokedToken {
    /// The member to whom the token was issued.
    pub user_id: Uuid,
    /// Whether this call revoked the token. `false` if it was revoked or expired before.
    pub is_new: bool,
}

/// Identifies the token to revoke.
#[derive(Clone, Debug)]
pub enum TokenRef {
    /// The id of the token.
    Id(Uuid),
    /// The token itself.
    Token(Token),
}

impl TokenRef {
    fn as_params(&self) -> (Option<Uuid>, Option<String>) {
        match self {
            Self::Id(id) => (Some(*id), None),
            Self::Token(token) => (None, Some(token.hash())),
        }
    }
}

/// The SQL that revokes the token with the id `$id` or the hash `$hash`. `$revoker` selects
/// who revokes, and `$owned` is the condition that the token `c` belongs to the revoker.
macro_rules! revoke {
    ($revoker:expr, $id:literal, $hash:literal, $owned:literal) => {
        concat!(
            "with revoker as (",
            $revoker,
            "), found as (
                select c.id, c.user_id from cross_app_sessions c, revoker where ",
            $owned,
            " and (c.id = ",
            $id,
            " or c.token_hash = ",
            $hash,
            ")
            ), revoked as (
                update cross_app_sessions c set revoked_at = now() from found
                where c.id = found.id and c.revoked_at is null and c.expires_at > now()
                returning c.id
            )
            select exists (select from revoker) as is_known, (select user_id from found) as user_id,
                exists (select from revoked) as is_new"
        )
    };
}

static REVOKE_OWN: Statement = Statement::new(
    "cross_app_session.revoke_own",
    revoke!(
        concat!(
            "select s.user_id from user_sessions s join users u on u.id = s.user_id
            where s.session_key = $1 and ",
            session_is_active!()
        ),
        "$2",
        "$3",
        "c.user_id = revoker.user_id"
    ),
);

static REVOKE_AS_PARTNER: Statement = Statement::new(
    "cross_app_session.revoke_as_partner",
    revoke!(known_app!(), "$3", "$4", "c.target_app = revoker.name"),
);

/// Revokes one of a member's own tokens. Revoking it again succeeds.
///
/// # Errors
///
/// [`Error::NotFound`] if the member has no such token; [`Error::SessionGone`].
pub async fn revoke_own(
    client: &Client,
    key: &SessionKey,
    token: &TokenRef,
) -> Result<RevokedToken> {
    let (id, hash) = token.as_params();
    let row = REVOKE_OWN.one(client, &[&key.as_str(), &id, &hash]).await?;
    revoked_token_from_row(&row, Error::SessionGone)
}

/// Revokes a token that was issued for a partner application. Revoking it again succeeds.
///
/// # Errors
///
/// [`Error::NotFound`] if there is no such token; [`Error::UnknownPartner`].
pub async fn revoke_as_partner(
    client: &Client,
    partner: &Partner,
    token: &TokenRef,
) -> Result<RevokedToken> {
    let (id, hash) = token.as_params();
    let (name, secret_hash) = (&partner.name, partner.secret.hash());
    let row = REVOKE_AS_PARTNER
        .one(client, &[name, &secret_hash, &id, &hash])
        .await?;
    revoked_token_from_row(&row, Error::UnknownPartner)
}

fn revoked_token_from_row(row: &Row, unknown_revoker: Error) -> Result<RevokedToken> {
    if !row.try_get::<_, bool>("is_known")? {
        return Err(unknown_revoker);
    }
    let owner: Option<Uuid> = row.try_get("user_id")?;
    Ok(RevokedToken {
        user_id: owner.ok_or(Error::NotFound)?,
        is_new: row.try_get("is_new")?,
    })
}

static REVOKE_ALL_FOR: Statement = Statement::new(
    "cross_app_session.revoke_all_for",
    "update cross_app_sessions set revoked_at = now()
    where target_app = $1 and revoked_at is null and expires_at > now()",
);

/// Revokes all tokens for an application, including used ones. Must be called in the
/// transaction that changes the application, so that a used token does not become valid
/// again when the application may now reuse tokens.
pub async fn revoke_all_for(client: &Client, target_app: &str) -> Result<()> {
    REVOKE_ALL_FOR.execute(client, &[&target_app]).await
}

/// Counts the outcomes of tokens by day (UTC), as daily counters: `(day, name, count)`
/// with names `cross_app_<outcome>:<application>`.
///
/// The count starts with the day before the last counted day. Earlier days are complete,
/// because every outcome happens within fifteen minutes of the creation. Tokens are counted
/// before they are archived. A reusable token that is validated before and after
/// midnight may count as used on both days.
macro_rules! uncounted_outcomes {
    () => {
        "select (at at time zone 'utc')::date as day,
            'cross_app_' || outcome || ':' || target_app as name, count(*) as count
        from (
            select coalesce(max(day) - 1, '-infinity') as day
            from daily_counters where starts_with(name, 'cross_app_')
        ) since
        join cross_app_sessions
            on created_at >= (since.day - 1)::timestamp at time zone 'utc'
        cross join lateral (values ('created', created_at), ('used', used_at),
            ('revoked', revoked_at), ('expired', case when used_at is null
                and revoked_at is null and expires_at <= now() then expires_at end)
        ) as outcomes (outcome, at)
        where (at at time zone 'utc')::date >= since.day
        group by 1, 2"
    };
}
pub(super) use uncounted_outcomes;

// The rows are sorted to prevent a deadlock between two runs. The greater count wins,
// because some tokens of an earlier day may have been archived since.
static COUNT: Statement = Statement::new(
    "cross_app_session.count",
    concat!(
        "insert into daily_counters as c (day, name, count)
        select day, name, count from (",
        uncounted_outcomes!(),
        ") counted order by day, name
        on conflict (day, name) do update set count = greatest(c.count, excluded.count)"
    ),
);

/// Writes the outcomes of tokens to the daily counters. Must be called before tokens are
/// archived.
pub async fn count(client: &Client) -> Result<()> {
    COUNT.execute(client, &[]).await
}

static MAKE_PARTITIONS: Statement = Statement::new(
    "cross_app_session.make_partitions",
    "select make_cross_app_archive_partitions(
        coalesce((select min(created_at) from cross_app_sessions), now()),
        now() + interval '1 month')",
);

/// Creates the monthly partitions of the archive that the current tokens need, and the
/// one for the next month.
pub async fn make_partitions(client: &Client) -> Result<()> {
    MAKE_PARTITIONS.execute(client, &[]).await
}

/// Moves up to `$1` tokens that are older than thirty days to the archive, and returns
/// how many were moved. This is one statement, so a failure cannot lose or duplicate a token.
pub(crate) static ARCHIVE: Statement = Statement::new(
    "cross_app_session.archive",
    "with old as (
        select id from cross_app_sessions where created_at <= now() - interval '30 days'
        order by created_at limit $1 for update skip locked
    ), moved as (
        delete from cross_app_sessions c using old where c.id = old.id returning c.*
    ), kept as (
        insert into cross_app_sessions_archive (id, token_hash, user_id, account_id, session_id,
            source_app, target_app, user_agent, ip_address, created_at, expires_at, used_at,
            revoked_at)
        select id, token_hash, user_id, account_id, session_id, source_app, target_app, user_agent,
            ip_address, created_at, expires_at, used_at, revoked_at
        from moved returning 1
    )
    select count(*) from kept",
);

static DROP_PARTITIONS: Statement = Statement::new(
    "cross_app_session.drop_partitions",
    "select drop_cross_app_archive_partitions(least(
        now() - interval '30 days' - make_interval(months => $1),
        (select min(created_at) from cross_app_sessions)))",
);

/// Drops the partitions of the archive that are older than `months` months. Partitions
/// that tokens still have to be moved to are kept. Returns how many were dropped.
pub async fn drop_partitions(client: &Client, months: i32) -> Result<i32> {
    Ok(DROP_PARTITIONS.one(client, &[&months]).await?.try_get(0)?)
}
