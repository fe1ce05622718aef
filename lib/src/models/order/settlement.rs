//! Settling an order.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::gift_card_code::GiftCardCode;
use crate::error::Result;
use crate::models::receipt::{self, ReceiptSubject};
use crate::models::{mail_outbox, pass, wallet};
use crate::store::client::Client;
use crate::store::statement::Statement;

static SET_PAID: Statement = Statement::new(
    "order.set_paid",
    "update orders set state = 'paid', settled_at = $2 where id = $1",
);

/// Settles an open order that is locked or was inserted by this transaction: it is paid, its
/// passes or its gift card are issued, and the member gets an e-mail and a receipt. `today` is the
/// studio's date. Returns the code of the gift card.
pub async fn settle(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    today: NaiveDate,
    keys: &Keyring,
) -> Result<Option<GiftCardCode>> {
    SET_PAID.execute(client, &[&id, &now]).await?;
    pass::issue(client, id, today).await?;
    let gift_card = wallet::issue(client, id, keys).await?;
    match &gift_card {
        Some((_, mailed)) => mail_outbox::insert_gift_card(client, id, mailed).await?,
        None => mail_outbox::insert_for_order(client, id, "order_paid").await?,
    }
    receipt::issue(client, ReceiptSubject::Order(id), now, today).await?;
    Ok(gift_card.map(|(code, _)| code))
}
