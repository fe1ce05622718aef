//! The pass that an e-mail is about.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A pass that ends soon, as it is when the e-mail is sent.
#[derive(Clone, Debug)]
pub struct MailEndingPass {
    /// The name of the product as it was sold.
    pub name: String,
    /// The last day, by the studio's calendar.
    pub last_day: NaiveDate,
    /// The number of classes that are left. `None` if it is unlimited.
    pub credits_left: Option<i32>,
}

static FIND: Statement = Statement::new(
    "mail_outbox.find_ending_pass",
    "select l.description as name, p.last_day, p.credits - p.credits_used as credits_left
    from passes p join order_lines l on l.id = p.order_line_id
    where p.id = $1 and p.status = 'live' and p.last_day = $2
      and (p.credits is null or p.credits_used < p.credits)",
);

/// Finds a pass that has classes left and ends on `last_day`. Returns `None` if that has changed.
pub async fn find_ending_pass(
    client: &Client,
    id: Uuid,
    last_day: NaiveDate,
) -> Result<Option<MailEndingPass>> {
    let row = FIND.opt(client, &[&id, &last_day]).await?;
    row.map(|row| {
        Ok(MailEndingPass {
            name: row.try_get("name")?,
            last_day: row.try_get("last_day")?,
            credits_left: row.try_get("credits_left")?,
        })
    })
    .transpose()
}
