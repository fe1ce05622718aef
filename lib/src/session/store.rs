//! The SQL that finds, changes, and ends sessions, and creates anonymous ones. The other
//! statements are in `create`, `list`, `locks`, `refresh_token`, and `renew`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::lifetime::SessionLifetime;
use super::record::Session;
use crate::crypto::random;
use crate::crypto::token::SessionKey;
use crate::error::{Error, OnConstraint, Result};
use crate::models::user::{User, user_columns};
use crate::models::user_session::session_is_active;
use crate::runtime::config::Timing;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

/// The SQL expression of a session's new expiry time when it is used. The arguments are
/// the statement's parameters with the two idle timeouts in seconds.
macro_rules! extended_expiry {
    ($default:literal, $remembered:literal) => {
        concat!(
            "least(absolute_expires_at, greatest(expires_at, now() + make_interval(secs =>
                case when remembered then ",
            $remembered,
            " else ",
            $default,
            " end)))"
        )
    };
}

static FIND: Statement = Statement::new(
    "session.find",
    concat!(
        "with stale as (
            select id from user_sessions
            where session_key = $1 and expires_at > now()
              and last_activity < now() - make_interval(secs => $2)
            for no key update skip locked
        ), touched as (
            update user_sessions t
            set last_activity = now(),
                expires_at = ",
        extended_expiry!("$3", "$4"),
        "
            from stale where t.id = stale.id
        )
        select s.id as session_id, s.session_data, s.remembered, s.created_at as session_created_at,
               s.last_activity, s.expires_at, s.absolute_expires_at,
               least(now() + make_interval(secs => $5), s.expires_at) as until,
               s.user_id, ",
        user_columns!("u"),
        "
        from user_sessions s left join users u on u.id = s.user_id
        where s.session_key = $1 and ",
        session_is_active!()
    ),
);

/// A session, and the time until which a cached record of it may be used.
pub(crate) type Found = (Session, DateTime<Utc>);

/// Reads an active session, and the time until which a cached record of it may be used.
/// If `last_activity` is outdated, updates it and extends the session, unless another
/// transaction has locked the row. Running it twice is safe.
pub(crate) async fn find(
    client: &Client,
    key: &SessionKey,
    timing: &Timing,
) -> Result<Option<Found>> {
    let row = FIND
        .opt(
            client,
            &[
                &key.as_str(),
                &timing.touch_after.as_secs_f64(),
                &SessionLifetime::DEFAULT.idle.as_secs_f64(),
                &SessionLifetime::REMEMBERED.idle.as_secs_f64(),
                &timing.record_lifetime.as_secs_f64(),
            ],
        )
        .await?;
    row.map(|row| Ok((session_from_row(&row)?, row.try_get("until")?)))
        .transpose()
}

fn session_from_row(row: &Row) -> Result<Session> {
    let user_id: Option<Uuid> = row.try_get("user_id")?;
    Ok(Session {
        id: row.try_get("session_id")?,
        user: user_id.map(|_| User::from_row(row)).transpose()?,
        data: row.try_get("session_data")?,
        remembered: row.try_get("remembered")?,
        created_at: row.try_get("session_created_at")?,
        last_activity: row.try_get("last_activity")?,
        expires_at: row.try_get("expires_at")?,
        absolute_expires_at: row.try_get("absolute_expires_at")?,
    })
}

static CREATE: Statement = Statement::new(
    "session.create",
    "insert into user_sessions (id, session_key, session_data, ip_address, user_agent,
        login_method, expires_at, absolute_expires_at)
    values ($1, $2, $3, $4, $5, 'anonymous',
        now() + make_interval(secs => $6), now() + make_interval(secs => $7))
    on conflict (session_key) do nothing
    returning id as session_id, session_data, remembered, created_at as session_created_at,
        last_activity, expires_at, absolute_expires_at, user_id",
);

/// Creates an anonymous session, which lasts at most `ttl`, or the default time if `ttl` is
/// `None`. Returns `None` if there is a session with this key.
pub(crate) async fn create(
    client: &Client,
    key: &SessionKey,
    data: &Value,
    caller: Option<&Caller>,
    ttl: Option<Duration>,
) -> Result<Option<Session>> {
    let absolute = ttl.unwrap_or(SessionLifetime::DEFAULT.absolute);
    let row = CREATE
        .opt(
            client,
            &[
                &random::id(),
                &key.as_str(),
                data,
                &caller.map(|caller| caller.address),
                &caller.and_then(|caller| caller.user_agent.as_deref()),
                &absolute.min(SessionLifetime::DEFAULT.idle).as_secs_f64(),
                &absolute.as_secs_f64(),
            ],
        )
        .await;
    check_data_size(row)?
        .as_ref()
        .map(session_from_row)
        .transpose()
}

static SET: Statement = Statement::new(
    "session.set",
    "update user_sessions set session_data = $2
    where session_key = $1 and expires_at > now() returning session_data",
);

static MERGE: Statement = Statement::new(
    "session.update",
    "update user_sessions set session_data = session_data || $2
    where session_key = $1 and expires_at > now() returning session_data",
);

static INCREMENT: Statement = Statement::new(
    "session.increment",
    "update user_sessions
    set session_data = jsonb_set(session_data, array[$2], to_jsonb(1 +
        case when jsonb_typeof(session_data -> $2) = 'number'
             then (session_data ->> $2)::numeric else 0 end))
    where session_key = $1 and expires_at > now() returning session_data",
);

/// Replaces the session's data.
pub(crate) async fn set(client: &Client, key: &SessionKey, data: &Value) -> Result<Value> {
    written_data(SET.opt(client, &[&key.as_str(), data]).await)
}

/// Merges the top-level fields of `patch` into the session's data.
pub(crate) async fn update(client: &Client, key: &SessionKey, patch: &Value) -> Result<Value> {
    written_data(MERGE.opt(client, &[&key.as_str(), patch]).await)
}

/// Adds one to a number in the session's data. A value that is not a number counts as 0.
pub(crate) async fn increment(client: &Client, key: &SessionKey, field: &str) -> Result<Value> {
    written_data(INCREMENT.opt(client, &[&key.as_str(), &field]).await)
}

fn written_data(outcome: Result<Option<Row>>) -> Result<Value> {
    let row = check_data_size(outcome)?.ok_or(Error::SessionGone)?;
    Ok(row.try_get("session_data")?)
}

fn check_data_size<T>(outcome: Result<T>) -> Result<T> {
    let too_large = Error::field("data", "must not be larger than 16 KiB");
    outcome.on_constraint("user_sessions_data_size", too_large)
}

static TOUCH: Statement = Statement::new(
    "session.touch",
    concat!(
        "update user_sessions
        set last_activity = now(),
            expires_at = ",
        extended_expiry!("$2", "$3"),
        "
        where session_key = $1 and expires_at > now()
        returning id as session_id, session_data, remembered,
            created_at as session_created_at, last_activity, expires_at,
            absolute_expires_at, null::uuid as user_id"
    ),
);

/// Updates the time of last activity and extends the session.
pub(crate) async fn touch(client: &Client, key: &SessionKey) -> Result<Session> {
    let row = TOUCH
        .opt(
            client,
            &[
                &key.as_str(),
                &SessionLifetime::DEFAULT.idle.as_secs_f64(),
                &SessionLifetime::REMEMBERED.idle.as_secs_f64(),
            ],
        )
        .await?;
    session_from_row(&row.ok_or(Error::SessionGone)?)
}

static DESTROY: Statement = Statement::new(
    "session.destroy",
    "delete from user_sessions where session_key = $1 returning user_id",
);

/// Ends the session with this key. Returns `None` when there was no session,
/// `Some(None)` when it was anonymous, or else the member's id.
pub(crate) async fn destroy(client: &Client, key: &SessionKey) -> Result<Option<Option<Uuid>>> {
    let row = DESTROY.opt(client, &[&key.as_str()]).await?;
    row.map(|row| Ok(row.try_get("user_id")?)).transpose()
}

static DELETE_ONE: Statement = Statement::new(
    "session.delete_one",
    concat!(
        "with caller as (
            select s.user_id from user_sessions s join users u on u.id = s.user_id
            where s.session_key = $1 and ",
        session_is_active!(),
        "), gone as (
            delete from user_sessions t using caller
            where t.id = $2 and t.user_id = caller.user_id
            returning t.session_key, t.device_id
        ), forgotten as (
            delete from remembered_devices d using gone
            where d.id = gone.device_id and d.id is distinct from
                (select device_id from user_sessions where session_key = $1)
        )
        select (select session_key from gone) as session_key from caller"
    ),
);

/// Ends one of a member's sessions by its public id. `caller` is the key of the member's current
/// session. Forgets the device that the ended session was created on, unless the current session
/// belongs to the same device. Returns the key of the ended session, or `None` when the member
/// has no such session. Fails with [`Error::SessionGone`] when the current session is not active.
pub(crate) async fn delete_one(
    client: &Client,
    caller: &SessionKey,
    id: Uuid,
) -> Result<Option<SessionKey>> {
    let row = DELETE_ONE.opt(client, &[&caller.as_str(), &id]).await?;
    let gone: Option<String> = row.ok_or(Error::SessionGone)?.try_get("session_key")?;
    Ok(gone.map(SessionKey::from_column))
}

static RAISE_EPOCH: Statement = Statement::new(
    "session.raise_epoch",
    "update users set session_epoch = session_epoch + 1 where id = $1
    returning session_epoch",
);

static DELETE_ALL_OF: Statement = Statement::new(
    "session.delete_all_of",
    "delete from user_sessions
    where user_id = $1 and session_key is distinct from $2 returning session_key",
);

static KEEP: Statement = Statement::new(
    "session.keep",
    "with kept as (
        update user_sessions set epoch = $2 where session_key = $1
        returning session_key, device_id
    ), device as (
        update remembered_devices d set epoch = $2 from kept where d.id = kept.device_id
    )
    select session_key from kept",
);

/// Ends all sessions of a member except `kept`, and invalidates every earlier proof of
/// identity. The transaction must have locked the member's row in an earlier statement.
/// Returns the keys of all sessions whose record has changed. The key of `kept` is the
/// last one.
pub(crate) async fn delete_all_of(
    client: &Client,
    user_id: Uuid,
    kept: Option<&SessionKey>,
) -> Result<Vec<SessionKey>> {
    // The row was locked by an earlier statement, so the deletion includes the sessions that
    // were committed before the lock.
    let row = RAISE_EPOCH.one(client, &[&user_id]).await?;
    let epoch: i32 = row.try_get("session_epoch")?;
    let kept = kept.map(SessionKey::as_str);
    let mut rows = DELETE_ALL_OF.all(client, &[&user_id, &kept]).await?;
    if kept.is_some() {
        rows.extend(KEEP.all(client, &[&kept, &epoch]).await?);
    }
    keys_from_rows(&rows)
}

static KEYS_OF: Statement = Statement::new(
    "session.keys_of",
    "select session_key from user_sessions where user_id = $1",
);

/// Lists the keys of a member's sessions. The records of these sessions contain the member's
/// data, and are invalidated when the data change.
pub(crate) async fn keys_of(client: &Client, user_id: Uuid) -> Result<Vec<SessionKey>> {
    keys_from_rows(&KEYS_OF.all(client, &[&user_id]).await?)
}

fn keys_from_rows(rows: &[Row]) -> Result<Vec<SessionKey>> {
    rows.iter()
        .map(|row| Ok(SessionKey::from_column(row.try_get("session_key")?)))
        .collect()
}

// Does not use `skip locked`, so that sessions in use are deleted too.
static CLEAR: Statement = Statement::new(
    "session.clear",
    "delete from user_sessions where id in (
        select id from user_sessions limit $1 for update
    ) returning session_key",
);

/// Ends at most `batch` sessions of any visitors and members.
pub(crate) async fn clear(client: &Client, batch: i64) -> Result<Vec<SessionKey>> {
    keys_from_rows(&CLEAR.all(client, &[&batch]).await?)
}
