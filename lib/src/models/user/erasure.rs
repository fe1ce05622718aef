//! Removing the data of an account: all of it when the account is closed, or only what an
//! unconfirmed registrant has set up, if somebody else then proves that the mailbox is theirs.

use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The common table expressions that delete the ways to sign in to some accounts, the
/// unfinished sign-ins, and the links that were mailed. `$is_owner` is the comparison that
/// selects the ids of the accounts, such as `= $1`. The sessions are deleted by [`crate::session`].
macro_rules! delete_credentials {
    ($is_owner:literal) => {
        concat!(
            "identities as (delete from user_identities where user_id ",
            $is_owner,
            "), codes as (delete from recovery_codes where user_id ",
            $is_owner,
            "), devices as (delete from remembered_devices where user_id ",
            $is_owner,
            "), challenges as (delete from sign_in_challenges where user_id ",
            $is_owner,
            "), states as (delete from oauth_states where user_id ",
            $is_owner,
            "), tokens as (delete from one_time_tokens where user_id ",
            $is_owner,
            ")"
        )
    };
}

/// The common table expressions of `delete_credentials!`, and those that remove the same
/// accounts from organizations and instructors, their addresses from the security log, and the
/// reasons why staff gave them spots for free or beyond the capacity.
macro_rules! delete_belongings {
    ($is_owner:literal) => {
        concat!(
            delete_credentials!($is_owner),
            ", memberships as (delete from account_members where user_id ",
            $is_owner,
            "), instructor as (update instructors set user_id = null where user_id ",
            $is_owner,
            // The class of a past booking is not locked. `give_spot` locks the member first, so it
            // writes no reason meanwhile. A deadlock with another change of the booking is rare, and
            // is retried.
            "), gifts as (
                update bookings set given_reason = '' where given_at is not null and user_id ",
            $is_owner,
            "), reasons as (
                update security_events set detail = detail - 'reason'
                where kind = 'booking_changed' and user_id ",
            $is_owner,
            "), addresses as (
                update security_events set detail = detail - 'from' - 'to'
                where kind in ('email_changed', 'email_change_asked') and user_id ",
            $is_owner,
            ")"
        )
    };
}

/// The assignments that replace what is personal in the row of an account.
macro_rules! erased_columns {
    () => {
        "email = 'closed:' || u.id, email_verified_at = null, password_hash = null,
        first_name = 'Former', last_name = 'member', phone = null, date_of_birth = null,
        emergency_contact_name = null, emergency_contact_phone = null,
        experience_level = 'beginner', medical_conditions = null, marketing_consent = false,
        totp_secret = null, totp_confirmed_at = null, totp_last_step = null,
        calendar_token_hash = null, provider_customer = null, muted_categories = '{}',
        is_active = false, is_staff = false, is_admin = false"
    };
}

static LOCK_ADDRESS: Statement = Statement::new(
    "user.lock_address",
    "select pg_advisory_xact_lock(hashtextextended('address:' || $1, 0))",
);

/// Locks an e-mail address. Other transactions that give the address to an account wait
/// until this one ends.
pub async fn lock_address(client: &Client, email: &str) -> Result<()> {
    LOCK_ADDRESS.execute(client, &[&email]).await
}

static LOCK_UNCONFIRMED: Statement = Statement::new(
    "user.lock_unconfirmed",
    "select id from users
    where email = $1 and email_verified_at is null and is_active for update",
);

/// Locks the active account with this e-mail address, if the address was never confirmed.
/// Returns the account's id.
pub async fn lock_unconfirmed(client: &Client, email: &str) -> Result<Option<Uuid>> {
    let row = LOCK_UNCONFIRMED.opt(client, &[&email]).await?;
    Ok(row.map(|row| row.try_get("id")).transpose()?)
}

static HAS_CREDENTIALS: Statement = Statement::new(
    "user.has_credentials",
    "select password_hash is not null
        or exists (select from user_identities i where i.user_id = u.id) as has_credentials
    from users u where u.id = $1",
);

/// Returns whether the account has a password or a linked provider. An account that staff
/// created has neither until its member follows the invitation.
pub async fn has_credentials(client: &Client, id: Uuid) -> Result<bool> {
    let row = HAS_CREDENTIALS.one(client, &[&id]).await?;
    Ok(row.try_get("has_credentials")?)
}

static DELETE_IF_UNUSED: Statement = Statement::new(
    "user.delete_if_unused",
    "with addresses as (
        update security_events set detail = detail - 'from' - 'to'
        where user_id = $1 and kind in ('email_changed', 'email_change_asked')
    )
    delete from users u
    where u.id = $1 and not u.is_staff and not u.is_admin
        and not exists (select from bookings b where b.user_id = u.id)
        and not exists (select from refunds r where r.by = u.id)
        and not exists (select from orders o where u.id in (o.user_id, o.sold_by))
        and not exists (select from memberships m where m.user_id = u.id)
        and not exists (select from payments p where p.taken_by = u.id)
        and not exists (select from pass_changes c where c.by = u.id)
        and not exists (select from wallets w where w.user_id = u.id)
        and not exists (select from wallet_entries e where e.made_by = u.id)
    returning u.id",
);

/// Deletes an account and everything that belongs to it. Returns `false`, and keeps the
/// account, if it has a role, has bookings, orders, credit, or a membership, which may have been paid,
/// has sold something, or has decided about a refund, a pass, or credit. The e-mail addresses in its
/// security events are removed even then, so the caller must close the account or roll back.
pub async fn delete_if_unused(client: &Client, id: Uuid) -> Result<bool> {
    Ok(DELETE_IF_UNUSED.opt(client, &[&id]).await?.is_some())
}

static ERASE: Statement = Statement::new(
    "user.erase",
    concat!(
        "with buyers as (update receipts set buyer = '' where user_id = $1), ",
        delete_belongings!("= $1"),
        " update users u set closed_at = now(), ",
        erased_columns!(),
        " where id = $1"
    ),
);

/// Closes an account and erases its personal data. Its bookings and payments stay, under a
/// neutral name. The e-mail address is replaced by `closed:` and the id, so that another
/// account can use the address. The transaction must have locked the member's row and ended the
/// sessions.
pub async fn erase(client: &Client, id: Uuid) -> Result<()> {
    ERASE.execute(client, &[&id]).await
}

/// Erases a batch of `$1` accounts that their members have closed with an earlier version of
/// the program, which only deactivated them. Returns the number of erased accounts. An
/// account that an administrator has deactivated is not erased. Its event names the
/// administrator (`by`).
pub static ERASE_CLOSED: Statement = Statement::new(
    "user.erase_closed",
    concat!(
        "with closed as materialized (
            select u.id, last.created_at
            from users u cross join lateral (
                select created_at, kind, detail from security_events
                where user_id = u.id and kind in ('account_deactivated', 'account_activated')
                order by created_at desc, id desc limit 1
            ) last
            where not u.is_active and u.closed_at is null
                and last.kind = 'account_deactivated' and not last.detail ? 'by'
            limit $1 for update of u skip locked
        ), sessions as (delete from user_sessions where user_id in (select id from closed)), ",
        delete_belongings!("in (select id from closed)"),
        ", erased as (
            update users u set closed_at = closed.created_at, ",
        erased_columns!(),
        " from closed where u.id = closed.id returning 1
        )
        select count(*) from erased"
    ),
);

static FORGET_REGISTRANT: Statement = Statement::new(
    "user.forget_registrant",
    concat!(
        "with ",
        delete_credentials!("= $1"),
        "
        update users set password_hash = null, phone = null, date_of_birth = null,
            emergency_contact_name = null, emergency_contact_phone = null,
            medical_conditions = null, marketing_consent = false, totp_secret = null,
            totp_confirmed_at = null, totp_last_step = null, calendar_token_hash = null,
            muted_categories = '{}'
        where id = $1"
    ),
);

/// Removes the ways to sign in and the personal details of an account, except the name and the
/// level. Also removes the telephone number that staff have entered for a member, because the
/// address may be mistyped. The transaction must have locked the member's row.
pub async fn forget_registrant(client: &Client, id: Uuid) -> Result<()> {
    FORGET_REGISTRANT.execute(client, &[&id]).await
}
