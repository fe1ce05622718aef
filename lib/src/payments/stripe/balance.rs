//! Balance transactions: the movements of the balance of the account at Stripe.

use chrono::{DateTime, Utc};
use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::object::List;
use super::{Stripe, StripeError, path_segment};

/// Which balance transactions are read.
#[derive(Clone, Copy, Debug)]
pub enum BalanceFilter<'a> {
    /// Those that were created from `since` to `till`, exclusive.
    Created {
        /// When the range begins.
        since: DateTime<Utc>,
        /// When the range ends.
        till: DateTime<Utc>,
    },
    /// Those that an automatic payout has paid out.
    Payout(&'a str),
}

/// A page of balance transactions, newest first.
#[derive(Clone, Debug)]
pub struct BalancePage {
    /// The balance transactions.
    pub transactions: Vec<BalanceTransaction>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// A movement of the balance.
#[derive(Clone, Debug, Deserialize)]
pub struct BalanceTransaction {
    /// The id, such as `txn_…`.
    pub id: String,
    /// The type, such as `charge` or `adjustment`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The category for accounting, such as `charge` or `dispute`.
    pub reporting_category: String,
    /// What was added to the balance, in the smallest unit of the currency. Negative if it was
    /// taken from the balance.
    pub amount: i64,
    /// What Stripe keeps of it.
    pub fee: i64,
    /// The amount minus the fee.
    pub net: i64,
    /// ISO 4217 code in lower case. It is that of the balance, and can differ from the currency in
    /// which a member has paid.
    pub currency: String,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    source: Option<Source>,
}

/// The largest number of balance transactions that Stripe returns in a page.
pub const MAX_PAGE_SIZE: usize = 100;

/// What has moved the balance. Stripe returns the object, because the request asks for it, or only
/// its id. Anything else is ignored, so that one source does not stop the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Object(SourceObject),
    Id(String),
    Other(IgnoredAny),
}

/// A charge, a refund, a dispute, a payout, or any other object.
#[derive(Clone, Debug, Deserialize)]
struct SourceObject {
    id: String,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    arrival_date: Option<i64>,
    #[serde(default)]
    automatic: Option<bool>,
}

/// A payout: money that Stripe sends to the studio's bank, or takes from it.
#[derive(Clone, Copy, Debug)]
pub struct Payout<'a> {
    /// The id, such as `po_…`.
    pub id: &'a str,
    /// The day on which the bank gets the money, as its start in UTC in seconds since 1970.
    pub arrival_date: i64,
    /// Whether Stripe has started it. Then Stripe knows what it pays out.
    pub is_automatic: bool,
}

impl BalanceTransaction {
    /// Returns the id of the object that has moved the balance.
    pub fn source_id(&self) -> Option<&str> {
        match self.source.as_ref()? {
            Source::Object(object) => Some(&object.id),
            Source::Id(id) => Some(id),
            Source::Other(_) => None,
        }
    }

    /// Returns the id of the payment intent of the charge, the refund, or the dispute.
    pub fn payment_intent(&self) -> Option<&str> {
        self.source_object()?.payment_intent.as_deref()
    }

    /// Returns the payout that has moved the balance.
    pub fn payout(&self) -> Option<Payout<'_>> {
        let object = self.source_object()?;
        let is_payout = object.object.as_deref() == Some("payout");
        Some(Payout {
            id: &object.id,
            arrival_date: object.arrival_date.filter(|_| is_payout)?,
            is_automatic: object.automatic.unwrap_or(false),
        })
    }

    fn source_object(&self) -> Option<&SourceObject> {
        match self.source.as_ref()? {
            Source::Object(object) => Some(object),
            Source::Id(_) | Source::Other(_) => None,
        }
    }
}

impl Stripe {
    /// Reads a page of at most `limit` balance transactions with their sources, newest first. `after`
    /// is the id of the last one of the page before.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn balance_page(
        &self,
        filter: BalanceFilter<'_>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<BalancePage, StripeError> {
        let mut path = format!("/v1/balance_transactions?limit={limit}&expand%5B%5D=data.source");
        path += &match filter {
            BalanceFilter::Created { since, till } => format!(
                "&created%5Bgte%5D={}&created%5Blt%5D={}",
                since.timestamp(),
                till.timestamp()
            ),
            BalanceFilter::Payout(id) => format!("&payout={}", path_segment(id)),
        };
        if let Some(id) = after {
            path += &format!("&starting_after={}", path_segment(id));
        }
        let List { data, has_more } = self.call(Method::GET, &path, String::new(), None).await?;
        Ok(BalancePage {
            transactions: data,
            has_more,
        })
    }
}
