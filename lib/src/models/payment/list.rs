//! The list of the payments for bookings.

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
use crate::store::statement::{Param, Statement};
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
    /// The booking's id.
    pub booking_id: Uuid,
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
            booking_id: row.try_get("booking_id")?,
            scheduled_class_id: row.try_get("scheduled_class_id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
        })
    }
}

/// Selects the payments `p` of `$from` for which `$condition` is true, newest first.
macro_rules! payments_where {
    ($name:literal, $from:literal, $condition:expr) => {
        Statement::new(
            $name,
            concat!(
                "select ",
                payment_columns!(),
                ", u.first_name, u.last_name,
                    case when u.closed_at is null then u.email end as member_email,
                    b.scheduled_class_id, coalesce(c.own_title, t.name) as title, c.start_time,
                    (select coalesce(sum(r.amount), 0) from refunds r
                        where r.payment_id = p.id and r.state in ('due', 'sent')) as refund_due
                from ",
                $from,
                " join users u on u.id = p.user_id
                join bookings b on b.id = p.booking_id
                join scheduled_classes c on c.id = b.scheduled_class_id
                join class_types t on t.id = c.class_type_id
                where ($1::timestamptz is null or (p.created_at, p.id) < ($1, $2))
                  and ($4::uuid is null or p.user_id = $4)",
                $condition,
                " order by p.created_at desc, p.id desc limit $3"
            ),
        )
    };
}

static LIST: Statement = payments_where!("payment.list", "payments p", "");

// Each of the following statements has a condition on stored columns that an index serves.
// Otherwise, the list of a rare status would walk through all payments.

static LIST_WITH_STORED_STATUS: Statement = payments_where!(
    "payment.list_with_status",
    "payments p",
    concat!(" and p.status = $5 and $5 = ", shown_payment_status!())
);

static LIST_REFUND_DUE: Statement = payments_where!(
    "payment.list_refund_due",
    "payments p",
    concat!(
        " and (p.status = 'refund_due' or (p.status = 'paid' and p.refunded > 0))
        and 'refund_due' = ",
        shown_payment_status!()
    )
);

static LIST_PARTLY_REFUNDED: Statement = payments_where!(
    "payment.list_partly_refunded",
    "payments p",
    concat!(
        " and p.status = 'paid' and p.refunded > 0 and 'partly_refunded' = ",
        shown_payment_status!()
    )
);

static LIST_DISPUTED: Statement = payments_where!(
    "payment.list_disputed",
    "(select distinct payment_id from disputes where withdrawn) d
        join payments p on p.id = d.payment_id",
    ""
);

/// Lists a page of payments, newest first. `None` selects every status, or every member. Returns
/// one row more than the page has if there is a next page.
pub async fn list(
    client: &Client,
    status: Option<PaymentStatus>,
    member_id: Option<Uuid>,
    page: &Page,
) -> Result<Vec<ListedPayment>> {
    let ((time, id), limit) = (page.after(), page.row_limit());
    let page_params: [&dyn Param; 4] = [&time, &id, &limit, &member_id];
    let rows = match status {
        None => LIST.all(client, &page_params).await?,
        Some(PaymentStatus::RefundDue) => LIST_REFUND_DUE.all(client, &page_params).await?,
        Some(PaymentStatus::PartlyRefunded) => {
            LIST_PARTLY_REFUNDED.all(client, &page_params).await?
        }
        Some(PaymentStatus::Disputed) => LIST_DISPUTED.all(client, &page_params).await?,
        Some(status) => {
            let status = status.as_str();
            LIST_WITH_STORED_STATUS
                .all(client, &[&time, &id, &limit, &member_id, &status])
                .await?
        }
    };
    rows.iter().map(ListedPayment::from_row).collect()
}
