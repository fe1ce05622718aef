//! What is open now: what members owe, and what the studio owes to them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Scope, amount};
use crate::error::{Error, Result};
use crate::models::payment::{has_failed_for_good, refundable_amount};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// What an open amount is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OpenSumKind)]
pub enum OpenKind {
    /// Members owe it for classes to come.
    UpcomingClass,
    /// Members owe it for classes that have begun.
    PastClass,
    /// Members owe it for late cancellations.
    LateCancellation,
    /// Members owe it because they did not come.
    NoShow,
    /// The studio owes it: refunds that are due or sent.
    Refund,
    /// The studio owes it: refunds that the bank has returned, and that nobody has made in another
    /// way.
    FailedRefund,
    /// Banks have taken it back for disputes that are not decided.
    Dispute,
}

impl OpenKind {
    fn from_column(text: &str) -> Result<Self> {
        match text {
            "upcoming_class" => Ok(Self::UpcomingClass),
            "past_class" => Ok(Self::PastClass),
            "late_cancellation" => Ok(Self::LateCancellation),
            "no_show" => Ok(Self::NoShow),
            "refund" => Ok(Self::Refund),
            "failed_refund" => Ok(Self::FailedRefund),
            "dispute" => Ok(Self::Dispute),
            _ => Err(Error::internal("unknown kind of open money")),
        }
    }

    /// Returns the name in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpcomingClass => "upcoming_class",
            Self::PastClass => "past_class",
            Self::LateCancellation => "late_cancellation",
            Self::NoShow => "no_show",
            Self::Refund => "refund",
            Self::FailedRefund => "failed_refund",
            Self::Dispute => "dispute",
        }
    }

    /// Returns whether members owe it.
    pub fn is_owed_by_members(self) -> bool {
        !matches!(self, Self::Refund | Self::FailedRefund | Self::Dispute)
    }
}

/// An open amount.
#[derive(Clone, Debug)]
pub struct OpenSum {
    /// What it is for.
    pub kind: OpenKind,
    /// The number of bookings, refunds, or disputes.
    pub count: i64,
    /// Their sum.
    pub amount: Decimal,
}

// The same amounts as `amount_due!`, written so that all bookings are compared with all payments at
// once. Closed accounts owe nothing.
static LIST_OPEN: Statement = Statement::new(
    "report.open_sums",
    concat!(
        "select case
            when b.status in ('cancelled', 'waitlisted') then 'late_cancellation'
            when b.status = 'no_show' then 'no_show'
            when c.start_time > $1 then 'upcoming_class'
            else 'past_class' end as kind,
        count(*) as count,
        sum(case when b.status in ('booked', 'attended') then b.price
            else coalesce(b.fee, b.price) end) as amount
    from bookings b
    join scheduled_classes c on c.id = b.scheduled_class_id
    join users u on u.id = b.user_id
    where b.currency = $2 and u.closed_at is null
      and (b.fee > 0 or (b.fee is null and b.price > 0
        and b.status in ('booked', 'attended', 'no_show')))
      and not exists (select from payments p where p.booking_id = b.id and p.status = 'paid')
    group by 1
    union all
    select 'refund', count(*), sum(r.amount)
    from refunds r join payments p on p.id = r.payment_id
    where r.state in ('due', 'sent') and p.currency = $2
    union all
    select 'failed_refund', coalesce(sum(count), 0)::bigint, sum(amount) from (
        select count(*) as count, least(sum(r.amount), min(",
        refundable_amount!(),
        ")) as amount
        from refunds r join payments p on p.id = r.payment_id
        where p.currency = $2 and ",
        has_failed_for_good!(),
        " group by p.id
    ) failed
    union all
    select 'dispute', count(*), sum(d.amount)
    from disputes d join payments p on p.id = d.payment_id
    where d.withdrawn and d.status <> 'lost' and p.currency = $2"
    ),
);

/// Sums up the amounts that are open now.
pub async fn list(client: &Client, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<OpenSum>> {
    let rows = LIST_OPEN.all(client, &[&now, &scope.currency]).await?;
    let from_row = |row: &Row| {
        Ok(OpenSum {
            kind: OpenKind::from_column(row.try_get("kind")?)?,
            count: row.try_get("count")?,
            amount: amount(row, "amount")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// The passes of one product with which members can still come.
#[derive(Clone, Debug)]
pub struct PassSum {
    /// The product's id.
    pub product_id: Uuid,
    /// The product's name.
    pub name: String,
    /// The number of passes.
    pub count: i64,
    /// The classes that are left on passes with a number of classes.
    pub credits: i64,
    /// The number of these passes that are unlimited.
    pub unlimited: i64,
    /// What is left of what was paid for the passes.
    pub value: Decimal,
}

static LIST_PASSES: Statement = Statement::new(
    "report.pass_sums",
    "select p.product_id, t.name, count(*) as count,
        coalesce(sum(p.credits - p.credits_used), 0)::bigint as credits,
        count(*) filter (where p.credits is null) as unlimited,
        sum(trunc(case
            when p.credits is not null then l.amount * (p.credits - p.credits_used) / p.credits
            when p.first_day is null then l.amount
            else l.amount * least(p.days, f.days_left - greatest(0, coalesce(
                p.frozen_to - greatest(p.frozen_from, f.today) + 1, 0))) / p.days end, $3)) as value
    from passes p
    join products t on t.id = p.product_id
    join order_lines l on l.id = p.order_line_id
    join orders o on o.id = l.order_id
    cross join lateral (
        select greatest($1::date, p.first_day) as today,
            p.last_day - greatest($1::date, p.first_day) + 1 as days_left) f
    where p.status = 'live' and (p.credits is null or p.credits_used < p.credits)
      and (p.last_day is null or p.last_day >= $1) and o.currency = $2
    group by p.product_id, t.name order by t.name, p.product_id",
);

/// Sums up the passes that can still be used on `today` or later, by product. The value of a pass is
/// what was paid for it, times the share of its classes that are left. For an unlimited pass, it is
/// the share of its days. Days of freezes and days that were added were not paid, so they do not
/// count. The value is rounded down.
pub async fn list_passes(client: &Client, scope: &Scope, today: NaiveDate) -> Result<Vec<PassSum>> {
    let rows = LIST_PASSES
        .all(client, &[&today, &scope.currency, &scope.decimals])
        .await?;
    let from_row = |row: &Row| {
        Ok(PassSum {
            product_id: row.try_get("product_id")?,
            name: row.try_get("name")?,
            count: row.try_get("count")?,
            credits: row.try_get("credits")?,
            unlimited: row.try_get("unlimited")?,
            value: amount(row, "value")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// What gift cards have paid, and what is left on them.
#[derive(Clone, Debug)]
pub struct GiftCardSums {
    /// What gift cards have paid.
    pub redeemed: Decimal,
    /// What was given back to gift cards.
    pub refunded: Decimal,
    /// The number of gift cards with money on them, as of now.
    pub count: i64,
    /// The money on them.
    pub balance: Decimal,
    /// What gift cards pay in orders that are not paid yet. It is not part of the balance.
    pub held: Decimal,
}

static SUM_GIFT_CARDS: Statement = Statement::new(
    "report.gift_card_sums",
    "select
        (select sum(amount) from payments
            where tender = 'gift' and paid_at >= $1 and paid_at < $2 and currency = $3) as redeemed,
        (select sum(r.amount) from refunds r join payments p on p.id = r.payment_id
            where r.state = 'done' and r.done_at >= $1 and r.done_at < $2
              and p.tender = 'gift' and r.method = 'original' and p.currency = $3) as refunded,
        (select count(*) from wallets where kind = 'gift' and balance > 0 and currency = $3) as count,
        (select sum(balance) from wallets where kind = 'gift' and currency = $3) as balance,
        (select sum(amount) from payments
            where tender = 'gift' and status = 'pending' and currency = $3) as held",
);

/// Sums up what gift cards have paid, and what is left on them now.
pub async fn sum_gift_cards(client: &Client, scope: &Scope) -> Result<GiftCardSums> {
    let row = SUM_GIFT_CARDS
        .one(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    Ok(GiftCardSums {
        redeemed: amount(&row, "redeemed")?,
        refunded: amount(&row, "refunded")?,
        count: row.try_get("count")?,
        balance: amount(&row, "balance")?,
        held: amount(&row, "held")?,
    })
}

/// What credit was given and has paid, and what is left of it.
#[derive(Clone, Debug)]
pub struct CreditSums {
    /// What staff have added.
    pub added: Decimal,
    /// What staff have deducted.
    pub deducted: Decimal,
    /// What credit has paid.
    pub redeemed: Decimal,
    /// What was given back to credit.
    pub refunded: Decimal,
    /// The credit of accounts that were closed, which is lost.
    pub forfeited: Decimal,
    /// The number of members with credit, as of now.
    pub count: i64,
    /// Their credit.
    pub balance: Decimal,
    /// What credit pays in orders that are not paid yet. It is not part of the balance.
    pub held: Decimal,
}

// What is refunded to credit was paid with it, or in another way.
static SUM_CREDIT: Statement = Statement::new(
    "report.credit_sums",
    "with changed as (
        select sum(e.change) filter (where e.reason = 'staff' and e.change > 0) as added,
            -sum(e.change) filter (where e.reason = 'staff' and e.change < 0) as deducted,
            -sum(e.change) filter (where e.reason = 'closure') as forfeited
        from wallet_entries e join wallets w on w.id = e.wallet_id
        where e.reason in ('staff', 'closure') and e.created_at >= $1 and e.created_at < $2
          and w.currency = $3
    )
    select changed.*,
        (select sum(amount) from payments
            where tender = 'credit' and paid_at >= $1 and paid_at < $2 and currency = $3) as redeemed,
        (select sum(r.amount) from refunds r join payments p on p.id = r.payment_id
            where r.state = 'done' and r.done_at >= $1 and r.done_at < $2 and p.currency = $3
              and (r.method = 'credit' or (r.method = 'original' and p.tender = 'credit')))
            as refunded,
        (select count(*) from wallets where kind = 'credit' and balance > 0 and currency = $3)
            as count,
        (select sum(balance) from wallets where kind = 'credit' and currency = $3) as balance,
        (select sum(amount) from payments
            where tender = 'credit' and status = 'pending' and currency = $3) as held
    from changed",
);

/// Sums up what credit was given and has paid, and what is left of it now.
pub async fn sum_credit(client: &Client, scope: &Scope) -> Result<CreditSums> {
    let row = SUM_CREDIT
        .one(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    Ok(CreditSums {
        added: amount(&row, "added")?,
        deducted: amount(&row, "deducted")?,
        redeemed: amount(&row, "redeemed")?,
        refunded: amount(&row, "refunded")?,
        forfeited: amount(&row, "forfeited")?,
        count: row.try_get("count")?,
        balance: amount(&row, "balance")?,
        held: amount(&row, "held")?,
    })
}
