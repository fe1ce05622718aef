//! Refunding the shares of classes.

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Result;
use crate::models::member_event::{MemberEventKind, NewMemberEvent};
use crate::models::{ids, mail_outbox};
use crate::store::client::Client;
use crate::store::statement::Statement;

// The locks are taken in their order: orders, payments, wallets.
static LOCK_ORDERS_OF_CLASSES: Statement = Statement::new(
    "course.lock_orders_of_classes",
    "select id from orders
    where id in (
        select l.order_id from bookings b join order_lines l on l.id = b.course_line_id
        where b.scheduled_class_id = any($1) and b.course_share_state <> 'closed'
    )
    order by id for no key update",
);

static LOCK_PAYMENTS: Statement = Statement::new(
    "course.lock_payments",
    "select id from payments where order_id = any($1) order by id for no key update",
);

static LOCK_WALLETS: Statement = Statement::new(
    "course.lock_wallets",
    "select id from wallets
    where id in (select wallet_id from payments where order_id = any($1))
    order by id for no key update",
);

/// Whether the money of a payment of this order is withdrawn because of a dispute.
macro_rules! is_disputed {
    ($order:literal) => {
        concat!(
            "exists (
            select from disputes d join payments p on p.id = d.payment_id
            where d.withdrawn and p.order_id = ",
            $order,
            ")"
        )
    };
}

/// Whether the share of the booking `b` of the class `c` must be refunded although the studio has not
/// cancelled the class: the member has cancelled, or has waited for a spot in vain.
macro_rules! must_be_refunded {
    ($now:literal) => {
        concat!(
            "((b.course_share_state = 'due'
                and b.cancelled_at <= ",
            $now,
            "::timestamptz - interval '10 minutes')
            or (b.course_share_state = 'refundable' and b.status = 'waitlisted'
                and c.start_time <= ",
            $now,
            "))"
        )
    };
}

// Nothing is refunded for an order that is not paid, or whose payment is disputed. The statement runs
// again when the order is paid, or the dispute is won.
//
// A share waits for ten minutes after the cancellation, because the member may book the class again.
// It does not wait if the studio has cancelled the class, or for the bookings `$3`. `$4` says whether
// all classes of the orders are locked. If they are not, the member may book another class again at
// the same time, so the shares of the others wait for the clean-up. The update checks the status again,
// and only what it has closed is refunded.
//
// The newest payment is refunded first, and none more than what is left of it. What was paid by card
// is sent to the provider, and a gift card or credit has its money at once. What was paid at the desk
// is due until staff have given it back. If staff have refunded so much that less is left than the
// shares, the earliest classes have their shares.
static REFUND_SHARES: Statement = Statement::new(
    "course.refund_shares",
    concat!(
        "with payable as (
        select id, order_id, user_id, tender, wallet_id, created_at, amount - refunded as rest
        from payments
        where order_id = any($1) and status in ('paid', 'refund_due', 'refunded')
    ), shares as (
        select b.id, l.order_id, c.is_cancelled,
            case when c.is_cancelled then b.cancelled_at < $2 else b.id <> all($3) end as needs_email,
            least(b.course_share, greatest(0,
            coalesce((select sum(rest) from payable p where p.order_id = l.order_id), 0)
            - coalesce(sum(b.course_share) over (
                partition by l.order_id order by c.start_time, b.id
                rows between unbounded preceding and 1 preceding), 0))) as refund
        from order_lines l
        join orders o on o.id = l.order_id and o.state = 'paid'
        join bookings b on b.course_line_id = l.id and b.course_share_state <> 'closed'
        join scheduled_classes c on c.id = b.scheduled_class_id
        where l.order_id = any($1)
          and (c.is_cancelled or (b.id = any($3) and b.course_share_state = 'due') or ($4 and ",
        must_be_refunded!("$2"),
        ")) and not ",
        is_disputed!("o.id"),
        "
    ), closed as (
        update bookings b set course_share_state = 'closed', course_share_refunded = shares.refund
        from shares
        where b.id = shares.id and b.course_share_state <> 'closed'
          and (shares.is_cancelled or b.status in ('cancelled', 'waitlisted'))
        returning shares.order_id, shares.refund, shares.is_cancelled, shares.needs_email
    ), totals as (
        select order_id, sum(refund) as amount, bool_or(is_cancelled) as is_cancelled,
            coalesce(bool_or(needs_email and refund > 0), false) as needs_email
        from closed group by order_id
    ), parts as (
        select p.*, totals.is_cancelled, totals.needs_email,
            least(p.rest, totals.amount - coalesce(sum(p.rest) over (
                partition by p.order_id order by p.created_at desc, p.id desc
                rows between unbounded preceding and 1 preceding), 0)) as part
        from totals join payable p on p.order_id = totals.order_id
    ), refunded as (
        insert into refunds (id, payment_id, amount, method, state, source, reason,
            next_attempt_at, done_at)
        select gen_random_uuid(), id, part, 'original',
            case when wallet_id is null then 'due' else 'done' end, 'rule',
            case when is_cancelled then 'The studio has cancelled a class of the course'
                else 'A spot in a class of the course was given up' end,
            $2, case when wallet_id is not null then $2 end
        from parts where part > 0 order by id
        returning payment_id, state
    )
    select p.order_id, p.user_id, r.payment_id, r.state,
        p.needs_email and r.state = 'due' and p.tender in ('cash', 'terminal', 'transfer')
            as needs_email
    from refunded r join parts p on p.id = r.payment_id order by p.order_id, r.payment_id"
    ),
);

/// Refunds the shares of classes that the studio has cancelled, also to members who had given up
/// their spot. Each order gets one refund for all of them. The classes must be locked, and are
/// cancelled already. Returns the members' events, which the caller records at the end of the
/// transaction.
pub async fn refund_cancelled_classes(
    client: &Client,
    class_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    if class_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = LOCK_ORDERS_OF_CLASSES.all(client, &[class_ids]).await?;
    refund_shares(client, &ids(&rows)?, Locked::SomeClasses(&Vec::new()), now).await
}

static LOCK_ORDERS_OF_BOOKINGS: Statement = Statement::new(
    "course.lock_orders_of_bookings",
    "select id from orders
    where id in (
        select l.order_id from bookings b join order_lines l on l.id = b.course_line_id
        where b.id = any($1) and b.course_share_state = 'due'
    )
    order by id for no key update",
);

/// Refunds the shares of cancelled bookings that are due, at once. The classes must be locked. Returns
/// the members' events, which the caller records at the end of the transaction.
pub(in crate::models) async fn refund_cancelled_bookings(
    client: &Client,
    booking_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    if booking_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = LOCK_ORDERS_OF_BOOKINGS.all(client, &[booking_ids]).await?;
    refund_shares(client, &ids(&rows)?, Locked::SomeClasses(booking_ids), now).await
}

// The classes of the last months are enough, because the clean-up runs every hour.
static FIND_UNREFUNDED: Statement = Statement::new(
    "course.find_unrefunded",
    concat!(
        "select distinct l.order_id as id
    from bookings b
    join scheduled_classes c on c.id = b.scheduled_class_id
    join order_lines l on l.id = b.course_line_id
    join orders o on o.id = l.order_id and o.state = 'paid'
    where b.course_share_state <> 'closed'
      and c.start_time > $2::timestamptz - interval '90 days' and (c.is_cancelled or ",
        must_be_refunded!("$2"),
        ") and not ",
        is_disputed!("o.id"),
        " limit $1"
    ),
);

/// Finds at most `limit` paid orders with shares that are to be refunded: those of members who
/// have cancelled ten minutes ago, or who have waited for a spot in vain, and those of classes that
/// the previous version of the program has cancelled.
pub async fn find_unrefunded(client: &Client, limit: i64, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    ids(&FIND_UNREFUNDED.all(client, &[&limit, &now]).await?)
}

/// Refunds the shares of orders that are due, and those of classes that were cancelled before the
/// orders were paid, or while a payment was disputed. The orders and all of their classes must be
/// locked. A share that is due because the member has just cancelled waits. Returns the members'
/// events, which the caller records at the end of the transaction.
pub(in crate::models) async fn refund_shares_of_orders(
    client: &Client,
    order_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    refund_shares(client, order_ids, Locked::AllClasses, now).await
}

/// Which classes of the orders are locked.
enum Locked<'a> {
    AllClasses,
    /// Those of these bookings, whose shares are refunded at once, and those that the studio cancels.
    SomeClasses(&'a Vec<Uuid>),
}

/// Refunds shares of locked orders.
async fn refund_shares(
    client: &Client,
    order_ids: &Vec<Uuid>,
    locked: Locked<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    if order_ids.is_empty() {
        return Ok(Vec::new());
    }
    LOCK_PAYMENTS.all(client, &[order_ids]).await?;
    LOCK_WALLETS.all(client, &[order_ids]).await?;
    let (none, all) = (Vec::new(), matches!(locked, Locked::AllClasses));
    let booking_ids = match locked {
        Locked::AllClasses => &none,
        Locked::SomeClasses(booking_ids) => booking_ids,
    };
    let rows = REFUND_SHARES
        .all(client, &[order_ids, &now, booking_ids, &all])
        .await?;
    mail_refunds_at_desk(client, &rows).await?;
    rows.iter().map(refund_event).collect()
}

/// Queues one e-mail for each order with a refund that waits at the desk, unless the e-mail about the
/// cancelled class or booking says so.
async fn mail_refunds_at_desk(client: &Client, rows: &[Row]) -> Result<()> {
    let mut mailed = Vec::new();
    for row in rows {
        let order_id: Uuid = row.try_get("order_id")?;
        if row.try_get("needs_email")? && !mailed.contains(&order_id) {
            mail_outbox::insert_for_order(client, order_id, "course_refund_at_desk").await?;
            mailed.push(order_id);
        }
    }
    Ok(())
}

fn refund_event(row: &Row) -> Result<NewMemberEvent> {
    let kind = match row.try_get("state")? {
        "done" => MemberEventKind::OrderRefunded,
        _ => MemberEventKind::OrderRefundDue,
    };
    let (order_id, payment_id): (Uuid, Uuid) =
        (row.try_get("order_id")?, row.try_get("payment_id")?);
    Ok(NewMemberEvent {
        user_id: row.try_get("user_id")?,
        kind,
        data: json!({ "orderId": order_id, "paymentId": payment_id }),
    })
}
