//! Settling an order.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::gift_card_code::GiftCardCode;
use crate::error::Result;
use crate::models::member_event::NewMemberEvent;
use crate::models::receipt::{self, ReceiptSubject};
use crate::models::{course, mail_outbox, pass, wallet};
use crate::store::client::Client;
use crate::store::statement::Statement;

static SET_PAID: Statement = Statement::new(
    "order.set_paid",
    "update orders o set state = 'paid', settled_at = $2 where id = $1
    returning exists (
        select from order_lines l where l.order_id = o.id and l.kind = 'course') as has_course",
);

/// What was issued and recorded when an order was settled.
pub struct SettledOrder {
    /// The code of the gift card, if one was sold.
    pub gift_card: Option<GiftCardCode>,
    /// The members' events, which the caller records at the end of the transaction.
    pub events: Vec<NewMemberEvent>,
}

/// Settles an open order that is locked or was inserted by this transaction: it is paid, its
/// passes or its gift card are issued, and the member gets an e-mail and a receipt. The shares of
/// classes of a course that the studio has cancelled meanwhile are refunded. `today` is the
/// studio's date.
pub async fn settle(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    today: NaiveDate,
    keys: &Keyring,
) -> Result<SettledOrder> {
    let row = SET_PAID.one(client, &[&id, &now]).await?;
    pass::issue(client, id, today).await?;
    let gift_card = wallet::issue(client, id, keys).await?;
    match &gift_card {
        Some((_, mailed)) => mail_outbox::insert_gift_card(client, id, mailed).await?,
        None => mail_outbox::insert_for_order(client, id, "order_paid").await?,
    }
    let events = match row.try_get("has_course")? {
        true => course::refund_shares_of_orders(client, &vec![id], now).await?,
        false => Vec::new(),
    };
    receipt::issue(client, ReceiptSubject::Order(id), now, today).await?;
    Ok(SettledOrder {
        gift_card: gift_card.map(|(code, _)| code),
        events,
    })
}
