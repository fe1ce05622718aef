//! The provider's balance transactions: each movement of the balance of the studio's account.
//!
//! They are facts of the provider. They are stored as they are, and compared with Sabor's payments
//! by the report.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A balance transaction.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderEntry {
    /// The provider's id.
    pub id: String,
    /// The provider's type.
    pub kind: String,
    /// The provider's category for accounting.
    pub category: String,
    /// What was added to the balance. Negative if it was taken from it.
    #[serde(serialize_with = "as_text")]
    pub amount: Decimal,
    /// What the provider keeps of it.
    #[serde(serialize_with = "as_text")]
    pub fee: Decimal,
    /// The amount minus the fee.
    #[serde(serialize_with = "as_text")]
    pub net: Decimal,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The provider's id of what has moved the balance.
    pub source: Option<String>,
    /// The provider's id of the payment that it belongs to.
    pub provider_payment: Option<String>,
    /// The provider's id of the payout that has paid it out. `None` if that is not known.
    pub payout: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Writes an amount as Postgres reads it, without a loss.
fn as_text<S: Serializer>(amount: &Decimal, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

// An entry does not change at the provider, except that it is paid out later. What could not be read
// before is filled in.
static STORE: Statement = Statement::new(
    "provider_entry.store",
    "insert into provider_entries (id, kind, category, amount, fee, net, currency, source,
        provider_payment, payout, created_at)
    select id, kind, category, amount, fee, net, currency, source, provider_payment, payout,
        created_at
    from jsonb_to_recordset($1) as e (id text, kind text, category text, amount numeric,
        fee numeric, net numeric, currency text, source text, provider_payment text, payout text,
        created_at timestamptz)
    order by id
    on conflict (id) do update set
        source = coalesce(excluded.source, provider_entries.source),
        provider_payment = coalesce(excluded.provider_payment, provider_entries.provider_payment),
        payout = coalesce(excluded.payout, provider_entries.payout)",
);

/// Stores entries, unless they are stored.
pub async fn store(client: &Client, entries: &[ProviderEntry]) -> Result<()> {
    STORE.execute(client, &[&json!(entries)]).await
}
