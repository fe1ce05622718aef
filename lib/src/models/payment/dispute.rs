//! Disputes: payments that members have contested at their bank.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::row::{Payment, PaymentChange, PaymentSubject, event};
use super::settlement::{Outcome, find_subject, lock_payment, mismatch};
use crate::crypto::random;
use crate::error::Result;
use crate::models::member_event::{self, NewMemberEvent};
use crate::models::{course, mail_outbox, order, pass, wallet};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::from_minor_units;

/// A dispute, as the provider reports it.
#[derive(Clone, Debug)]
pub struct ProviderDispute {
    /// The provider's id.
    pub id: String,
    /// The disputed amount in the smallest unit of the currency.
    pub amount: i64,
    /// The ISO 4217 code of the currency, in upper or lower case.
    pub currency: String,
    /// The provider's fee in the smallest unit of the same currency. `None` if it is in
    /// another currency.
    pub fee: Option<i64>,
    /// The status, in the provider's terms.
    pub status: String,
    /// Whether the disputed money is currently withdrawn from the studio.
    pub is_withdrawn: bool,
    /// Whether the dispute is decided.
    pub is_closed: bool,
    /// Whether it is only an inquiry, for which no money is withdrawn.
    pub is_inquiry: bool,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
}

static FIND: Statement = Statement::new(
    "dispute.find",
    "select withdrawn, closed_at is not null as is_closed
    from disputes where provider_dispute = $1 for no key update",
);

static UPSERT: Statement = Statement::new(
    "dispute.upsert",
    "insert into disputes (id, provider_dispute, payment_id, amount, fee, status, withdrawn,
        opened_at, closed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (provider_dispute) do update set amount = excluded.amount,
        fee = coalesce(excluded.fee, disputes.fee), status = excluded.status,
        withdrawn = excluded.withdrawn, closed_at = excluded.closed_at",
);

// This includes refunds that were claimed but that the provider has not made, because the
// provider rejects refunds of disputed payments.
static FAIL_REFUNDS: Statement = Statement::new(
    "dispute.fail_refunds",
    "update refunds set state = 'failed', provider_reason = 'disputed'
    where payment_id = $1 and (state = 'due' or (state = 'sent' and provider_refund is null))",
);

// At most the remaining amount is refunded, because staff may have refunded a part in
// another way. `provider_reason` changes, so that each refund is revived only once. One new
// refund replaces all of them, and `failed_refund_id` names one of them. Refunds that are resolved
// already are left as they are.
static REVIVE_REFUNDS: Statement = Statement::new(
    "dispute.revive_refunds",
    "with revived as (
        update refunds set provider_reason = 'dispute_won', resolved_at = clock_timestamp()
        where payment_id = $1 and state = 'failed' and source <> 'provider'
          and resolved_at is null
          and provider_reason in ('disputed', 'charge_for_pending_refund_disputed')
        returning id, amount
    )
    insert into refunds (id, payment_id, amount, source, next_attempt_at, failed_refund_id)
    select gen_random_uuid(), p.id, least(p.amount - p.refunded, total.amount), 'rule', $2, total.id
    from payments p
    cross join (select sum(amount) as amount, min(id::text)::uuid as id from revived) total
    where p.id = $1 and p.refunded < p.amount and total.amount > 0
    returning state",
);

static IS_WITHDRAWN: Statement = Statement::new(
    "dispute.is_withdrawn",
    "select exists (select from disputes where payment_id = $1 and withdrawn) as is_withdrawn",
);

/// Returns whether a dispute has withdrawn the money of a payment.
async fn is_withdrawn(client: &Client, payment_id: Uuid) -> Result<bool> {
    let row = IS_WITHDRAWN.one(client, &[&payment_id]).await?;
    Ok(row.try_get("is_withdrawn")?)
}

/// Records what the provider reports about a dispute. Must be called in a transaction.
///
/// While the money is withdrawn, no refund of the payment is sent, and refunds that are due
/// fail. The passes that were bought with the payment are revoked, and the member gets an e-mail. The
/// upcoming bookings of a course become unpaid, and a gift card is inactive. This does not depend on
/// how much of the payment is disputed. If the dispute is won, the refunds become due again, and all
/// of this is undone. A new dispute or inquiry is reported as a mismatch, because staff must respond to
/// it at the provider before a deadline. A lost dispute is reported as a mismatch too.
pub async fn record_dispute(
    client: &Client,
    payment_id: Uuid,
    dispute: &ProviderDispute,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    // The classes and the passes are locked before the order and its payment.
    let order_id = match find_subject(client, payment_id).await? {
        Some(PaymentSubject::Order(id)) => Some(id),
        _ => None,
    };
    let pass_ids = match order_id {
        Some(id) => {
            let pass_ids = pass::list_of_order(client, id).await?;
            order::lock_with_passes(client, id, &pass_ids, now).await?;
            pass::lock_of_order(client, id, now).await?
        }
        None => Vec::new(),
    };
    let Some((payment, _)) = lock_payment(client, payment_id).await? else {
        return Ok(Outcome::Unchanged);
    };
    let found = FIND.opt(client, &[&dispute.id]).await?;
    let (was_known, was_withdrawn, was_closed) = match &found {
        Some(row) => (true, row.try_get("withdrawn")?, row.try_get("is_closed")?),
        None => (false, false, false),
    };
    // This report is older than the decision.
    if was_closed && !dispute.is_closed {
        return Ok(Outcome::Unchanged);
    }
    let is_same_currency = dispute.currency.eq_ignore_ascii_case(&payment.currency);
    let to_money = |units| from_minor_units(units, &payment.currency).filter(|_| is_same_currency);
    // A dispute whose amount cannot be converted counts for the whole payment.
    let amount = to_money(dispute.amount).unwrap_or(payment.amount);
    UPSERT
        .execute(
            client,
            &[
                &random::id(),
                &dispute.id,
                &payment.id,
                &amount.as_column(),
                &dispute.fee.and_then(to_money).map(|fee| fee.as_column()),
                &dispute.status,
                &dispute.is_withdrawn,
                &dispute.opened_at,
                &dispute.is_closed.then_some(now),
            ],
        )
        .await?;
    if dispute.is_withdrawn {
        FAIL_REFUNDS.execute(client, &[&payment.id]).await?;
        // A repeated report changes no pass, because staff may have restored it since.
        if !was_withdrawn {
            take_back(client, order_id, &pass_ids, now).await?;
        }
    } else if was_withdrawn {
        let events = restore(client, &payment, order_id, &pass_ids, now).await?;
        if !events.is_empty() {
            member_event::record(client, &events).await?;
            return Ok(Outcome::RefundDue);
        }
    }
    let is_lost = dispute.is_closed && dispute.is_withdrawn && !was_closed;
    Ok(match (was_known, dispute.is_inquiry) {
        (false, false) => mismatch(&payment, "the payment is disputed"),
        (false, true) => mismatch(&payment, "the member's bank inquires about the payment"),
        (true, _) if is_lost => mismatch(&payment, "a dispute was lost"),
        (true, _) => Outcome::Changed,
    })
}

/// Takes back what was bought with a payment whose money is withdrawn: its passes, the bookings of
/// its courses, and its gift card.
async fn take_back(
    client: &Client,
    order_id: Option<Uuid>,
    pass_ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<()> {
    let has_revoked = pass::revoke_disputed(client, pass_ids, now).await?;
    let Some(id) = order_id else {
        return Ok(());
    };
    let is_unpaid = course::make_unpaid(client, id, now).await?;
    wallet::set_active_of_order(client, id, false).await?;
    if has_revoked || is_unpaid {
        mail_outbox::insert_for_order(client, id, "order_disputed").await?;
    }
    Ok(())
}

/// Undoes [`take_back`], unless another dispute has withdrawn the money, and makes the refunds due
/// again. Returns the members' events.
async fn restore(
    client: &Client,
    payment: &Payment,
    order_id: Option<Uuid>,
    pass_ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    let mut events = Vec::new();
    if !is_withdrawn(client, payment.id).await? {
        pass::restore_disputed(client, pass_ids).await?;
        if let Some(id) = order_id {
            events.extend(course::make_paid(client, id, now).await?);
            wallet::set_active_of_order(client, id, true).await?;
            events.extend(course::refund_shares_of_orders(client, &vec![id], now).await?);
        }
    }
    let revived = REVIVE_REFUNDS.opt(client, &[&payment.id, &now]).await?;
    let state: Option<String> = revived.map(|row| row.try_get("state")).transpose()?;
    // The new refund has already failed if another dispute has withdrawn the money.
    if state.as_deref() == Some("due") {
        events.push(event(payment, PaymentChange::RefundDue));
    }
    Ok(events)
}
