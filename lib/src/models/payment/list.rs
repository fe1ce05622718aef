//! The list of all payments.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::row::{Payment, payment_columns};
use crate::error::Result;
use crate::models::payment_status::{PaymentStatus, shown_payment_status};
use crate::models::user::full_name;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A payment with data of its member and its occurrence.
#[derive(Clone, Debug)]
pub struct ListedPayment {
    /// The payment.
    pub payment: Payment,
    /// What is going to be refunded.
    pub refund_due: Money,
    /// The member's first and last name.
    pub member_name: String,
    /// The member's e-mail address. `None` if the account is closed.
    pub member_email: Option<String>,
    /// The occurrence's id.
    pub scheduled_class_id: Uuid,
    /// The occurrence's title.
    pub title: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
}

impl ListedPayment {
    /// Returns the payment's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.payment.created_at, self.payment.id)
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            payment: Payment::from_row(row)?,
            refund_due: Money::from_column(row.try_get::<_, Decimal>("refund_due")?),
            member_name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            member_email: row.try_get("member_email")?,
            scheduled_class_id: row.try_get("scheduled_class_id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
        })
    }
}

static LIST: Statement = Statement::new(
    "payment.list",
    concat!(
        "select ",
        payment_columns!(),
        ", u.first_name, u.last_name, case when u.closed_at is null then u.email end as member_email,
            b.scheduled_class_id, coalesce(c.own_title, t.name) as title, c.start_time,
            (select coalesce(sum(r.amount), 0) from refunds r
                where r.payment_id = p.id and r.state in ('due', 'sent')) as refund_due
        from payments p
        join users u on u.id = p.user_id
        join bookings b on b.id = p.booking_id
        join scheduled_classes c on c.id = b.scheduled_class_id
        join class_types t on t.id = c.class_type_id
        where ($1::text is null or $1 = ",
        shown_payment_status!(),
        ") and ($2::timestamptz is null or (p.created_at, p.id) < ($2, $3))
        order by p.created_at desc, p.id desc limit $4"
    ),
);

/// Lists a page of payments, newest first. `None` selects every status. Returns one row more
/// than the page has if there is a next page.
pub async fn list(
    client: &Client,
    status: Option<PaymentStatus>,
    page: &Page,
) -> Result<Vec<ListedPayment>> {
    let (time, id) = page.after();
    let status = status.map(PaymentStatus::as_str);
    let rows = LIST
        .all(client, &[&status, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(ListedPayment::from_row).collect()
}
