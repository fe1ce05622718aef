//! Tokens that carry a signed-in member to a partner application: the live
//! ones, and their way into the archive. Of a token only the hash is kept.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::account::{Membership, membership_json};
use super::from_json;
use super::user::{User, user_columns};
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::models::app::Partner;
use crate::models::user_session::session_alive;
use crate::session::{Key, Token};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

/// How long a token is good, in seconds.
const LIFE_SECONDS: u32 = 15 * 60;

/// A token that a member asks for.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// The session that is taken along, and whose end ends the token.
    pub key: &'a Key,
    /// The application that it is for, by its name.
    pub target_app: &'a str,
    /// For whom they act; `None`: for themselves.
    pub account_id: Option<Uuid>,
    /// Where the browser is to take it; `None`: the site knows.
    pub origin: Option<&'a str>,
    /// Who asks.
    pub caller: &'a Caller,
}

/// What was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its row, by which it can be revoked.
    pub id: Uuid,
    /// For its application alone.
    pub token: Token,
    /// Fifteen minutes from now, or when its session ends.
    pub expires_at: DateTime<Utc>,
}

const NOT_A_MEMBER: Error = Error::Forbidden {
    code: "not_a_member",
    message: "You do not belong to this account",
};

// That the session is alive is asked here: a record in Redis is not enough for
// what makes a credential.
static ISSUE: Statement = Statement::new(
    "cross_app_session.issue",
    concat!(
        "with caller as (
            select s.id, s.user_id, s.absolute_expires_at
            from user_sessions s join users u on u.id = s.user_id
            where s.session_key = $1 and ",
        session_alive!(),
        "), app as (
            select name, $4::text is null or $4 = any (allowed_origins) as is_origin
            from apps where name = $2 and is_active
        ), made as (
            insert into cross_app_sessions (id, token_hash, user_id, account_id, session_id,
                target_app, user_agent, ip_address, expires_at)
            select $5, $6, caller.user_id, $3, caller.id, app.name, $7, $8,
                least(now() + make_interval(secs => $9), caller.absolute_expires_at)
            from caller cross join app
            where app.is_origin and ($3::uuid is null or exists (
                select from account_members m
                where m.account_id = $3 and m.user_id = caller.user_id))
            returning expires_at
        )
        select exists (select from caller) as is_alive, app.is_origin, made.expires_at
        from (select 1) always left join app on true left join made on true"
    ),
);

/// Issues a token.
///
/// # Errors
///
/// [`Error::SessionGone`]; [`Error::Invalid`] for an application that there is
/// not, or an origin that is not its own; 403 `not_a_member` of the account;
/// [`Error::Unavailable`].
pub async fn issue(client: &Client, new: &NewToken<'_>) -> Result<Issued> {
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
                &f64::from(LIFE_SECONDS),
            ],
        )
        .await
        // Gone at this very moment.
        .on_constraint("cross_app_sessions_session_id_fkey", Error::SessionGone)
        .on_constraint("cross_app_sessions_account_id_fkey", NOT_A_MEMBER)?;
    if !row.try_get::<_, bool>("is_alive")? {
        return Err(Error::SessionGone);
    }
    match row.try_get("is_origin")? {
        None => return Err(Error::field("targetApp", "must be a partner application")),
        Some(false) => {
            let problem = "must lead to an origin of the application";
            return Err(Error::field("returnTo", problem));
        }
        Some(true) => {}
    }
    let expires_at: Option<DateTime<Utc>> = row.try_get("expires_at")?;
    Ok(Issued {
        id,
        token,
        expires_at: expires_at.ok_or(NOT_A_MEMBER)?,
    })
}

/// A token that was good, and what it says.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Its row, by which it can be revoked.
    pub id: Uuid,
    /// Where the member is signed in.
    pub source_app: String,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// Until when it is good, if its application may use it again.
    pub expires_at: DateTime<Utc>,
    /// Who it is.
    pub user: User,
    /// For whom they act; `None`: for themselves.
    pub account: Option<Membership>,
}

/// What a partner application is told of a token.
#[derive(Debug)]
pub enum Verdict {
    /// It was good, and is used now.
    Good(Box<Validated>),
    /// Unknown, used, revoked, expired, or of a session or a membership that has
    /// ended: which of these is not told.
    Ended,
    /// It is another application's, and as good there as it was.
    Elsewhere,
}

/// An active application `$1` whose secret has the hash `$2`.
macro_rules! known_app {
    () => {
        "select name, single_use from apps
        where name = $1 and is_active and $2 in (secret_hash, previous_secret_hash)"
    };
}

// Of any number at once one finds `used_at` null: the others wait for its row,
// and look again. So does whoever comes while the session ends, for that
// empties `session_id`. Of a token that may be validated again the first time
// alone is noted, so that an application cannot fill the table of events.
static VALIDATE: Statement = Statement::new(
    "cross_app_session.validate",
    concat!(
        "with app as (",
        known_app!(),
        "), used as (
            update cross_app_sessions c set used_at = now()
            from app, user_sessions s join users u on u.id = s.user_id,
                (select id, used_at is null as is_first from cross_app_sessions
                 where token_hash = $3) before
            where c.id = before.id and c.target_app = app.name
              and c.expires_at > now() and c.revoked_at is null
              and (c.used_at is null or not app.single_use)
              and s.id = c.session_id and ",
        session_alive!(),
        "
              and (c.account_id is null or exists (
                select from account_members m
                where m.account_id = c.account_id and m.user_id = c.user_id))
            returning c.id as token_id, before.is_first, c.source_app, c.account_id,
                c.created_at as issued_at, c.expires_at, ",
        user_columns!("u"),
        "
        ), noted as (
            insert into security_events (id, user_id, kind, ip, user_agent, detail)
            select $4, used.id, 'cross_app_signed_in', $5, $6, jsonb_build_object('app', $1)
            from used where used.is_first
        )
        select exists (select from app) as is_known,
            exists (select from cross_app_sessions
                where token_hash = $3 and target_app <> $1 and used_at is null
                  and revoked_at is null and expires_at > now()) as is_elsewhere,
            used.*, case when a.id is not null then ",
        membership_json!(),
        " end as account
        from (select 1) always
        left join used on true
        left join accounts a on a.id = used.account_id
        left join account_members m on m.account_id = a.id and m.user_id = used.id"
    ),
);

/// Asks whether a token is good, and uses it up unless its application may use
/// it again: one statement, which knows the application by its secret as well.
///
/// # Errors
///
/// [`Error::UnknownPartner`]; [`Error::Unavailable`].
pub async fn validate(
    client: &Client,
    partner: &Partner,
    token: &Token,
    caller: &Caller,
) -> Result<Verdict> {
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
    if row.try_get("is_elsewhere")? {
        return Ok(Verdict::Elsewhere);
    }
    Ok(match row.try_get("token_id")? {
        Some(id) => Verdict::Good(Box::new(validated(id, &row)?)),
        None => Verdict::Ended,
    })
}

fn validated(id: Uuid, row: &Row) -> Result<Validated> {
    let account: Option<Value> = row.try_get("account")?;
    Ok(Validated {
        id,
        source_app: row.try_get("source_app")?,
        created_at: row.try_get("issued_at")?,
        expires_at: row.try_get("expires_at")?,
        user: User::from_row(row)?,
        account: account.map(from_json).transpose()?,
    })
}

/// What a revocation has found.
#[derive(Clone, Copy, Debug)]
pub struct Revoked {
    /// Whose it was.
    pub user_id: Uuid,
    /// Whether it was neither revoked nor expired before.
    pub is_new: bool,
}

/// Which token is to be revoked.
#[derive(Clone, Debug)]
pub enum Which {
    /// By its row.
    Id(Uuid),
    /// By itself.
    Token(Token),
}

impl Which {
    fn as_params(&self) -> (Option<Uuid>, Option<String>) {
        match self {
            Self::Id(id) => (Some(*id), None),
            Self::Token(token) => (None, Some(token.hash())),
        }
    }
}

macro_rules! revoke {
    ($by:expr, $id:literal, $hash:literal, $owned:literal) => {
        concat!(
            "with by as (",
            $by,
            "), found as (
                select c.id, c.user_id from cross_app_sessions c, by where ",
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
            select exists (select from by) as is_known, (select user_id from found) as user_id,
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
            session_alive!()
        ),
        "$2",
        "$3",
        "c.user_id = by.user_id"
    ),
);

static REVOKE_AS_PARTNER: Statement = Statement::new(
    "cross_app_session.revoke_as_partner",
    revoke!(known_app!(), "$3", "$4", "c.target_app = by.name"),
);

/// Revokes one of a member's tokens; once more is as good as once.
///
/// # Errors
///
/// [`Error::NotFound`] when they have none such; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub async fn revoke_own(client: &Client, key: &Key, which: &Which) -> Result<Revoked> {
    let (id, hash) = which.as_params();
    let row = REVOKE_OWN.one(client, &[&key.as_str(), &id, &hash]).await?;
    revoked(&row, Error::SessionGone)
}

/// Revokes one of the tokens that are for this application, as [`revoke_own`].
///
/// # Errors
///
/// [`Error::NotFound`] when there is none such; [`Error::UnknownPartner`];
/// [`Error::Unavailable`].
pub async fn revoke_as_partner(
    client: &Client,
    partner: &Partner,
    which: &Which,
) -> Result<Revoked> {
    let (id, hash) = which.as_params();
    let (name, secret_hash) = (&partner.name, partner.secret.hash());
    let row = REVOKE_AS_PARTNER
        .one(client, &[name, &secret_hash, &id, &hash])
        .await?;
    revoked(&row, Error::UnknownPartner)
}

fn revoked(row: &Row, unknown: Error) -> Result<Revoked> {
    if !row.try_get::<_, bool>("is_known")? {
        return Err(unknown);
    }
    let owner: Option<Uuid> = row.try_get("user_id")?;
    Ok(Revoked {
        user_id: owner.ok_or(Error::NotFound)?,
        is_new: row.try_get("is_new")?,
    })
}

static REVOKE_ALL_FOR: Statement = Statement::new(
    "cross_app_session.revoke_all_for",
    "update cross_app_sessions set revoked_at = now()
    where target_app = $1 and revoked_at is null and expires_at > now()",
);

/// Revokes all tokens for an application, used ones too, in the transaction that
/// changes what it may do: what has ended must not come back by that.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn revoke_all_for(client: &Client, target_app: &str) -> Result<()> {
    REVOKE_ALL_FOR.execute(client, &[&target_app]).await
}

/// What became of tokens, by day (UTC), as daily counters: `(day, name, count)`
/// with the names `cross_app_<outcome>:<application>`.
///
/// From the day before the last that was counted on: what happens to a token
/// happens within fifteen minutes, so that day alone may have been counted too
/// early. A token that is not counted yet has not gone to the archive. One that
/// may be validated again, and is on both sides of midnight, may stand as used
/// on both days.
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

// In the order of days and names, so that two of these cannot lock each other
// out. The greater count: of an earlier day some tokens may be archived by now.
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

/// Writes into the daily counters what has become of tokens. To be called before
/// any of them is archived.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn count(client: &Client) -> Result<()> {
    COUNT.execute(client, &[]).await
}

static MAKE_PARTITIONS: Statement = Statement::new(
    "cross_app_session.make_partitions",
    "select make_cross_app_archive_partitions(
        coalesce((select min(created_at) from cross_app_sessions), now()),
        now() + interval '1 month')",
);

/// Makes the months of the archive that the tokens there are will need, and
/// the next one ahead.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn make_partitions(client: &Client) -> Result<()> {
    MAKE_PARTITIONS.execute(client, &[]).await
}

/// Moves up to `$1` tokens of more than thirty days ago into the archive, and
/// counts them. One statement: wherever it is cut off, each is in one place.
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

/// Drops the months of the archive whose last tokens have been there for `months`
/// months, unless one that is still to come belongs there. Returns how many were
/// dropped.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn drop_partitions(client: &Client, months: i32) -> Result<i32> {
    Ok(DROP_PARTITIONS.one(client, &[&months]).await?.try_get(0)?)
}
