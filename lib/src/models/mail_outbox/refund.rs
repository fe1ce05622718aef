//! The refund that an e-mail is about.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Result;
use crate::models::from_json;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A refund.
#[derive(Clone, Debug)]
pub struct MailRefund {
    /// Whether the money has been given back. `false` if the bank has returned it.
    pub is_done: bool,
    /// The amount.
    pub amount: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// Where the money went.
    pub destination: RefundDestination,
    /// What had been paid for.
    pub item: RefundedItem,
    /// The year and the number of the receipt. `None` if there is none.
    pub receipt: Option<(i32, i32)>,
}

/// Where refunded money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundDestination {
    /// To the card.
    Card,
    /// To the gift card.
    GiftCard,
    /// To the member's credit.
    Credit,
    /// To a bank account.
    Transfer,
    /// To the member, at the desk.
    Desk,
}

impl RefundDestination {
    fn of(method: &str, tender: &str) -> Self {
        match (method, tender) {
            ("original", "card" | "terminal") => Self::Card,
            ("original", "gift") => Self::GiftCard,
            ("credit", _) | ("original", "credit") => Self::Credit,
            ("transfer", _) | ("original", "transfer") => Self::Transfer,
            _ => Self::Desk,
        }
    }
}

/// What refunded money had been paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundedItem {
    /// A class.
    Class {
        /// The title of the class.
        title: String,
        /// When the class starts.
        start_time: DateTime<Utc>,
    },
    /// An order.
    Order {
        /// The names of the products at the time of the order.
        product_names: Vec<String>,
        /// Whether the payment arrived after the order was cancelled.
        is_cancelled: bool,
    },
}

static FIND: Statement = Statement::new(
    "mail_outbox.find_refund",
    "select f.amount, p.currency, f.method, coalesce(p.tender, p.method) as tender,
        coalesce(c.own_title, t.name) as title, c.start_time, o.state = 'cancelled' as is_cancelled,
        (select jsonb_agg(l.description order by l.created_at, l.id)
            from order_lines l where l.order_id = o.id) as product_names,
        r.year, r.number, f.state = 'done' as is_done
    from refunds f
    join payments p on p.id = f.payment_id
    left join orders o on o.id = p.order_id
    left join bookings b on b.id = p.booking_id
    left join scheduled_classes c on c.id = b.scheduled_class_id
    left join class_types t on t.id = c.class_type_id
    left join receipts r on r.order_id = p.order_id or r.payment_id = p.id
    where f.id = $1",
);

/// Finds a refund.
pub async fn find_refund(client: &Client, id: Uuid) -> Result<Option<MailRefund>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| {
        let year: Option<i32> = row.try_get("year")?;
        Ok(MailRefund {
            is_done: row.try_get("is_done")?,
            amount: Money::from_column(row.try_get::<_, Decimal>("amount")?),
            currency: row.try_get("currency")?,
            destination: RefundDestination::of(row.try_get("method")?, row.try_get("tender")?),
            item: item_from_row(&row)?,
            receipt: year.zip(row.try_get("number")?),
        })
    })
    .transpose()
}

fn item_from_row(row: &Row) -> Result<RefundedItem> {
    let is_cancelled: Option<bool> = row.try_get("is_cancelled")?;
    Ok(match is_cancelled {
        Some(is_cancelled) => RefundedItem::Order {
            product_names: from_json(row.try_get("product_names")?)?,
            is_cancelled,
        },
        None => RefundedItem::Class {
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
        },
    })
}
