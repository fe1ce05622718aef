//! What was sold: products, classes, and fees.

use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Scope, amount};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// What was sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SoldKind {
    /// A pass.
    Pass,
    /// The periods of a membership that were paid.
    Membership,
    /// A gift card.
    GiftCard,
    /// A course.
    Course,
    /// Classes that were paid one by one.
    Class,
    /// Fees for late cancellations.
    LateCancellation,
    /// Fees of members who did not come.
    NoShow,
    /// Money that arrived after its order or its booking had been cancelled. It is refunded.
    CancelledOrder,
}

impl SoldKind {
    fn from_column(text: &str) -> Result<Self> {
        match text {
            "pass" => Ok(Self::Pass),
            "membership" => Ok(Self::Membership),
            "gift_card" => Ok(Self::GiftCard),
            "course" => Ok(Self::Course),
            "class" => Ok(Self::Class),
            "late_cancellation" => Ok(Self::LateCancellation),
            "no_show" => Ok(Self::NoShow),
            "cancelled_order" => Ok(Self::CancelledOrder),
            _ => Err(Error::internal("unknown kind of sale")),
        }
    }

    /// Returns the name in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Membership => "membership",
            Self::GiftCard => "gift_card",
            Self::Course => "course",
            Self::Class => "class",
            Self::LateCancellation => "late_cancellation",
            Self::NoShow => "no_show",
            Self::CancelledOrder => "cancelled_order",
        }
    }

    /// Returns whether it is a fee.
    pub fn is_fee(self) -> bool {
        matches!(self, Self::LateCancellation | Self::NoShow)
    }
}

/// The sales of one product, of the classes of one type, or of one kind of fee.
#[derive(Clone, Debug)]
pub struct SoldSum {
    /// What was sold.
    pub kind: SoldKind,
    /// The id of the product or of the class type. `None` for other kinds.
    pub id: Option<Uuid>,
    /// Its name. `None` for other kinds.
    pub name: Option<String>,
    /// How many were sold.
    pub count: i64,
    /// What promo codes have taken off.
    pub discount: Decimal,
    /// What was paid, by gift cards and credit too.
    pub amount: Decimal,
    /// How much of it gift cards have paid.
    pub gift_amount: Decimal,
    /// How much of it credit has paid.
    pub credit_amount: Decimal,
    /// What was given back, to gift cards and credit too.
    pub refunded: Decimal,
    /// How much of it was given back to gift cards.
    pub gift_refunded: Decimal,
    /// How much of it was given back to credit.
    pub credit_refunded: Decimal,
}

// Refunds and payments with wallets are divided among the lines of an order, in proportion to their
// amounts. To lose nothing by rounding, the division is cumulative: if `t` of the order's total has
// moved, the lines up to and including this one, with the sum `a`, have round(t × a ÷ total). Credit
// pays first, then the gift card. All payments of an order arrive when it is settled.
static LIST_OF_ORDERS: Statement = Statement::new(
    "report.products_of_orders",
    "with stored as materialized (
        select order_id, tender as wallet, sum(amount) as amount from payments
        where wallet_id is not null and paid_at >= $1 and paid_at < $2 and currency = $3
        group by order_id, tender
    ), refunded as materialized (
        select distinct p.order_id from refunds r join payments p on p.id = r.payment_id
        where p.order_id is not null and r.state = 'done' and r.done_at >= $1 and r.done_at < $2
          and p.currency = $3
    ), moved as (
        select order_id, false as is_refund, wallet, amount,
            sum(amount) over (partition by order_id order by wallet) as till
        from stored
        union all
        select * from (
            select p.order_id, true, case r.method when 'credit' then 'credit'
                    when 'original' then case when p.wallet_id is not null then p.tender end end,
                case when r.done_at >= $1 and r.done_at < $2 then r.amount end as amount,
                sum(r.amount) over (partition by p.order_id
                    order by r.done_at, r.created_at, r.id) as till
            from refunded join payments p using (order_id) join refunds r on r.payment_id = p.id
            where r.state = 'done'
        ) r where amount is not null
    ), lines as (
        select l.order_id, l.product_id, l.amount, o.total,
            sum(l.amount) over (partition by l.order_id order by l.created_at, l.id) as till
        from (select order_id from stored union select order_id from refunded) chosen
        join orders o on o.id = order_id join order_lines l using (order_id)
        where o.state = 'paid'
        union all
        select o.id, null, o.total, o.total, o.total
        from refunded join orders o on o.id = order_id where o.state <> 'paid'
    ), parts as (
        select l.product_id, m.is_refund, m.wallet,
            round(m.till * l.till / l.total, $4)
                - round(m.till * (l.till - l.amount) / l.total, $4)
                - round((m.till - m.amount) * l.till / l.total, $4)
                + round((m.till - m.amount) * (l.till - l.amount) / l.total, $4) as amount
        from moved m join lines l using (order_id)
    ), sold as (
        select l.product_id, count(*) as count, sum(l.discount) as discount,
            sum(l.amount) as amount, 0 as gift_amount, 0 as credit_amount, 0 as refunded,
            0 as gift_refunded, 0 as credit_refunded
        from orders o join order_lines l on l.order_id = o.id
        where o.settled_at >= $1 and o.settled_at < $2 and o.currency = $3
        group by l.product_id
        union all
        select null, count(*), 0, sum(p.amount), 0, 0, 0, 0, 0
        from payments p join orders o on o.id = p.order_id
        where p.paid_at >= $1 and p.paid_at < $2 and p.currency = $3 and o.state <> 'paid'
        having count(*) > 0
        union all
        select product_id, 0, 0, 0,
            sum(amount) filter (where not is_refund and wallet = 'gift'),
            sum(amount) filter (where not is_refund and wallet = 'credit'),
            sum(amount) filter (where is_refund),
            sum(amount) filter (where is_refund and wallet = 'gift'),
            sum(amount) filter (where is_refund and wallet = 'credit')
        from parts group by product_id
    )
    select coalesce(p.kind, 'cancelled_order') as kind, s.product_id as id, p.name,
        sum(s.count)::bigint as count, sum(s.discount) as discount, sum(s.amount) as amount,
        sum(s.gift_amount) as gift_amount, sum(s.credit_amount) as credit_amount,
        sum(s.refunded) as refunded, sum(s.gift_refunded) as gift_refunded,
        sum(s.credit_refunded) as credit_refunded
    from sold s left join products p on p.id = s.product_id
    group by p.kind, s.product_id, p.name",
);

// The receipt says whether a fee was paid. An index holds the lines of fees, which are few. Money
// that came too late has no receipt, and a rule refunds it. Before the first receipt, no payment had
// one.
static LIST_OF_BOOKINGS: Statement = Statement::new(
    "report.products_of_bookings",
    "with fees as materialized (
        select x.payment_id, l.kind
        from receipt_lines l join receipts x on (x.year, x.number) = (l.year, l.number)
        where l.kind in ('late_cancellation', 'no_show') and x.payment_id is not null
    ), first_receipt as materialized (
        select issued_at from receipts order by year, number limit 1
    ), moved as (
        select p.id, p.booking_id, 1 as count, p.amount, 0 as refunded, 0 as credit_refunded
        from payments p
        where p.booking_id is not null and p.paid_at >= $1 and p.paid_at < $2 and p.currency = $3
        union all
        select p.id, p.booking_id, 0, 0, r.amount,
            case r.method when 'credit' then r.amount else 0 end
        from refunds r join payments p on p.id = r.payment_id
        where p.booking_id is not null and r.state = 'done' and r.done_at >= $1
          and r.done_at < $2 and p.currency = $3
    ), late as materialized (
        select p.id
        from (select distinct id from moved) m join payments p using (id), first_receipt f
        where p.paid_at >= f.issued_at
          and not exists (select from receipts x where x.payment_id = p.id)
          and exists (select from refunds r where r.payment_id = p.id and r.source = 'rule')
    ), kinds as (
        select payment_id, kind from fees
        union all
        select id, 'cancelled_order' from late
    ), sums as (
        select f.kind, case when f.kind is null then c.class_type_id end as id,
            sum(m.count)::bigint as count, sum(m.amount) as amount, sum(m.refunded) as refunded,
            sum(m.credit_refunded) as credit_refunded
        from moved m
        join bookings b on b.id = m.booking_id
        join scheduled_classes c on c.id = b.scheduled_class_id
        left join kinds f on f.payment_id = m.id
        group by 1, 2
    )
    select coalesce(s.kind, 'class') as kind, s.id, t.name, s.count, 0::numeric as discount,
        s.amount, 0::numeric as gift_amount, 0::numeric as credit_amount, s.refunded,
        0::numeric as gift_refunded, s.credit_refunded
    from sums s left join class_types t on t.id = s.id",
);

impl SoldSum {
    /// Returns the money that came in minus the money that was given back.
    pub fn net(&self) -> Decimal {
        let paid = self.amount - self.gift_amount - self.credit_amount;
        paid - (self.refunded - self.gift_refunded - self.credit_refunded)
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            kind: SoldKind::from_column(row.try_get("kind")?)?,
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            count: row.try_get("count")?,
            discount: amount(row, "discount")?,
            amount: amount(row, "amount")?,
            gift_amount: amount(row, "gift_amount")?,
            refunded: amount(row, "refunded")?,
            gift_refunded: amount(row, "gift_refunded")?,
            credit_amount: amount(row, "credit_amount")?,
            credit_refunded: amount(row, "credit_refunded")?,
        })
    }
}

/// Sums up what was sold in orders, by product.
pub async fn list_of_orders(client: &Client, scope: &Scope) -> Result<Vec<SoldSum>> {
    let rows = LIST_OF_ORDERS
        .all(
            client,
            &[&scope.since, &scope.till, &scope.currency, &scope.decimals],
        )
        .await?;
    rows.iter().map(SoldSum::from_row).collect()
}

/// Sums up what was paid for classes, by class type, and for fees.
pub async fn list_of_bookings(client: &Client, scope: &Scope) -> Result<Vec<SoldSum>> {
    let rows = LIST_OF_BOOKINGS
        .all(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    rows.iter().map(SoldSum::from_row).collect()
}

/// The orders that were paid with a promo code.
#[derive(Clone, Debug)]
pub struct PromoCodeSum {
    /// The code, as it is written now.
    pub code: String,
    /// The number of orders.
    pub count: i64,
    /// What the code has taken off.
    pub discount: Decimal,
    /// What was paid for the orders.
    pub amount: Decimal,
}

static LIST_PROMO_CODES: Statement = Statement::new(
    "report.promo_codes",
    "select c.code, count(*) as count, sum(o.total) as amount,
        sum((select sum(l.discount) from order_lines l where l.order_id = o.id)) as discount
    from orders o join promo_codes c on c.id = o.promo_code_id
    where o.settled_at >= $1 and o.settled_at < $2 and o.currency = $3
    group by c.id order by c.code",
);

/// Sums up the orders that were paid with a promo code, sorted by code.
pub async fn list_promo_codes(client: &Client, scope: &Scope) -> Result<Vec<PromoCodeSum>> {
    let rows = LIST_PROMO_CODES
        .all(client, &[&scope.since, &scope.till, &scope.currency])
        .await?;
    let from_row = |row: &Row| {
        Ok(PromoCodeSum {
            code: row.try_get("code")?,
            count: row.try_get("count")?,
            discount: amount(row, "discount")?,
            amount: amount(row, "amount")?,
        })
    };
    rows.iter().map(from_row).collect()
}
