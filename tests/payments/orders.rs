//! The orders that triggers make for the payments of the running program.

use chrono::TimeDelta;
use sabor::values::currency::is_without_decimals;
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{
    book_and_pay, checkout_completed, payment_of, start_checkout, start_payment, start_with_stripe,
};
use crate::admin::bookings::perform_action;
use crate::bookings::{book, cancel, set_clock_before_start};
use crate::harness::{NewClass, TestApp, connect};

/// Asserts that orders, lines, payments, and refunds agree.
pub async fn assert_orders_agree(client: &Client) {
    let rows = client.query(DISAGREEMENTS, &[]).await.unwrap();
    let problems: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: {}", row.get::<_, &str>(0), row.get::<_, &str>(1)))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

// Money that came too late is given back, for no line, and pays no order.
const DISAGREEMENTS: &str = "
    select 'a payment has no order, or its columns differ' as problem, p.id::text from payments p
    where p.order_id is null or p.tender <> p.method or p.state <> case
        when p.status in ('refund_due', 'refunded') then 'paid' else p.status end
    union all
    select 'the total of an order differs from its lines', o.id::text from orders o
    where o.total <> (select coalesce(sum(amount) filter (where cancelled_at is null), 0)
        from order_lines l where l.order_id = o.id)
    union all
    select 'the money of an order differs from its total', o.id::text from orders o
    cross join lateral (
        select coalesce(sum(p.amount) filter (where p.state = 'paid' and not exists (
            select from refunds r where r.payment_id = p.id and r.order_line_id is null)), 0) as paid
        from payments p where p.order_id = o.id
    ) m
    where m.paid <> case o.state when 'paid' then o.total else 0 end
    union all
    select 'a booking has another order than its payment', b.id::text
    from payments p join bookings b on b.id = p.booking_id
    left join order_lines l on l.id = b.order_line_id
    where p.status in ('pending', 'paid') and l.order_id is distinct from p.order_id
    union all
    select 'an order of a cancelled booking is open, or that of another booking is cancelled', b.id::text
    from bookings b join order_lines l on l.id = b.order_line_id join orders o on o.id = l.order_id
    where (o.state = 'open' and b.status = 'cancelled') or (o.state = 'cancelled' and b.status <> 'cancelled')
    union all
    select 'the refunds of a line exceed it, or their tax differs', l.id::text
    from order_lines l join orders o on o.id = l.order_id
    join lateral (select sum(amount) as amount, sum(tax) as tax from refunds r
        where r.order_line_id = l.id and r.state in ('due', 'sent', 'done')) r on true
    where r.amount > l.amount or r.tax <> round_to_unit(l.tax * r.amount / l.amount, o.currency)
    union all
    select 'a refund of a whole order is for no line', r.id::text
    from refunds r join payments p on p.id = r.payment_id
    where r.order_line_id is null and p.status = 'paid'
    union all
    select 'a payment has another sum of refunds', p.id::text from payments p
    where p.refunded <> (select coalesce(sum(amount), 0) from refunds r
        where r.payment_id = p.id and r.state in ('due', 'sent', 'done'))
    union all
    select 'what pays for a booking is wrong', b.id::text
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.paid_by is distinct from case
        when exists (select from payments p where p.booking_id = b.id) then 'order'
        when b.price = 0 then 'free'
        when c.start_time <= now() and b.status in ('booked', 'attended', 'no_show') then 'untracked' end";

/// Asserts that the orders of an application agree with its payments.
async fn assert_agree(app: &TestApp) {
    assert_orders_agree(&connect(&app.database).await).await;
}

/// Returns the state and the total of all orders, oldest first.
async fn orders(app: &TestApp) -> Vec<(String, String)> {
    let rows = app
        .sql("select state, total::text from orders order by created_at")
        .await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn order(state: &str, total: &str) -> (String, String) {
    (state.to_owned(), total.to_owned())
}

#[tokio::test]
async fn a_booking_gets_an_order_with_its_first_payment() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    assert!(orders(&app).await.is_empty());
    start_payment(&ana, &booking, "desk").await.expect(201);
    assert_eq!(orders(&app).await, [order("open", "25.00")]);
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    assert_eq!(orders(&app).await, [order("paid", "25.00")]);
    let line = "select count(*) from order_lines l join bookings b on b.order_line_id = l.id
        where l.kind = 'class' and l.description = 'Salsa on a Friday' and b.paid_by = 'order'";
    assert_eq!(app.count(line).await, 1);
    cancel(&ana, &booking).await.expect(200);
    // The refund shows in its own row.
    assert_eq!(orders(&app).await, [order("paid", "25.00")]);
    let refund = "select count(*) from refunds r join bookings b using (order_line_id)";
    assert_eq!(app.count(refund).await, 1);
    let free = NewClass {
        price: "0",
        ..NewClass::default()
    };
    book(&ana, app.create_class_with(free).await)
        .await
        .expect(201);
    let free_bookings = "select count(*) from bookings where paid_by = 'free'";
    assert_eq!(app.count(free_bookings).await, 1);
    assert_agree(&app).await;
}

#[tokio::test]
async fn cancelling_an_unpaid_booking_cancels_its_order() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    for _ in 0..2 {
        let booking = book(&ana, class).await.expect(201);
        start_payment(&ana, &booking, "desk").await.expect(201);
        cancel(&ana, &booking).await.expect(200);
    }
    let cancelled = order("cancelled", "0.00");
    assert_eq!(orders(&app).await, [cancelled.clone(), cancelled]);
    assert_agree(&app).await;
}

#[tokio::test]
async fn money_that_comes_too_late_pays_no_order() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (booking, session) = start_checkout(&app, &stripe, &ana).await;
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    let session = stripe.complete_checkout(&session);
    let event = checkout_completed(&session);
    app.deliver_event(&event).await.expect(200);
    assert_eq!(orders(&app).await, [order("paid", "25.00")]);
    let for_nothing = "select count(*) from refunds r join payments p on p.id = r.payment_id
        where r.order_line_id is null and p.tender = 'card' and p.state = 'paid'";
    assert_eq!(app.count(for_nothing).await, 1);
    perform_action(&staff, &booking, "refund").await.expect(200);
    perform_action(&staff, &booking, "refund").await;
    assert_agree(&app).await;
}

#[tokio::test]
async fn booking_again_keeps_the_order_that_was_paid() {
    let (app, stripe) = start_with_stripe().await;
    let ana = app.member("ana").await;
    let (booking, _) = book_and_pay(&app, &stripe, &ana).await;
    cancel(&ana, &booking).await.expect(200);
    let class = booking["scheduledClassId"].as_str().unwrap();
    let reopened = book(&ana, class.parse().unwrap()).await.expect(201);
    assert_eq!(reopened["id"], booking["id"]);
    assert_eq!(orders(&app).await, [order("paid", "25.00")]);
    assert_eq!(payment_of(&ana, &booking).await["status"], "paid");
    assert_agree(&app).await;
}

#[tokio::test]
async fn a_payment_that_another_booking_takes_over_brings_its_order() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let target = NewClass {
        price: "40.00",
        ..NewClass::default()
    };
    let target = app.create_class_with(target).await;
    let kept = book(&ana, target).await.expect(201);
    perform_action(&staff, &kept, "markPaid").await.expect(200);
    set_clock_before_start(&app, &kept, TimeDelta::hours(6));
    cancel(&ana, &kept).await.expect(200);
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    start_payment(&ana, &booking, "desk").await.expect(201);
    let paid_and_open = [order("paid", "40.00"), order("open", "25.00")];
    assert_eq!(orders(&app).await, paid_and_open);
    let change = json!({
        "bookingId": booking["id"], "action": "move", "scheduledClassId": target,
    });
    let moved = staff.patch("/api/admin/bookings", change).await.expect(200);
    assert_eq!(moved["paymentStatus"], "paid");
    let paid_and_cancelled = [order("paid", "40.00"), order("cancelled", "0.00")];
    assert_eq!(orders(&app).await, paid_and_cancelled);
    let bookings = "select b.id::text, b.paid_by, o.total::text from bookings b
        left join order_lines l on l.id = b.order_line_id left join orders o on o.id = l.order_id
        order by b.created_at";
    let rows = app.sql(bookings).await;
    let shown: Vec<Value> = rows
        .iter()
        .map(|row| {
            let [id, paid_by, total] = [0, 1, 2].map(|column| row.get::<_, Option<String>>(column));
            json!([id, paid_by, total])
        })
        .collect();
    let expected = [
        json!([kept["id"], null, null]),
        json!([booking["id"], "order", "40.00"]),
    ];
    assert_eq!(shown, expected);
}

/// Pays a class of this price and rate of tax at the desk, and refunds it in these parts. Returns
/// the tax of the line and of the refunds.
async fn taxes(app: &TestApp, price: &'static str, rate: u32, parts: &[&str]) -> Vec<String> {
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = NewClass {
        price,
        ..NewClass::default()
    };
    let class = app.create_class_with(class).await;
    app.sql(&format!("update class_types set tax_rate = {rate}"))
        .await;
    let booking = book(&ana, class).await.expect(201);
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    for part in parts {
        app.sql(&format!(
            "insert into refunds (id, payment_id, amount, source, state, done_at)
            select gen_random_uuid(), id, {part}, 'staff', 'done', now() from payments"
        ))
        .await;
    }
    assert_agree(app).await;
    let taxes = "select tax::text from order_lines
        union all (select tax::text from refunds order by created_at)";
    let rows = app.sql(taxes).await;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_tax_of_refunds_adds_up_to_the_tax_of_the_line() {
    let app = TestApp::start().await;
    let parts = ["33.33", "33.33", "33.34"];
    let of_parts = taxes(&app, "100.00", 19, &parts).await;
    assert_eq!(of_parts, ["15.97", "5.32", "5.33", "5.32"]);
    // A refund that fails takes its tax back, and the next attempt gets it.
    app.sql("update refunds set state = 'failed', done_at = null where amount = 33.34")
        .await;
    let again = "insert into refunds (id, payment_id, amount, source)
        select gen_random_uuid(), id, 33.34, 'staff' from payments";
    app.sql(again).await;
    assert_agree(&app).await;
}

#[tokio::test]
async fn tax_is_rounded_by_line_and_to_the_unit_of_the_currency() {
    let yen =
        TestApp::start_with(crate::harness::Settings::default().with("STUDIO_CURRENCY", "JPY"))
            .await;
    let of_yen = taxes(&yen, "2500", 10, &["1000", "1500"]).await;
    assert_eq!(of_yen, ["227", "91", "136"].map(|tax| format!("{tax}.00")));
    let lines = "select sum(included_tax(10.00, 19, 'EUR'))::text from generate_series(1, 3)";
    assert_eq!(yen.sql(lines).await[0].get::<_, &str>(0), "4.80");
    // The database and the program round the same currencies.
    for first in b'A'..=b'Z' {
        let codes = (b'A'..=b'Z').flat_map(|second| {
            (b'A'..=b'Z').map(move |third| String::from_utf8(vec![first, second, third]).unwrap())
        });
        let codes: Vec<String> = codes.collect();
        let rounded = "select code from unnest(string_to_array($1, ' ')) code
            where round_to_unit(0.5, code) = 1";
        let client = connect(&yen.database).await;
        let rows = client.query(rounded, &[&codes.join(" ")]).await.unwrap();
        let rounded: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let expected: Vec<_> = codes
            .iter()
            .filter(|code| is_without_decimals(code))
            .collect();
        assert_eq!(rounded.iter().collect::<Vec<_>>(), expected);
    }
}

/// Inserts a product of each kind, and a booking.
async fn start_with_products() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for _ in 0..3 {
        book(&ana, app.create_class(1).await).await.expect(201);
    }
    let client = connect(&app.database).await;
    let insert = "
        insert into products (id, kind, name, price, credits, days, starts)
        values (md5('pack')::uuid, 'pass', 'Two classes', 40, 2, 30, 'purchase');
        insert into passes (id, user_id, product_id, credits, days)
        select md5('pass')::uuid, id, md5('pack')::uuid, 2, 30 from users;
        insert into wallets (id, kind, user_id) select md5('account')::uuid, 'account', id from users;
        insert into promo_codes (id, code, percent, applies_to, max_uses)
        values (md5('code')::uuid, 'SALSA', 10, '{class}', 1)";
    client.batch_execute(insert).await.unwrap();
    (app, client)
}

/// Runs a statement that the database must reject; returns the name of the constraint.
async fn rejected_by(client: &Client, statement: &str) -> String {
    let error = client.batch_execute(statement).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    error.constraint().unwrap_or(error.message()).to_owned()
}

#[tokio::test]
async fn the_credits_of_a_pass_are_counted_from_the_bookings() {
    let (_app, client) = start_with_products().await;
    let use_credit = "update bookings set paid_by = 'pass', pass_id = md5('pass')::uuid,
        uses_credit = true
        where id = (select id from bookings where pass_id is null order by id limit 1)";
    let used = async || {
        let row = client
            .query_one("select credits_used from passes", &[])
            .await;
        row.unwrap().get::<_, i32>(0)
    };
    client.batch_execute(use_credit).await.unwrap();
    client.batch_execute(use_credit).await.unwrap();
    assert_eq!(used().await, 2);
    assert_eq!(rejected_by(&client, use_credit).await, "passes_credits");
    let give_back = "update bookings set uses_credit = false
        where id = (select id from bookings where uses_credit order by id limit 1)";
    client.batch_execute(give_back).await.unwrap();
    assert_eq!(used().await, 1);
    client
        .batch_execute("update passes set status = 'revoked'")
        .await
        .unwrap();
    client
        .batch_execute("update passes set status = 'live'")
        .await
        .unwrap();
    let await_payment = "update passes set status = 'awaiting'";
    assert_eq!(rejected_by(&client, await_payment).await, "passes_forward");
    let without_pass = "update bookings set paid_by = 'pass' where paid_by is null";
    assert_eq!(rejected_by(&client, without_pass).await, "bookings_paid_by");
}

#[tokio::test]
async fn the_balance_of_a_wallet_is_the_sum_of_entries_that_never_change() {
    let (_app, client) = start_with_products().await;
    let enter = |change: &str| {
        format!(
            "insert into wallet_entries (id, wallet_id, change, reason)
            values (gen_random_uuid(), md5('account')::uuid, {change}, 'correct')"
        )
    };
    client.batch_execute(&enter("50")).await.unwrap();
    client.batch_execute(&enter("-40")).await.unwrap();
    assert_eq!(
        rejected_by(&client, &enter("-10.01")).await,
        "wallets_balance"
    );
    let balance = client
        .query_one("select balance::text from wallets", &[])
        .await;
    assert_eq!(balance.unwrap().get::<_, &str>(0), "10.00");
    for change in [
        "update wallet_entries set change = 1",
        "delete from wallet_entries",
    ] {
        let constraint = rejected_by(&client, change).await;
        assert_eq!(constraint, "wallet_entries_append_only");
    }
}

#[tokio::test]
async fn a_promotion_code_is_used_once_and_a_cancelled_order_gives_its_use_back() {
    let (_app, client) = start_with_products().await;
    let order = "insert into orders (id, user_id, currency, promo_code_id)
        select gen_random_uuid(), id, 'USD', md5('code')::uuid from users";
    client.batch_execute(order).await.unwrap();
    assert_eq!(rejected_by(&client, order).await, "promo_codes_uses");
    let cancel = "update orders set state = 'cancelled', cancelled_at = now() where state = 'open'";
    client.batch_execute(cancel).await.unwrap();
    client.batch_execute(order).await.unwrap();
    let reopen = "update orders set state = 'open', cancelled_at = null where state = 'cancelled'";
    assert_eq!(rejected_by(&client, reopen).await, "orders_forward");
    let uses = client.query_one("select uses from promo_codes", &[]).await;
    assert_eq!(uses.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn bookings_and_payments_are_not_deleted_with_what_they_belong_to() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    let client = connect(&app.database).await;
    let constraint = rejected_by(&client, "delete from users").await;
    assert_eq!(constraint, "bookings_user_id_fkey");
    start_payment(&ana, &booking, "desk").await.expect(201);
    let constraint = rejected_by(&client, "delete from bookings").await;
    assert_eq!(constraint, "payments_booking_id_fkey");
}
