//! Refunds that have failed for good, so that staff must give the money back in another way.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::desk::PAYMENT_DISPUTED;
use super::fee::clear_refunded_fee;
use super::order_refund::RefundMethod;
use super::refund::{RefundState, refund_state};
use super::row::{PaymentChange, PaymentSubject, record_event};
use super::settlement::lock_payment;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::payment_status::PaymentStatus;
use crate::models::user::full_name;
use crate::models::wallet;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// What of the payment `p` is neither refunded nor withdrawn for a dispute.
macro_rules! refundable_amount {
    () => {
        "(p.amount - p.refunded - (select coalesce(sum(d.amount), 0) from disputes d
            where d.payment_id = p.id and d.withdrawn))"
    };
}
pub(in crate::models) use refundable_amount;

/// Whether the refund `r` of the payment `p` was returned by the bank, and somebody must still give
/// the money back. No refund counts while a dispute is open, because the dispute decides who gets the
/// money. One of Sabor's own refunds that failed because of a dispute counts if the dispute was lost
/// and has left a part of the payment. If the dispute is won, another refund replaces it.
macro_rules! has_failed_for_good {
    () => {
        concat!(
            "r.state = 'failed' and r.resolved_at is null
            and not exists (select from disputes d
                where d.payment_id = p.id and d.withdrawn and d.closed_at is null)
            and case
                when r.provider_reason = 'dispute_won' then false
                when r.source <> 'provider'
                    and r.provider_reason in ('disputed', 'charge_for_pending_refund_disputed')
                then exists (select from disputes d
                    where d.payment_id = p.id and d.withdrawn and d.closed_at is not null)
                else r.provider_refund is not null
            end
            and ",
            crate::models::payment::refundable_amount!(),
            " > 0"
        )
    };
}
pub(in crate::models) use has_failed_for_good;

/// A refund that has failed for good.
#[derive(Clone, Debug)]
pub struct FailedRefund {
    /// The refund's id.
    pub id: Uuid,
    payment_id: Uuid,
    /// What is still to be given back.
    pub amount: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// When it failed.
    pub failed_at: DateTime<Utc>,
    /// The provider's reason. `None` if it has given none.
    pub provider_reason: Option<String>,
    /// The member's id.
    pub user_id: Uuid,
    /// The member's first and last name.
    pub member_name: String,
    /// The order that was paid. `None` if it was a booking.
    pub order_id: Option<Uuid>,
    /// The booking that was paid. `None` if it was an order.
    pub booking_id: Option<Uuid>,
    /// The class of the booking.
    pub scheduled_class_id: Option<Uuid>,
    /// When the class starts.
    pub start_time: Option<DateTime<Utc>>,
    /// The title of the class, or the names of the products.
    pub title: String,
}

impl FailedRefund {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            payment_id: row.try_get("payment_id")?,
            amount: Money::from_column(row.try_get::<_, Decimal>("amount")?),
            currency: row.try_get("currency")?,
            failed_at: row.try_get("failed_at")?,
            provider_reason: row.try_get("provider_reason")?,
            user_id: row.try_get("user_id")?,
            member_name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            order_id: row.try_get("order_id")?,
            booking_id: row.try_get("booking_id")?,
            scheduled_class_id: row.try_get("scheduled_class_id")?,
            start_time: row.try_get("start_time")?,
            title: row.try_get("title")?,
        })
    }

    /// Returns the refund's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.failed_at, self.id)
    }
}

/// Selects the refunds that have failed for good and for which `$condition` is true.
macro_rules! failed_refunds_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select r.id, p.id as payment_id, least(r.amount, ",
                refundable_amount!(),
                ") as amount, p.currency, r.failed_at, r.provider_reason, p.user_id, u.first_name,
                    u.last_name, p.order_id, p.booking_id, b.scheduled_class_id, c.start_time,
                    coalesce(c.own_title, t.name, (
                        select string_agg(l.description, ', ' order by l.created_at, l.id)
                        from order_lines l where l.order_id = p.order_id), '') as title
                from refunds r
                join payments p on p.id = r.payment_id
                join users u on u.id = p.user_id
                left join bookings b on b.id = p.booking_id
                left join scheduled_classes c on c.id = b.scheduled_class_id
                left join class_types t on t.id = c.class_type_id
                where ",
                has_failed_for_good!(),
                " and ",
                $condition
            ),
        )
    };
}

static LIST: Statement = failed_refunds_where!(
    "refund.list_failed",
    "($1::timestamptz is null or (r.failed_at, r.id) < ($1, $2))
    order by r.failed_at desc, r.id desc limit $3"
);

/// Lists a page of the refunds that have failed for good, latest first.
pub async fn list_failed_refunds(client: &Client, page: &Page) -> Result<Vec<FailedRefund>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(FailedRefund::from_row).collect()
}

static FIND: Statement = failed_refunds_where!("refund.find_failed", "r.id = $1");

/// Finds a refund that has failed for good.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund` when it has not failed for good, or when it was
/// resolved.
async fn find(client: &Client, id: Uuid) -> Result<FailedRefund> {
    refund_state(client, id).await?;
    let row = FIND.opt(client, &[&id]).await?;
    FailedRefund::from_row(&row.ok_or(NOTHING_TO_RESOLVE)?)
}

const NOTHING_TO_RESOLVE: Error = Error::Conflict {
    code: ErrorCode::NothingToRefund,
    message: "This refund has not failed for good, or it was resolved",
};

/// What staff do about a refund that has failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailedRefundResolution {
    /// They try the card again.
    Original,
    /// They have given the money back in cash.
    Cash,
    /// They have given the money back by bank transfer.
    Transfer,
    /// It is added to the member's credit.
    Credit,
    /// They give nothing back. The refund only leaves the list.
    Nothing,
}

impl FailedRefundResolution {
    fn method(self) -> Option<RefundMethod> {
        match self {
            Self::Original => Some(RefundMethod::Original),
            Self::Cash => Some(RefundMethod::Cash),
            Self::Transfer => Some(RefundMethod::Transfer),
            Self::Credit => Some(RefundMethod::Credit),
            Self::Nothing => None,
        }
    }
}

static RESOLVE: Statement = Statement::new(
    "refund.resolve_failed",
    "update refunds set resolved_at = clock_timestamp() where id = $1",
);

// A refund that a rule has made for a booking stays one, because the member may book the class again.
static INSERT: Statement = Statement::new(
    "refund.insert_for_failed",
    "insert into refunds (id, payment_id, amount, method, state, source, reason, by, next_attempt_at,
        done_at, failed_refund_id)
    select $1, p.id, $3, $4, $5,
        case when r.source = 'rule' and p.booking_id is not null then 'rule' else 'staff' end,
        r.reason, $6, $7, case $5 when 'done' then $7 end, r.id
    from refunds r join payments p on p.id = r.payment_id
    where r.id = $2",
);

/// Resolves a refund that has failed for good. Cash, transfers, and credit are done at once. A refund
/// to the card becomes due, and must be sent to the provider after the transaction. A gift card that
/// was sold with the order loses the money again. Must be called in a transaction. Returns the refund
/// as it was listed.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund` when it has not failed for good, or when it was
/// resolved; 409 `gift_card_not_enough` when less is left on the gift card that was sold; 409
/// `payment_disputed` when a dispute keeps it from being sent to the card; 409 `account_closed` when
/// there is no credit, because the account is closed.
pub async fn resolve_failed_refund(
    client: &Client,
    id: Uuid,
    resolution: FailedRefundResolution,
    staff_id: Uuid,
    now: DateTime<Utc>,
) -> Result<FailedRefund> {
    let FailedRefund {
        payment_id,
        user_id,
        currency,
        ..
    } = find(client, id).await?;
    if resolution == FailedRefundResolution::Credit {
        wallet::ensure_credit(client, user_id, &currency).await?;
    }
    let (payment, _) = lock_payment(client, payment_id)
        .await?
        .ok_or(Error::NotFound)?;
    wallet::lock_for_refund(client, &vec![payment_id]).await?;
    let balance = match payment.subject {
        PaymentSubject::Order(order_id) => wallet::sold_balance(client, order_id).await?,
        PaymentSubject::Booking(_) => None,
    };
    let refund = find(client, id).await?;
    let Some(method) = resolution.method() else {
        RESOLVE.execute(client, &[&refund.id]).await?;
        return Ok(refund);
    };
    if balance.is_some_and(|balance| balance < refund.amount) {
        return Err(wallet::GIFT_CARD_NOT_ENOUGH);
    }
    let (state, change) = match method {
        RefundMethod::Original if payment.shown_status == PaymentStatus::Disputed => {
            return Err(PAYMENT_DISPUTED);
        }
        RefundMethod::Original => (RefundState::Due, PaymentChange::RefundDue),
        RefundMethod::Cash | RefundMethod::Transfer | RefundMethod::Credit => {
            (RefundState::Done, PaymentChange::Refunded)
        }
    };
    INSERT
        .execute(
            client,
            &[
                &random::id(),
                &refund.id,
                &refund.amount.as_column(),
                &method.as_str(),
                &state.as_str(),
                &staff_id,
                &now,
            ],
        )
        .await?;
    clear_refunded_fee(client, payment.id).await?;
    record_event(client, &payment, change).await?;
    Ok(refund)
}
