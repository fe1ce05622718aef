//! Statements that delete expired rows in batches.
//!
//! Each statement takes the size of the batch and returns the number of deleted rows.
//! Statements with a configured retention also take a number of days. Locked rows are
//! skipped, so that concurrent clean-ups do not wait for each other or for a sign-in.

use crate::store::statement::Statement;

/// Creates the statement that deletes a batch of the rows of `$table` for which `$expired` is
/// true.
macro_rules! delete_statement {
    ($name:literal, $table:literal, $key:literal, $expired:literal) => {
        Statement::new(
            $name,
            concat!(
                "with expired as (
                    select ",
                $key,
                " from ",
                $table,
                " where ",
                $expired,
                "
                    limit $1 for update skip locked
                ), deleted as (
                    delete from ",
                $table,
                " using expired
                    where (",
                $table,
                ".",
                $key,
                ") = (expired.",
                $key,
                ") returning 1
                )
                select count(*) from deleted"
            ),
        )
    };
}

/// Deletes expired sessions, and with them their refresh tokens.
pub static SESSIONS: Statement = delete_statement!(
    "cleanup.sessions",
    "user_sessions",
    "id",
    "expires_at <= now()"
);
/// Deletes expired rate-limit counters and blocks.
pub static RATE_LIMITS: Statement = delete_statement!(
    "cleanup.throttle",
    "login_throttle",
    "key",
    "expires_at <= now()"
);
/// Deletes expired tokens of links in e-mails.
pub static ONE_TIME_TOKENS: Statement = delete_statement!(
    "cleanup.one_time_tokens",
    "one_time_tokens",
    "id",
    "expires_at <= now()"
);
/// Deletes expired, unfinished sign-ins through a provider.
pub static OAUTH_STATES: Statement = delete_statement!(
    "cleanup.oauth_states",
    "oauth_states",
    "state_hash",
    "expires_at <= now()"
);
/// Deletes expired sign-ins that wait for a second factor.
pub static SIGN_IN_CHALLENGES: Statement = delete_statement!(
    "cleanup.sign_in_challenges",
    "sign_in_challenges",
    "id",
    "expires_at <= now()"
);
/// Deletes expired remembered devices.
pub static REMEMBERED_DEVICES: Statement = delete_statement!(
    "cleanup.remembered_devices",
    "remembered_devices",
    "id",
    "expires_at <= now()"
);
/// Deletes expired idempotency keys.
pub static IDEMPOTENCY_KEYS: Statement = delete_statement!(
    "cleanup.idempotency_keys",
    "idempotency_keys",
    "ctid",
    "expires_at <= now()"
);
/// Deletes e-mails 30 days after they were sent, and dropped or abandoned e-mails 30 days
/// after they were created.
pub static MAIL: Statement = delete_statement!(
    "cleanup.mail",
    "mail_outbox",
    "id",
    "sent_at <= now() - interval '30 days' or (sent_at is null
        and next_attempt_at = 'infinity' and created_at <= now() - interval '30 days')"
);
/// Deletes members' events after 30 days.
pub static MEMBER_EVENTS: Statement = delete_statement!(
    "cleanup.member_events",
    "member_events",
    "id",
    "created_at <= now() - interval '30 days'"
);
/// Deletes events for staff after two days.
pub static STAFF_EVENTS: Statement = delete_statement!(
    "cleanup.staff_events",
    "staff_events",
    "id",
    "created_at <= now() - interval '2 days'"
);
/// Deletes the records of reminders of classes after 30 days. The class has started by then.
pub static CLASS_REMINDERS: Statement = delete_statement!(
    "cleanup.class_reminders",
    "class_reminders",
    "ctid",
    "created_at <= now() - interval '30 days'"
);
/// Deletes the records of e-mails about passes that end after 30 days. The last day is over by then.
pub static PASS_REMINDERS: Statement = delete_statement!(
    "cleanup.pass_reminders",
    "pass_reminders",
    "ctid",
    "created_at <= now() - interval '30 days'"
);
/// Deletes webhook events after 30 days. Stripe retries an event for three days.
pub static WEBHOOK_EVENTS: Statement = delete_statement!(
    "cleanup.webhook_events",
    "webhook_events",
    "id",
    "created_at <= now() - interval '30 days'"
);
/// Deletes security events that are older than `$2` days.
pub static SECURITY_EVENTS: Statement = delete_statement!(
    "cleanup.security_events",
    "security_events",
    "id",
    "created_at <= now() - make_interval(days => $2)"
);
/// Deletes messages from the contact form that are older than `$2` days, processed or not.
pub static CONTACT_SUBMISSIONS: Statement = delete_statement!(
    "cleanup.contact_submissions",
    "contact_submissions",
    "id",
    "created_at <= now() - make_interval(days => $2)"
);
