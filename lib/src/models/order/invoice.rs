//! Orders for the periods of memberships. Each is for an invoice that was paid.

use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::models::pass::PassPeriod;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

static HAS_INVOICE: Statement = Statement::new(
    "order.has_invoice",
    "select exists (select from orders where provider_invoice = $1) as has_invoice",
);

/// Returns whether there is an order for an invoice of the provider.
pub(in crate::models) async fn has_invoice(client: &Client, invoice: &str) -> Result<bool> {
    let row = HAS_INVOICE.one(client, &[&invoice]).await?;
    Ok(row.try_get("has_invoice")?)
}

/// An order to insert.
pub(in crate::models) struct NewInvoiceOrder<'a> {
    /// The membership's id.
    pub(in crate::models) membership_id: Uuid,
    /// The provider's id of the invoice.
    pub(in crate::models) invoice: &'a str,
    /// What was paid.
    pub(in crate::models) amount: Money,
    /// The ISO 4217 code of the currency.
    pub(in crate::models) currency: &'a str,
    /// The period that was paid.
    pub(in crate::models) period: PassPeriod,
}

static INSERT: Statement = Statement::new(
    "order.insert_for_invoice",
    "insert into orders (id, user_id, currency, total, state, provider_invoice)
    select $2, m.user_id, $4, $5, 'open', $3 from memberships m where m.id = $1",
);

static INSERT_LINE: Statement = Statement::new(
    "order.insert_invoice_line",
    "insert into order_lines (id, order_id, kind, product_id, description, amount, credits, days,
        starts, tax_rate)
    select $3, $2, 'membership', m.product_id, m.name, $4, m.credits, $5, 'purchase', p.tax_rate
    from memberships m join products p on p.id = m.product_id where m.id = $1",
);

/// Inserts an open order with its line. Returns the ids of both.
pub(in crate::models) async fn insert_for_invoice(
    client: &Client,
    new: &NewInvoiceOrder<'_>,
) -> Result<(Uuid, Uuid)> {
    let (id, line_id) = (random::id(), random::id());
    let amount = new.amount.as_column();
    INSERT
        .execute(
            client,
            &[
                &new.membership_id,
                &id,
                &new.invoice,
                &new.currency.to_owned(),
                &amount,
            ],
        )
        .await?;
    INSERT_LINE
        .execute(
            client,
            &[&new.membership_id, &id, &line_id, &amount, &new.period.days],
        )
        .await?;
    Ok((id, line_id))
}
