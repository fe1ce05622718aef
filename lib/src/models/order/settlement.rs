//! Settling an order.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::error::Result;
use crate::models::receipt::{self, ReceiptSubject};
use crate::models::{mail_outbox, pass};
use crate::store::client::Client;
use crate::store::statement::Statement;

static SET_PAID: Statement = Statement::new(
    "order.set_paid",
    "update orders set state = 'paid', settled_at = $2 where id = $1",
);

/// Settles an open order that is locked or was inserted by this transaction: it is paid, its
/// passes are issued, and the member gets an e-mail and a receipt. `today` is the studio's date.
pub async fn settle(client: &Client, id: Uuid, now: DateTime<Utc>, today: NaiveDate) -> Result<()> {
    SET_PAID.execute(client, &[&id, &now]).await?;
    pass::issue(client, id, today).await?;
    mail_outbox::insert_for_order(client, id, "order_paid").await?;
    receipt::issue(client, ReceiptSubject::Order(id), now, today).await
}
