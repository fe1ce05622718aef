//! Memberships: subscriptions at Stripe, whose paid periods give passes.
//!
//! Stripe has the last word about a membership. What it says is applied by [`apply`]. A status
//! grants nothing: the passes of the paid periods do.

mod claim;
mod start;
mod sync;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::claim::{MembershipSync, begin_sync, claim_due, request_end};
pub use self::start::{MembershipStart, abandon, extend, start, store_checkout};
pub use self::sync::{
    ApplyContext, InvoiceReport, MembershipReport, SubscriptionReport, TimeRange, apply,
};
use super::product::{BillingPeriod, NamedClassType};
use super::user::full_name;
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// The status of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipStatus {
    /// The first payment has not arrived.
    Starting,
    /// The current period is paid, or its payment is being taken.
    Active,
    /// The payment of the current period has failed.
    PastDue,
    /// The studio has paused it at Stripe.
    Paused,
    /// It is over.
    Ended,
}

impl MembershipStatus {
    fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "starting" => Self::Starting,
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            "paused" => Self::Paused,
            "ended" => Self::Ended,
            _ => return Err(Error::internal("unknown status of a membership")),
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// Returns whether it has begun and has not ended.
    pub fn is_running(self) -> bool {
        !matches!(self, Self::Starting | Self::Ended)
    }

    /// Returns whether the provider takes payments for it.
    pub fn is_billed(self) -> bool {
        matches!(self, Self::Active | Self::PastDue)
    }
}

/// A row of `memberships`, with what is shown about it.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The membership's id.
    pub id: Uuid,
    /// The member's id.
    pub user_id: Uuid,
    /// The member's first and last name.
    pub member_name: String,
    /// The product's id.
    pub product_id: Uuid,
    /// The product's name at the time of the purchase.
    pub name: String,
    /// The price of a period.
    pub price: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// How often it is paid.
    pub every: BillingPeriod,
    /// The number of classes in a period. `None` if it is unlimited.
    pub credits: Option<i32>,
    /// The class types that it is good for, sorted by name. Empty: all.
    pub class_types: Vec<NamedClassType>,
    /// The status.
    pub status: MembershipStatus,
    /// The provider's id of the subscription. `None` until the first payment.
    pub provider_subscription: Option<String>,
    /// The provider's id of the member. `None` until the member has paid for a membership once.
    pub provider_customer: Option<String>,
    /// The provider's id of the checkout. `None` if there is none.
    pub checkout: Option<String>,
    /// The URL of the checkout page. `None` if no checkout is open.
    pub checkout_url: Option<String>,
    /// When the checkout expires.
    pub expires_at: DateTime<Utc>,
    /// When the current period ends. `None` until the first payment.
    pub period_end: Option<DateTime<Utc>>,
    /// When it will end. `None` if it is renewed.
    pub cancel_at: Option<DateTime<Utc>>,
    /// When it has ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether its subscription or its checkout must be ended at the provider.
    pub must_end: bool,
    /// The first day of the period that waits for its payment. `None` if none does.
    pub unpaid_from: Option<NaiveDate>,
    /// The last day that is paid. `None` if nothing was paid.
    pub paid_until: Option<NaiveDate>,
    /// The number of the last synchronization that has written.
    pub(super) sync_done: i64,
    pub(super) failed_invoice: Option<String>,
    pub(super) failed_attempt: Option<i32>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`Membership::from_row`] reads from a membership `m` and its member `u`.
macro_rules! membership_columns {
    () => {
        concat!(
            "m.id, m.user_id, u.first_name, u.last_name, m.product_id, m.name, m.price, m.currency,
            m.every, m.credits, m.status, m.provider_subscription, u.provider_customer, m.checkout,
            m.checkout_url, m.expires_at, m.period_end, m.cancel_at, m.ended_at, m.must_end,
            m.sync_done, m.failed_invoice, m.failed_attempt, m.created_at,
            ",
            $crate::models::membership::paid_periods!(),
            ", ",
            $crate::models::product::class_types_of_product!("m.product_id"),
            " as class_types"
        )
    };
}
use membership_columns;

/// The first day of the unpaid period and the last paid day of a membership `m`.
macro_rules! paid_periods {
    () => {
        "(select min(p.first_day) from passes p
            where p.membership_id = m.id and p.order_line_id is null and p.status = 'live')
            as unpaid_from,
        (select max(p.last_day) from passes p
            where p.membership_id = m.id and p.order_line_id is not null) as paid_until"
    };
}
pub(in crate::models) use paid_periods;

impl Membership {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            member_name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            product_id: row.try_get("product_id")?,
            name: row.try_get("name")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            currency: row.try_get("currency")?,
            every: BillingPeriod::from_column(row.try_get("every")?)?,
            credits: row.try_get("credits")?,
            class_types: super::from_json(row.try_get("class_types")?)?,
            status: MembershipStatus::from_column(row.try_get("status")?)?,
            provider_subscription: row.try_get("provider_subscription")?,
            provider_customer: row.try_get("provider_customer")?,
            checkout: row.try_get("checkout")?,
            checkout_url: row.try_get("checkout_url")?,
            expires_at: row.try_get("expires_at")?,
            period_end: row.try_get("period_end")?,
            cancel_at: row.try_get("cancel_at")?,
            ended_at: row.try_get("ended_at")?,
            must_end: row.try_get("must_end")?,
            unpaid_from: row.try_get("unpaid_from")?,
            paid_until: row.try_get("paid_until")?,
            sync_done: row.try_get("sync_done")?,
            failed_invoice: row.try_get("failed_invoice")?,
            failed_attempt: row.try_get("failed_attempt")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns whether its subscription must be ended at the provider if it goes on there.
    pub fn must_end_at_provider(&self) -> bool {
        self.must_end || self.status == MembershipStatus::Ended
    }

    /// Returns the membership's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// Selects the memberships `m` for which `$condition` is true.
macro_rules! memberships_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select ",
                membership_columns!(),
                " from memberships m join users u on u.id = m.user_id where ",
                $condition
            ),
        )
    };
}

static LIST: Statement = memberships_where!(
    "membership.list",
    "($1::uuid is null or m.user_id = $1)
      and (m.provider_subscription is not null or m.status <> 'ended')
      and ($2::timestamptz is null or (m.created_at, m.id) < ($2, $3))
    order by m.created_at desc, m.id desc limit $4"
);

/// Lists a page of memberships, newest first. `None` selects all members. Those whose checkout
/// was abandoned are left out.
pub async fn list(
    client: &Client,
    member_id: Option<Uuid>,
    page: &Page,
) -> Result<Vec<Membership>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&member_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Membership::from_row).collect()
}

static FIND: Statement = memberships_where!("membership.find", "m.id = $1");

/// Finds a membership. Returns `None` if it does not exist.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<Membership>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.as_ref().map(Membership::from_row).transpose()
}

static FIND_CURRENT: Statement = memberships_where!(
    "membership.find_current",
    "m.user_id = $1 and m.status <> 'ended'"
);

/// Finds the membership of a member that has not ended. There is at most one.
pub async fn find_current(client: &Client, user_id: Uuid) -> Result<Option<Membership>> {
    let row = FIND_CURRENT.opt(client, &[&user_id]).await?;
    row.as_ref().map(Membership::from_row).transpose()
}

static ID_OF_SUBSCRIPTION: Statement = Statement::new(
    "membership.id_of_subscription",
    "select id from memberships where provider_subscription = $1",
);

/// Returns the id of the membership that has this subscription at the provider.
pub async fn id_of_subscription(client: &Client, subscription: &str) -> Result<Option<Uuid>> {
    let row = ID_OF_SUBSCRIPTION.opt(client, &[&subscription]).await?;
    Ok(row.map(|row| row.try_get("id")).transpose()?)
}
