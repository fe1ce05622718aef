//! Messages from the contact form.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::models::user::Email;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

/// A message to store.
#[derive(Clone, Debug)]
pub struct NewContactSubmission {
    /// The visitor's name.
    pub name: String,
    /// The visitor's e-mail address.
    pub email: Email,
    /// The visitor's phone number, if given.
    pub phone: Option<String>,
    /// The subject of the message.
    pub subject: String,
    /// The text of the message.
    pub message: String,
}

/// A stored message.
#[derive(Clone, Debug)]
pub struct ContactSubmission {
    /// The message's id.
    pub id: Uuid,
    /// The visitor's name.
    pub name: String,
    /// The visitor's e-mail address.
    pub email: String,
    /// The visitor's phone number, if given.
    pub phone: Option<String>,
    /// The subject of the message.
    pub subject: String,
    /// The text of the message.
    pub message: String,
    /// Whether staff have processed the message.
    pub is_processed: bool,
    /// When the message was processed.
    pub processed_at: Option<DateTime<Utc>>,
    /// The user who processed the message. `None` if nobody did, or if that user's account
    /// was deleted.
    pub processed_by: Option<Uuid>,
    /// When the message was submitted.
    pub created_at: DateTime<Utc>,
}

impl ContactSubmission {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            phone: row.try_get("phone")?,
            subject: row.try_get("subject")?,
            message: row.try_get("message")?,
            is_processed: row.try_get("is_processed")?,
            processed_at: row.try_get("processed_at")?,
            processed_by: row.try_get("processed_by")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the message's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

// One statement stores the message and queues the e-mail about it, so that neither exists
// without the other.
static INSERT: Statement = Statement::new(
    "contact.insert",
    "with submission as (
        insert into contact_submissions
            (id, name, email, phone, subject, message, ip_address, user_agent)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        returning id
    )
    insert into mail_outbox (id, recipient, kind, payload)
    select $9, $10, 'contact_received', jsonb_build_object('submissionId', submission.id)
    from submission where $10 is not null",
);

/// Stores a message and returns its id. Queues an e-mail to `studio_email`, if given.
pub async fn insert(
    client: &Client,
    submission: &NewContactSubmission,
    caller: &Caller,
    studio_email: Option<&str>,
) -> Result<Uuid> {
    let id = random::id();
    INSERT
        .execute(
            client,
            &[
                &id,
                &submission.name,
                &submission.email.as_str(),
                &submission.phone,
                &submission.subject,
                &submission.message,
                &caller.address,
                &caller.user_agent,
                &random::id(),
                &studio_email,
            ],
        )
        .await?;
    Ok(id)
}

/// The columns of [`ContactSubmission`].
macro_rules! submission_columns {
    () => {
        "id, name, email, phone, subject, message, is_processed, processed_at, processed_by,
            created_at"
    };
}

static FIND: Statement = Statement::new(
    "contact.find",
    concat!(
        "select ",
        submission_columns!(),
        " from contact_submissions where id = $1"
    ),
);

/// Finds a message.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<ContactSubmission>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| ContactSubmission::from_row(&row)).transpose()
}

static LIST: Statement = Statement::new(
    "contact.list",
    concat!(
        "select ",
        submission_columns!(),
        " from contact_submissions
        where ($1 is null or is_processed = $1)
          and ($2 is null or (created_at, id) < ($2, $3))
        order by created_at desc, id desc limit $4"
    ),
);

/// Lists a page of messages, newest first. `is_processed` selects processed or unprocessed
/// messages; `None` selects both.
pub async fn list(
    client: &Client,
    is_processed: Option<bool>,
    page: &Page,
) -> Result<Vec<ContactSubmission>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&is_processed, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(ContactSubmission::from_row).collect()
}

// Marking a processed message as processed keeps its `processed_by` and `processed_at`.
static MARK: Statement = Statement::new(
    "contact.mark",
    concat!(
        "with before as (
            select id as before_id, is_processed as was_processed
            from contact_submissions where id = $1 for no key update
        )
        update contact_submissions
        set is_processed = $2,
            processed_at = case when not $2 then null
                when was_processed then processed_at else now() end,
            processed_by = case when not $2 then null
                when was_processed then processed_by else $3 end
        from before where id = before_id
        returning was_processed is distinct from $2 as changed, ",
        submission_columns!()
    ),
);

/// Marks a message as processed or unprocessed. Returns the message and whether it
/// was changed, or `None` if it does not exist.
pub async fn mark(
    client: &Client,
    id: Uuid,
    is_processed: bool,
    user_id: Uuid,
) -> Result<Option<(ContactSubmission, bool)>> {
    let row = MARK.opt(client, &[&id, &is_processed, &user_id]).await?;
    row.map(|row| Ok((ContactSubmission::from_row(&row)?, row.try_get("changed")?)))
        .transpose()
}
