//! Messages that visitors leave for the studio.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::{Client, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::models::user::Email;
use crate::store::page::Page;
use crate::store::postgres::Statement;
use crate::values::caller::Caller;

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// Who writes.
    pub name: String,
    /// Where to answer.
    pub email: Email,
    /// Where to call, if that was given.
    pub phone: Option<String>,
    /// What about.
    pub subject: String,
    /// The message.
    pub message: String,
}

/// A message as it is stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its id.
    pub id: Uuid,
    /// Who wrote.
    pub name: String,
    /// Where to answer.
    pub email: String,
    /// Where to call, if that was given.
    pub phone: Option<String>,
    /// What about.
    pub subject: String,
    /// The message.
    pub message: String,
    /// Whether somebody has dealt with it.
    pub is_processed: bool,
    /// When that was.
    pub processed_at: Option<DateTime<Utc>>,
    /// Who that was; `None` also when their account is gone.
    pub processed_by: Option<Uuid>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl Submission {
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

    /// What the list is sorted by.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// A message as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContactSubmission)]
pub struct Shown {
    id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    subject: String,
    message: String,
    processed: bool,
    processed_at: Option<DateTime<Utc>>,
    processed_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<Submission> for Shown {
    fn from(submission: Submission) -> Self {
        Self {
            id: submission.id,
            name: submission.name,
            email: submission.email,
            phone: submission.phone,
            subject: submission.subject,
            message: submission.message,
            processed: submission.is_processed,
            processed_at: submission.processed_at,
            processed_by: submission.processed_by,
            created_at: submission.created_at,
        }
    }
}

// The message and the mail that tells of it, together or not at all.
static INSERT: Statement = Statement::new(
    "contact.insert",
    "with kept as (
        insert into contact_submissions
            (id, name, email, phone, subject, message, ip_address, user_agent)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        returning id
    )
    insert into mail_outbox (id, recipient, kind, payload)
    select $9, $10, 'contact_received', jsonb_build_object('submissionId', kept.id)
    from kept where $10 is not null",
);

/// Stores a message, and mails it to `studio` if there is such an address.
/// Returns its id.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn insert(
    client: &Client,
    new: &NewSubmission,
    caller: &Caller,
    studio: Option<&str>,
) -> Result<Uuid> {
    let id = random::id();
    INSERT
        .execute(
            client,
            &[
                &id,
                &new.name,
                &new.email.as_str(),
                &new.phone,
                &new.subject,
                &new.message,
                &caller.address,
                &caller.user_agent,
                &random::id(),
                &studio,
            ],
        )
        .await?;
    Ok(id)
}

/// The columns of [`Submission`].
macro_rules! columns {
    () => {
        "id, name, email, phone, subject, message, is_processed, processed_at, processed_by,
            created_at"
    };
}

static FIND: Statement = Statement::new(
    "contact.find",
    concat!(
        "select ",
        columns!(),
        " from contact_submissions where id = $1"
    ),
);

/// One message.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn find(client: &Client, id: Uuid) -> Result<Option<Submission>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| Submission::from_row(&row)).transpose()
}

static LIST: Statement = Statement::new(
    "contact.list",
    concat!(
        "select ",
        columns!(),
        " from contact_submissions
        where ($1 is null or is_processed = $1)
          and ($2 is null or (created_at, id) < ($2, $3))
        order by created_at desc, id desc limit $4"
    ),
);

/// A page of messages, newest first: all, or those that have been dealt with,
/// or those that have not.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn list(
    client: &Client,
    processed: Option<bool>,
    page: &Page,
) -> Result<Vec<Submission>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&processed, &time, &id, &page.fetch()])
        .await?;
    rows.iter().map(Submission::from_row).collect()
}

// Who dealt with it first stays the one who did.
static PROCESS: Statement = Statement::new(
    "contact.process",
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
        columns!()
    ),
);

/// Notes whether a message has been dealt with, by whom. Says whether that
/// was news; `None` when there is no such message.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn process(
    client: &Client,
    id: Uuid,
    processed: bool,
    by: Uuid,
) -> Result<Option<(Submission, bool)>> {
    let row = PROCESS.opt(client, &[&id, &processed, &by]).await?;
    row.map(|row| Ok((Submission::from_row(&row)?, row.try_get("changed")?)))
        .transpose()
}
