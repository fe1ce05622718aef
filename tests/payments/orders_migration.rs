//! The migration that adds orders (`0026_sales` and `0027_orders_of_payments`).

use sabor::store::migrations;
use tokio_postgres::Client;

use super::orders::assert_orders_agree;
use crate::harness::{connect, empty_database};

/// Reverts the migrations of orders and all later ones.
pub async fn revert_orders(client: &mut Client) {
    let query = "select count(*) from schema_migrations where name >= '0026_sales'";
    let count: i64 = client.query_one(query, &[]).await.unwrap().get(0);
    let count = usize::try_from(count).unwrap();
    migrations::down(client, count).await.unwrap();
}

/// Returns what the previous schema stores about money, one row per line.
async fn stored_money(client: &Client) -> Vec<String> {
    let rows = client.query(MONEY, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

// Without the columns that the migration adds.
const MONEY: &str = "
    select (to_jsonb(b) - array['paid_by', 'pass_id', 'uses_credit', 'order_line_id', 'hold_until'])::text
    from bookings b
    union all
    select (to_jsonb(p) - array['order_id', 'tender', 'wallet_id', 'state', 'taken_by'])::text
    from payments p
    union all
    select (to_jsonb(r) - array['order_line_id', 'tax'])::text from refunds r
    union all
    select to_jsonb(d)::text from disputes d
    union all
    select (to_jsonb(c) - array['local_date', 'course_id', 'extra_places'])::text
    from scheduled_classes c
    order by 1";

/// Returns the orders, one per line, without the ids that the migration generates.
async fn orders(client: &Client) -> Vec<String> {
    let query = "
        select concat_ws(' ', b.id, b.paid_by, o.user_id, o.currency, o.total, o.state,
            o.settled_at, o.cancelled_at, o.created_at, l.kind, l.description, l.unit_price,
            l.amount, l.tax, l.cancelled_at,
            (select string_agg(concat_ws(' ', p.id, p.state, p.tender), ', ' order by p.id)
                from payments p where p.order_id = o.id),
            (select string_agg(concat_ws(' ', r.id, r.tax), ', ' order by r.id)
                from refunds r where r.order_line_id = l.id))
        from bookings b
        left join order_lines l on l.id = b.order_line_id
        left join orders o on o.id = l.order_id
        order by b.id";
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_orders_of_a_generated_studio_agree_with_its_payments_after_up_down_and_up_again() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    revert_orders(&mut client).await;
    client.batch_execute(GENERATE_STUDIO).await.unwrap();
    let before = stored_money(&client).await;
    assert!(before.len() > 700, "{}", before.len());

    migrations::up(&mut client).await.unwrap();
    assert_eq!(stored_money(&client).await, before);
    assert_orders_agree(&client).await;
    let first_orders = orders(&client).await;
    let counts = "select paid_by || ' ' || coalesce(o.state, '-'), count(*)
        from bookings b left join order_lines l on l.id = b.order_line_id
        left join orders o on o.id = l.order_id
        where paid_by is not null group by 1 order by 1";
    let rows = client.query(counts, &[]).await.unwrap();
    let kinds: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    let expected = [
        "free -",
        "order cancelled",
        "order open",
        "order paid",
        "untracked -",
    ];
    assert_eq!(kinds, expected);
    assert_sums_are_unchanged(&client).await;

    revert_orders(&mut client).await;
    assert_eq!(stored_money(&client).await, before);
    migrations::up(&mut client).await.unwrap();
    assert_eq!(stored_money(&client).await, before);
    assert_eq!(orders(&client).await, first_orders);
}

/// Compares the sums of the orders with those that the reports compute from the payments.
pub async fn assert_sums_are_unchanged(client: &Client) {
    let sums = "
        select
            (select sum(amount) from payments where paid_at is not null),
            (select sum(total) from orders where state = 'paid')
                + (select sum(amount) from payments p where p.paid_at is not null and exists (
                    select from refunds r where r.payment_id = p.id and r.order_line_id is null)),
            (select sum(amount) from refunds where state = 'done'),
            (select sum(r.amount) from refunds r join payments p on p.id = r.payment_id
                join orders o on o.id = p.order_id where r.state = 'done')";
    let row = client
        .query_one(
            &format!("select a::text, b::text, c::text, d::text from ({sums}) t (a, b, c, d)"),
            &[],
        )
        .await
        .unwrap();
    let [paid, ordered, refunded, refunded_of_orders] =
        [0, 1, 2, 3].map(|column| row.get::<_, String>(column));
    assert_eq!(paid, ordered);
    assert_eq!(refunded, refunded_of_orders);
}

/// Generates a studio with the previous schema: bookings and payments with every status, of
/// which a part was given up, refunds of the whole and of parts, and disputes. The rows are the
/// same in each run.
const GENERATE_STUDIO: &str = "
    create function pg_temp.roll(n bigint, topic text, sides integer) returns integer language sql as $$
        select ('x' || substr(md5(n || ' ' || topic || ' 2026'), 1, 7))::bit(28)::integer % sides
    $$;
    insert into users (id, email, first_name, last_name)
    select md5('member ' || n)::uuid, 'member' || n || '@example.net', 'Member', n::text
    from generate_series(0, 400 / 10) n;
    insert into class_types (id, name, price_per_class)
    values (md5('type')::uuid, 'Salsa', 25), (md5('free type')::uuid, 'Open evening', 0);
    insert into instructors (id, name) values (md5('instructor')::uuid, 'Marisol Vega');
    insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time, end_time,
        max_participants, room)
    select md5('class ' || n)::uuid, md5(case n % 10 when 0 then 'free type' else 'type' end)::uuid,
        md5('instructor')::uuid, 'Salsa', start, start + interval '1 hour', 400, 'Studio'
    from generate_series(0, 19) n,
        lateral (select now() + make_interval(hours => 24 * n - 245)) t (start);
    insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position, price, currency,
        booked_at, created_at, cancelled_at, late_cancellation)
    select md5('booking ' || n)::uuid, md5('member ' || n / 10)::uuid, c.id, status,
        case s.status when 'waitlisted' then n end,
        case when c.class_type_id = md5('free type')::uuid then 0 else 15 + pg_temp.roll(n, 'price', 1000) * 0.01 end,
        'USD', made_at, made_at, case status when 'cancelled' then cancelled_at end,
        status = 'cancelled' and pg_temp.roll(n, 'late', 3) = 0
    from generate_series(0, 400 - 1) n
    join scheduled_classes c on c.id = md5('class ' || (n % 10 + 10 * pg_temp.roll(n / 10, 'half', 2)))::uuid
    cross join lateral (select least(c.start_time, now()) - interval '3 days',
        least(c.start_time, now()) - interval '1 day', pg_temp.roll(n, 'status', 10)) t (made_at, cancelled_at, die)
    cross join lateral (select case when die < 3 then 'cancelled' when die = 3 then 'waitlisted'
        when c.start_time > now() then 'booked' when die = 4 then 'no_show' else 'attended' end) s (status);
    -- Payments that were given up, and then the one that counts.
    insert into payments (id, booking_id, user_id, amount, currency, method, status, provider,
        provider_reference, provider_payment, expires_at, paid_at, created_at, updated_at)
    select md5('payment ' || b.id || attempt)::uuid, b.id, b.user_id, b.price, b.currency, method,
        s.status, case method when 'card' then 'stripe' end,
        case method when 'card' then 'cs_' || md5(b.id::text || attempt) end,
        case when method = 'card' and s.status in ('paid', 'refund_due') then 'pi_' || md5(b.id::text || attempt) end,
        case method when 'card' then made_at + interval '31 minutes' end,
        case when s.status in ('paid', 'refund_due') then made_at + interval '5 minutes' end,
        made_at, made_at
    from bookings b
    cross join lateral (select ('x' || substr(md5(b.id::text), 1, 7))::bit(28)::integer as number) i
    cross join generate_series(1, 2) attempt
    cross join lateral (select b.created_at + make_interval(hours => attempt),
        case when pg_temp.roll(number, 'method' || attempt, 3) = 0 then 'desk' else 'card' end,
        pg_temp.roll(number, 'payment' || attempt, 10)) t (made_at, method, die)
    cross join lateral (select case
        when attempt = 1 then case die when 0 then 'failed' when 1 then 'cancelled' when 2 then 'refund_due' end
        when die < 4 then 'paid'
        when die < 6 and b.status <> 'cancelled' then 'pending'
        when die = 6 then 'failed' when die = 7 then 'cancelled' end) s (status)
    where b.price > 0 and b.status <> 'waitlisted' and s.status is not null;
    -- In time: everything is refunded, and some refunds have been made.
    insert into refunds (id, payment_id, amount, source, state, done_at, created_at)
    select md5('refund ' || p.id)::uuid, p.id, p.amount, 'rule', case when done then 'done' else 'due' end,
        case when done then b.cancelled_at end, b.cancelled_at
    from bookings b join payments p on p.booking_id = b.id and p.status = 'paid',
        lateral (select p.id::text < '8') t (done)
    where b.status = 'cancelled' and not b.late_cancellation;
    -- By staff: parts, of which some have failed.
    insert into refunds (id, payment_id, amount, source, state, done_at, created_at)
    select md5('part ' || p.id || n)::uuid, p.id, 1 + n, 'staff', case n when 1 then 'done' else 'failed' end,
        case n when 1 then p.paid_at end, p.paid_at
    from payments p, generate_series(1, 2) n
    where p.status = 'paid' and p.id::text like any (array['%0', '%1']) and p.refunded = 0;
    insert into disputes (id, provider_dispute, payment_id, amount, status, withdrawn, opened_at)
    select md5('dispute ' || id)::uuid, 'dp_' || id, id, amount, 'needs_response', true, paid_at
    from payments where status = 'paid' and method = 'card' and id::text like '%2';";
