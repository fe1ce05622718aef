//! Memberships: `api/shop/membership.rs`, and the subscriptions at Stripe.

mod disagreements;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{assert_passes_consistent, create_product, pass, sell};
use crate::bookings::book;
use crate::harness::{
    MailServer, Renewal, Settings, StripeFault, StripeStandIn, TestApp, TestClient, TestResponse,
    stripe_event, wait_until,
};
use crate::payments::{deliver_dispute, member_event_count, sync_memberships};

/// The start of the studio's month in these tests: noon at the studio, on 1 March.
const START: &str = "2027-03-01T19:00:00Z";

struct Studio {
    app: TestApp,
    stripe: StripeStandIn,
    staff: TestClient,
    ana: TestClient,
}

impl Studio {
    async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    async fn start_with(mut settings: Settings) -> Self {
        let stripe = StripeStandIn::start().await;
        settings.variables.extend(stripe.settings().variables);
        let app = TestApp::start_with(settings).await;
        app.set_clock(START.parse().unwrap());
        stripe.follow(app.app.clock());
        let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
        Self {
            app,
            stripe,
            staff,
            ana,
        }
    }

    /// Creates a membership of 80.00 a month with these fields beside.
    async fn create(&self, fields: Value) -> Value {
        let mut product = json!({
            "kind": "membership", "name": "Unlimited", "price": "80.00", "every": "month",
        });
        for (name, value) in fields.as_object().unwrap() {
            product[name] = value.clone();
        }
        let created = self.staff.post("/api/admin/products", product).await;
        created.expect(201)
    }

    /// Starts the checkout of a new membership; returns the session at Stripe.
    async fn check_out(&self, fields: Value) -> Value {
        let product = self.create(fields).await;
        let started = begin(&self.ana, &product).await.expect(201);
        self.stripe.session_by_url(&started["checkoutUrl"])
    }

    /// Lets the member start and pay a new membership; returns the subscription.
    async fn subscribe(&self, fields: Value) -> Value {
        let session = self.check_out(fields).await;
        let subscription = self.stripe.start_subscription(&session);
        self.deliver("customer.subscription.created", &subscription)
            .await;
        subscription
    }

    /// Delivers an event about an object as it is in `object`.
    async fn deliver(&self, kind: &str, object: &Value) {
        let id = format!("evt_{}", Uuid::now_v7());
        let event = stripe_event(&id, kind, object);
        self.app.deliver_event(&event).await.expect(200);
    }

    /// Changes a subscription at Stripe, and delivers the event about it.
    async fn change_at_stripe(&self, subscription: &Value, change: impl FnOnce(&mut Value)) {
        let changed = self.stripe.update_subscription(subscription, change);
        self.deliver("customer.subscription.updated", &changed)
            .await;
    }

    async fn membership(&self) -> Value {
        let found = self.ana.get("/api/shop/membership").await.expect(200);
        found["membership"].clone()
    }

    /// Returns the passes of the member, the first one first, as text.
    async fn passes(&self) -> Vec<String> {
        let rows = self
            .app
            .sql(
                "select first_day || ' ' || last_day || ' ' || status
                    || case when order_line_id is null then ' unpaid' else '' end
                from passes order by first_day",
            )
            .await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Books a class at this time.
    async fn book_at(&self, time: &str) -> Value {
        let class = self.class_at(time).await;
        book(&self.ana, class).await.expect(201)
    }

    async fn class_at(&self, time: &str) -> Uuid {
        let class = self.app.create_class(5).await;
        let start: DateTime<Utc> = time.parse().unwrap();
        let end = start + TimeDelta::minutes(15);
        self.app
            .sql(&format!(
                "update scheduled_classes set start_time = '{start}', end_time = '{end}'
                where id = '{class}'"
            ))
            .await;
        class
    }

    /// Returns the price of a booking.
    async fn price(&self, booking: &Value) -> String {
        let id = booking["id"].as_str().unwrap();
        let query = format!("select price::text from bookings where id = '{id}'");
        self.app.sql(&query).await[0].get(0)
    }

    fn set_clock(&self, time: &str) {
        self.app.set_clock(time.parse().unwrap());
    }

    async fn count(&self, table: &str) -> i64 {
        self.app
            .count(&format!("select count(*) from {table}"))
            .await
    }

    async fn mails(&self, kind: &str) -> i64 {
        self.count(&format!("mail_outbox where kind = '{kind}'"))
            .await
    }

    /// Returns how many times staff were told that money needs a review.
    async fn mismatches(&self) -> i64 {
        self.count("security_events where kind = 'payment_mismatch'")
            .await
    }

    /// Compares the memberships that are due with Stripe, as the clean-up does.
    async fn sync(&self) -> u64 {
        self.app
            .sql("update memberships set next_attempt_at = now() - interval '1 second'")
            .await;
        sync_memberships(&self.app).await
    }
}

async fn begin(person: &TestClient, product: &Value) -> TestResponse {
    let payload = json!({ "productId": product["id"] });
    person.post("/api/shop/membership", payload).await
}

async fn change(person: &TestClient, action: &str) -> TestResponse {
    let payload = json!({ "action": action });
    person.patch("/api/shop/membership", payload).await
}

#[tokio::test]
async fn a_member_starts_a_membership_and_books_beyond_the_period() {
    let studio = Studio::start().await;
    let session = studio.check_out(json!({ "credits": 8 })).await;
    let form = &studio.stripe.requests("POST", "/v1/checkout/sessions")[0].form;
    assert_eq!(form["line_items[0][price_data][unit_amount]"], "8000");
    assert_eq!(
        form["line_items[0][price_data][recurring][interval]"],
        "month"
    );
    assert_eq!(form["customer_email"], "ana@example.com");
    assert_eq!(studio.membership().await["status"], "starting");
    assert_eq!(studio.passes().await, Vec::<String>::new());

    studio.stripe.start_subscription(&session);
    studio
        .deliver("checkout.session.completed", &studio.stripe.sessions()[0])
        .await;
    let membership = studio.membership().await;
    assert_eq!(membership["status"], "active");
    assert_eq!(membership["renewsOn"], "2027-04-01");
    assert_eq!(membership["checkoutUrl"], Value::Null);
    assert_eq!(
        studio.passes().await,
        [
            "2027-03-01 2027-03-31 live",
            "2027-04-01 2027-04-30 live unpaid"
        ]
    );
    // The order is like any other, with the money in the reports.
    let order = &studio.staff.get_all("/api/admin/orders").await[0];
    assert_eq!(order["total"], "80.00");
    assert_eq!(order["state"], "paid");
    assert_eq!(order["tender"], "card");
    assert_eq!(order["lines"][0]["description"], "Unlimited");
    assert_eq!(member_event_count(&studio.app, "order_paid").await, 1);
    assert_eq!(studio.mails("order_paid").await, 1);
    // Each class counts in its own period.
    let march = studio.book_at("2027-03-31T23:00:00Z").await;
    let april = studio.book_at("2027-04-01T19:00:00Z").await;
    let may = studio.book_at("2027-05-02T19:00:00Z").await;
    assert_ne!(march["pass"]["id"], april["pass"]["id"]);
    assert_eq!(may["pass"], Value::Null);
    let unpaid = pass(&studio.ana, &april["pass"]["id"]).await;
    assert_eq!(unpaid["name"], "Unlimited");
    assert_eq!(unpaid["orderId"], Value::Null);
    assert_eq!(unpaid["membershipId"], membership["id"]);
    assert_eq!(unpaid["creditsLeft"], 7);
    let listed = studio.ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(listed["items"][1]["pass"]["name"], "Unlimited");

    // The next period is paid. Its pass is the one that was there.
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio
        .stripe
        .renew(&studio.stripe.subscriptions()[0], Renewal::Paid);
    studio.deliver("invoice.paid", &invoice).await;
    assert_eq!(
        studio.passes().await,
        [
            "2027-03-01 2027-03-31 live",
            "2027-04-01 2027-04-30 live",
            "2027-05-01 2027-05-31 live unpaid"
        ]
    );
    let paid = pass(&studio.ana, &april["pass"]["id"]).await;
    assert_eq!(paid["creditsLeft"], 7);
    assert_ne!(paid["orderId"], Value::Null);
    assert_eq!(studio.count("orders").await, 2);
    let receipts = studio.ana.get_all("/api/shop/receipts").await;
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts[0]["total"], "80.00");
    assert_eq!(receipts[0]["lines"][0]["description"], "Unlimited");
    assert_eq!(receipts[0]["payments"][0]["tender"], "card");
    assert_eq!(studio.membership().await["renewsOn"], "2027-05-01");
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn events_in_any_order_and_repeated_give_one_membership_pass_and_order() {
    let studio = Studio::start().await;
    let session = studio.check_out(json!({})).await;
    let subscription = studio.stripe.start_subscription(&session);
    let invoice = studio.stripe.invoices()[0].clone();
    let mut stale = subscription.clone();
    stale["status"] = json!("incomplete");
    for kind in ["updated", "created", "updated", "created"] {
        let kind = format!("customer.subscription.{kind}");
        studio.deliver(&kind, &subscription).await;
    }
    studio.deliver("invoice.paid", &invoice).await;
    studio.deliver("invoice.paid", &invoice).await;
    studio
        .deliver("checkout.session.completed", &studio.stripe.sessions()[0])
        .await;
    studio
        .deliver("customer.subscription.updated", &stale)
        .await;
    assert_eq!(studio.membership().await["status"], "active");
    assert_eq!(studio.count("memberships").await, 1);
    assert_eq!(studio.count("orders").await, 1);
    assert_eq!(studio.count("payments").await, 1);
    assert_eq!(
        studio.count("passes where order_line_id is not null").await,
        1
    );
    assert_eq!(studio.mails("order_paid").await, 1);
    // The receipt is in the e-mail about the order.
    assert_eq!(studio.mails("receipt_issued").await, 0);
    // All at once, the events of the next period give one more.
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio.stripe.renew(&subscription, Renewal::Paid);
    let kinds = ["customer.subscription.updated", "invoice.paid"];
    join_all(kinds.iter().cycle().take(8).map(|kind| {
        let is_invoice = *kind == "invoice.paid";
        studio.deliver(kind, if is_invoice { &invoice } else { &subscription })
    }))
    .await;
    assert_eq!(studio.count("orders").await, 2);
    assert_eq!(studio.count("payments").await, 2);
    assert_eq!(studio.count("passes").await, 3);
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn an_older_answer_of_stripe_does_not_replace_a_newer_one() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    // A synchronization has asked Stripe, and its answer waits behind a later one.
    studio
        .app
        .sql("update memberships set sync_wanted = sync_wanted + 5, sync_done = sync_wanted + 5")
        .await;
    studio
        .app
        .sql("update memberships set sync_wanted = sync_wanted - 5")
        .await;
    studio
        .stripe
        .update_subscription(&subscription, |subscription| {
            subscription["status"] = json!("canceled");
        });
    studio
        .deliver("customer.subscription.deleted", &subscription)
        .await;
    assert_eq!(studio.membership().await["status"], "active");
    studio
        .app
        .sql("update memberships set sync_wanted = sync_wanted + 5")
        .await;
    studio
        .deliver("customer.subscription.deleted", &subscription)
        .await;
    assert_eq!(studio.membership().await, Value::Null);
}

#[tokio::test]
async fn two_windows_start_one_membership() {
    let studio = Studio::start().await;
    let product = studio.create(json!({})).await;
    let started = join_all((0..8).map(|_| begin(&studio.ana, &product))).await;
    let urls: Vec<Value> = started
        .iter()
        .map(|membership| membership.expect(201)["checkoutUrl"].clone())
        .collect();
    assert!(urls.iter().all(|url| *url == urls[0]), "{urls:?}");
    assert_eq!(studio.stripe.sessions().len(), 1);
    assert_eq!(studio.count("memberships").await, 1);
    let session = studio.stripe.sessions().remove(0);
    studio.stripe.start_subscription(&session);
    // The event is on its way when the member tries again, and then it has arrived.
    begin(&studio.ana, &product)
        .await
        .expect_code(409, "membership_exists");
    assert_eq!(studio.membership().await["status"], "active");
    studio
        .deliver("checkout.session.completed", &studio.stripe.sessions()[0])
        .await;
    begin(&studio.ana, &product)
        .await
        .expect_code(409, "membership_exists");
    assert_eq!(studio.stripe.subscriptions().len(), 1);
}

#[tokio::test]
async fn another_membership_or_a_changed_price_replaces_a_checkout_that_is_not_paid() {
    let studio = Studio::start().await;
    let product = studio.create(json!({})).await;
    let first = begin(&studio.ana, &product).await.expect(201);
    let new_price = json!({ "id": product["id"], "price": "90" });
    studio
        .staff
        .patch("/api/admin/products", new_price)
        .await
        .expect(200);
    let second = begin(&studio.ana, &product).await.expect(201);
    assert_eq!(second["price"], "90.00");
    assert_ne!(second["id"], first["id"]);
    assert_eq!(studio.stripe.sessions()[0]["status"], "expired");
    // The second one is paid, and its event is lost. Another one cannot be started.
    let other = studio
        .create(json!({ "name": "Weekly", "every": "week" }))
        .await;
    let session = studio.stripe.session_by_url(&second["checkoutUrl"]);
    studio.stripe.start_subscription(&session);
    begin(&studio.ana, &other)
        .await
        .expect_code(409, "membership_exists");
    assert_eq!(studio.membership().await["status"], "active");
    assert_eq!(studio.stripe.subscriptions()[0]["status"], "active");
    assert_eq!(studio.stripe.sessions().len(), 2);
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn a_membership_that_is_not_paid_is_given_up() {
    let studio = Studio::start().await;
    let session = studio.check_out(json!({})).await;
    assert_eq!(studio.sync().await, 0);
    studio.app.app.clock().advance(TimeDelta::minutes(32));
    assert_eq!(studio.membership().await["checkoutUrl"], Value::Null);
    assert_eq!(studio.sync().await, 1);
    assert_eq!(studio.membership().await, Value::Null);
    assert_eq!(studio.stripe.sessions()[0]["status"], "expired");
    studio.deliver("checkout.session.expired", &session).await;
    assert_eq!(studio.sync().await, 0);
    assert_eq!(
        studio.staff.get_all("/api/admin/memberships").await,
        Vec::<Value>::new()
    );
    // A first payment whose event is lost is found.
    let session = studio.check_out(json!({})).await;
    studio.stripe.start_subscription(&session);
    studio.app.app.clock().advance(TimeDelta::minutes(32));
    assert_eq!(studio.sync().await, 1);
    assert_eq!(studio.membership().await["status"], "active");
    assert_eq!(studio.mails("membership_ended").await, 0);
}

#[tokio::test]
async fn a_failed_renewal_keeps_bookings_for_three_days() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    let early = studio.book_at("2027-04-02T19:00:00Z").await;
    let late = studio.book_at("2027-04-10T19:00:00Z").await;
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio.stripe.renew(&subscription, Renewal::Failed);
    studio.deliver("invoice.payment_failed", &invoice).await;
    studio
        .deliver("customer.subscription.updated", &subscription)
        .await;
    let membership = studio.membership().await;
    assert_eq!(membership["status"], "past_due");
    assert_eq!(membership["graceEndsOn"], "2027-04-03");
    assert_eq!(studio.mails("membership_payment_failed").await, 1);
    let invoice = studio.stripe.retry_invoice(&invoice, Renewal::Failed);
    studio.deliver("invoice.payment_failed", &invoice).await;
    assert_eq!(studio.mails("membership_payment_failed").await, 2);
    // Two days later nothing has changed.
    studio.set_clock("2027-04-03T20:00:00Z");
    assert_eq!(studio.sync().await, 0);
    assert_eq!(studio.price(&late).await, "0.00");
    studio.app.sql("update bookings set status = 'attended', checked_in_at = now() where id in (select b.id from bookings b join scheduled_classes c on c.id = b.scheduled_class_id where c.start_time < '2027-04-03')").await;
    studio.set_clock("2027-04-04T20:00:00Z");
    assert_eq!(studio.sync().await, 1);
    assert_eq!(studio.price(&late).await, "25.00");
    assert_eq!(studio.price(&early).await, "0.00");
    assert_eq!(
        studio.passes().await,
        [
            "2027-03-01 2027-03-31 live",
            "2027-04-01 2027-04-30 revoked unpaid"
        ]
    );
    assert_eq!(studio.membership().await["graceEndsOn"], Value::Null);
    // Nothing more is covered until the money arrives. Then the same pass pays again.
    let refused = studio.book_at("2027-04-11T19:00:00Z").await;
    assert_eq!(refused["pass"], Value::Null);
    let invoice = studio.stripe.retry_invoice(&invoice, Renewal::Paid);
    studio.deliver("invoice.paid", &invoice).await;
    assert_eq!(studio.membership().await["status"], "active");
    assert_eq!(
        studio.passes().await[1..],
        [
            "2027-04-01 2027-04-30 live",
            "2027-05-01 2027-05-31 live unpaid"
        ]
    );
    let covered = studio.book_at("2027-04-12T19:00:00Z").await;
    assert_eq!(covered["price"], "0.00");
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn a_membership_covers_only_its_class_types() {
    let studio = Studio::start().await;
    let (salsa, bachata) = (
        studio.class_at("2027-03-10T19:00:00Z").await,
        studio.class_at("2027-03-11T19:00:00Z").await,
    );
    let query = format!("select class_type_id::text from scheduled_classes where id = '{salsa}'");
    let class_type: String = studio.app.sql(&query).await[0].get(0);
    studio
        .subscribe(json!({ "classTypeIds": [class_type] }))
        .await;
    assert_eq!(book(&studio.ana, salsa).await.expect(201)["price"], "0.00");
    assert_eq!(
        book(&studio.ana, bachata).await.expect(201)["price"],
        "25.00"
    );
}

#[tokio::test]
async fn a_member_ends_the_membership_with_the_period_or_goes_on() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    let april = studio.book_at("2027-04-05T19:00:00Z").await;
    let ending = change(&studio.ana, "end").await.expect(200);
    assert_eq!(ending["lastDay"], "2027-03-31");
    assert_eq!(ending["renewsOn"], Value::Null);
    assert_eq!(ending["status"], "active");
    assert_eq!(studio.price(&april).await, "25.00");
    let renewed = change(&studio.ana, "keep").await.expect(200);
    assert_eq!(renewed["renewsOn"], "2027-04-01");
    assert_eq!(renewed["lastDay"], Value::Null);
    // The pass of the next period is back.
    assert_eq!(
        studio.passes().await[1],
        "2027-04-01 2027-04-30 live unpaid"
    );
    change(&studio.ana, "end").await.expect(200);
    let march = studio.book_at("2027-03-31T19:00:00Z").await;
    assert_eq!(march["price"], "0.00");
    studio.set_clock("2027-04-01T20:00:00Z");
    let ended = studio
        .stripe
        .update_subscription(&subscription, |subscription| {
            subscription["status"] = json!("canceled");
        });
    studio
        .deliver("customer.subscription.deleted", &ended)
        .await;
    studio
        .deliver("customer.subscription.deleted", &ended)
        .await;
    assert_eq!(studio.membership().await, Value::Null);
    assert_eq!(studio.mails("membership_ended").await, 1);
    change(&studio.ana, "keep")
        .await
        .expect_code(404, "not_found");
    let listed = &studio.staff.get_all("/api/admin/memberships").await[0];
    assert_eq!(listed["status"], "ended");
    assert_eq!(listed["lastDay"], "2027-03-31");
    // The next membership uses the same customer.
    let session = studio.check_out(json!({ "every": "week" })).await;
    assert_eq!(session["customer"], subscription["customer"]);
    studio.stripe.start_subscription(&session);
    let session = studio.stripe.sessions().pop().unwrap();
    studio.deliver("checkout.session.completed", &session).await;
    assert_eq!(studio.membership().await["renewsOn"], "2027-04-08");
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn an_end_that_was_set_in_the_portal_is_shown_and_undone() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    let end = subscription["items"]["data"][0]["current_period_end"].clone();
    studio
        .change_at_stripe(&subscription, |subscription| {
            subscription["cancel_at"] = end;
        })
        .await;
    assert_eq!(studio.membership().await["lastDay"], "2027-03-31");
    assert_eq!(studio.count("passes where status = 'live'").await, 1);
    let renewed = change(&studio.ana, "keep").await.expect(200);
    assert_eq!(renewed["renewsOn"], "2027-04-01");
    assert_eq!(studio.count("passes where status = 'live'").await, 2);
}

#[tokio::test]
async fn nothing_changes_while_stripe_does_not_answer() {
    let studio = Studio::start().await;
    let product = studio.create(json!({})).await;
    studio.stripe.fail_next(&[StripeFault::ResponseLost; 3]);
    begin(&studio.ana, &product)
        .await
        .expect_code(503, "unavailable");
    begin(&studio.ana, &product).await.expect(201);
    assert_eq!(studio.stripe.sessions().len(), 1);
    change(&studio.ana, "end")
        .await
        .expect_code(409, "membership_not_running");
    let session = studio.stripe.sessions().remove(0);
    let subscription = studio.stripe.start_subscription(&session);
    // Stripe repeats an event that could not be handled.
    studio.stripe.fail_next(&[StripeFault::Status(500); 3]);
    let event = stripe_event(
        "evt_repeated",
        "customer.subscription.created",
        &subscription,
    );
    studio
        .app
        .deliver_event(&event)
        .await
        .expect_code(503, "unavailable");
    assert_eq!(studio.membership().await["status"], "starting");
    studio.app.deliver_event(&event).await.expect(200);
    assert_eq!(studio.membership().await["status"], "active");
    studio.stripe.fail_next(&[StripeFault::Status(500); 3]);
    change(&studio.ana, "end")
        .await
        .expect_code(503, "unavailable");
    assert_eq!(studio.membership().await["lastDay"], Value::Null);
    // Stripe has ended it, but the answer to the question that follows is lost.
    studio.stripe.fail_next(&[StripeFault::ResponseLost; 3]);
    change(&studio.ana, "end")
        .await
        .expect_code(503, "unavailable");
    assert_eq!(
        change(&studio.ana, "end").await.expect(200)["lastDay"],
        "2027-03-31"
    );
}

#[tokio::test]
async fn a_renewal_whose_events_are_lost_is_found_by_the_clean_up() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    assert_eq!(studio.sync().await, 0);
    studio.set_clock("2027-05-02T20:00:00Z");
    for _ in 0..2 {
        studio.stripe.renew(&subscription, Renewal::Paid);
    }
    studio.stripe.fail_next(&[StripeFault::Status(500); 3]);
    assert_eq!(studio.sync().await, 0);
    assert_eq!(studio.count("orders").await, 1);
    assert_eq!(studio.sync().await, 1);
    assert_eq!(studio.count("orders").await, 3);
    assert_eq!(
        studio.passes().await,
        [
            "2027-03-01 2027-03-31 live",
            "2027-04-01 2027-04-30 live",
            "2027-05-01 2027-05-31 live",
            "2027-06-01 2027-06-30 live unpaid"
        ]
    );
    assert_eq!(studio.sync().await, 0);
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn a_paused_membership_gives_no_further_pass() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    studio
        .change_at_stripe(&subscription, |subscription| {
            subscription["pause_collection"] = json!({ "behavior": "void", "resumes_at": null });
        })
        .await;
    assert_eq!(studio.membership().await["status"], "paused");
    assert_eq!(
        studio.passes().await,
        [
            "2027-03-01 2027-03-31 live",
            "2027-04-01 2027-04-30 revoked unpaid"
        ]
    );
    studio
        .change_at_stripe(&subscription, |subscription| {
            subscription["pause_collection"] = Value::Null;
        })
        .await;
    assert_eq!(
        studio.passes().await[1],
        "2027-04-01 2027-04-30 live unpaid"
    );
}

#[tokio::test]
async fn closing_the_account_ends_the_membership_even_if_stripe_does_not_answer() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    studio.stripe.fail_next(&[StripeFault::Status(500); 3]);
    studio.ana.close_account().await;
    assert_eq!(studio.count("passes where status = 'live'").await, 0);
    wait_until(async || {
        studio.stripe.requests("GET", "/v1/invoices").len() > 1
            || studio
                .stripe
                .requests(
                    "GET",
                    &format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap()),
                )
                .len()
                > 2
    })
    .await;
    studio.sync().await;
    wait_until(async || studio.stripe.subscription(&subscription)["status"] == "canceled").await;
    wait_until(async || {
        studio
            .count("memberships where status = 'ended' and not must_end")
            .await
            == 1
    })
    .await;
    assert_eq!(studio.count("passes where status = 'live'").await, 0);
    assert_eq!(studio.mails("membership_ended").await, 0);
    assert_eq!(
        studio
            .count("users where provider_customer is not null")
            .await,
        0
    );
    assert_eq!(studio.sync().await, 0);
}

#[tokio::test]
async fn a_payment_after_the_account_is_closed_is_refunded() {
    let studio = Studio::start().await;
    let session = studio.check_out(json!({})).await;
    studio.stripe.start_subscription(&session);
    studio.stripe.hold();
    studio.ana.close_account().await;
    studio.stripe.release();
    wait_until(async || studio.stripe.refunds().len() == 1).await;
    assert_eq!(studio.stripe.refunds()[0]["amount"], 8000);
    assert_eq!(studio.stripe.subscriptions()[0]["status"], "canceled");
    assert_eq!(studio.count("passes where status = 'live'").await, 0);
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn a_checkout_is_closed_with_the_account() {
    let studio = Studio::start().await;
    studio.check_out(json!({})).await;
    studio.ana.close_account().await;
    wait_until(async || studio.stripe.sessions()[0]["status"] == "expired").await;
    wait_until(async || studio.count("memberships where status = 'ended'").await == 1).await;
}

#[tokio::test]
async fn a_period_is_refunded_and_disputed_like_any_order() {
    let studio = Studio::start().await;
    let session = studio.check_out(json!({})).await;
    studio.stripe.start_subscription(&session);
    let invoice = studio.stripe.invoices().remove(0);
    // The first event is about a refund in Stripe's dashboard.
    let money = studio.stripe.money_of(&invoice);
    let refund = studio.stripe.refund_in_dashboard(&money, 500);
    studio.deliver("refund.created", &refund).await;
    let order = studio.staff.get_all("/api/admin/orders").await.remove(0);
    assert_eq!(order["refunded"], "5.00");
    let form = json!({ "orderId": order["id"], "amount": "20" });
    studio
        .staff
        .patch("/api/admin/orders", form)
        .await
        .expect(200);
    wait_until(async || studio.stripe.refunds().len() == 2).await;
    assert_eq!(studio.stripe.refunds()[1]["amount"], 2000);
    let booking = studio.book_at("2027-03-20T19:00:00Z").await;
    assert_eq!(booking["price"], "0.00");
    let dispute = studio.stripe.open_dispute(&money, "needs_response");
    deliver_dispute(&studio.app, "created", &dispute).await;
    assert_eq!(studio.passes().await[0], "2027-03-01 2027-03-31 revoked");
    assert_eq!(studio.price(&booking).await, "25.00");
    deliver_dispute(
        &studio.app,
        "closed",
        &studio.stripe.decide_dispute(&dispute, "won"),
    )
    .await;
    assert_eq!(studio.passes().await[0], "2027-03-01 2027-03-31 live");
    assert_passes_consistent(&studio.app).await;
}

#[tokio::test]
async fn staff_see_memberships_and_end_them() {
    let studio = Studio::start().await;
    studio.subscribe(json!({})).await;
    let listed = studio.staff.get_all("/api/admin/memberships").await;
    assert_eq!(listed[0]["memberName"], "ana Reyes");
    let of = |id: &Value| format!("/api/admin/memberships?memberId={}", id.as_str().unwrap());
    let own = studio.staff.get_all(&of(&studio.ana.user_id().await)).await;
    assert_eq!(own, listed);
    let none = studio
        .staff
        .get_all(&of(&studio.staff.user_id().await))
        .await;
    assert_eq!(none, Vec::<Value>::new());
    let form = json!({ "membershipId": listed[0]["id"], "action": "end" });
    let ended = studio.staff.patch("/api/admin/memberships", form).await;
    assert_eq!(ended.expect(200)["lastDay"], "2027-03-31");
    assert_eq!(
        studio
            .count("security_events where kind = 'membership_changed'")
            .await,
        1
    );
    let unknown = json!({ "membershipId": Uuid::now_v7(), "action": "end" });
    studio
        .staff
        .patch("/api/admin/memberships", unknown)
        .await
        .expect_code(404, "not_found");
    // Staff need a colleague for their own membership.
    let product = studio.create(json!({})).await;
    let own = begin(&studio.staff, &product).await.expect(201);
    let form = json!({ "membershipId": own["id"], "action": "end" });
    let refused = studio.staff.patch("/api/admin/memberships", form).await;
    refused.expect_code(403, "own_purchase");
}

#[tokio::test]
async fn a_member_opens_the_portal_and_sees_only_their_own_membership() {
    let studio = Studio::start().await;
    studio
        .ana
        .post("/api/shop/membership-portal", json!({}))
        .await
        .expect_code(404, "not_found");
    let subscription = studio.subscribe(json!({})).await;
    let portal = studio
        .ana
        .post("/api/shop/membership-portal", json!({}))
        .await;
    let url = portal.expect(200)["url"].clone();
    assert!(
        url.as_str()
            .unwrap()
            .starts_with("https://billing.stripe.com/")
    );
    let request = &studio
        .stripe
        .requests("POST", "/v1/billing_portal/sessions")[0]
        .form;
    assert_eq!(
        request["customer"],
        subscription["customer"].as_str().unwrap()
    );
    assert!(request["return_url"].ends_with("/shop"));
    let ben = studio.app.member("ben").await;
    let found = ben.get("/api/shop/membership").await.expect(200);
    assert_eq!(found["membership"], Value::Null);
    change(&ben, "end").await.expect_code(404, "not_found");
}

#[tokio::test]
async fn events_about_other_subscriptions_change_nothing() {
    let studio = Studio::start().await;
    let subscription = studio.subscribe(json!({})).await;
    let mut foreign = subscription.clone();
    foreign["id"] = json!("sub_foreign");
    studio
        .deliver("customer.subscription.updated", &foreign)
        .await;
    // The metadata names our membership, but it has another subscription.
    let session = studio.stripe.sessions().remove(0);
    studio
        .stripe
        .update_session(&session, |session| session["status"] = json!("open"));
    let second = studio.stripe.start_subscription(&session);
    studio
        .deliver("customer.subscription.updated", &second)
        .await;
    studio
        .deliver("customer.subscription.updated", &second)
        .await;
    assert_eq!(studio.count("orders").await, 1);
    assert_eq!(studio.membership().await["status"], "active");
    assert_eq!(studio.mismatches().await, 1);
    let second = studio.stripe.subscription(&second);
    assert_eq!(second["status"], "active");
}

#[tokio::test]
async fn memberships_are_not_sold_like_passes() {
    let studio = Studio::start().await;
    let product = studio.create(json!({})).await;
    assert_eq!(product["every"], "month");
    assert_eq!(product["days"], 31);
    sell(&studio.staff, &studio.ana, &[&product])
        .await
        .expect_code(409, "product_not_sold");
    let order = json!({ "productId": product["id"] });
    studio
        .ana
        .post("/api/shop/order", order)
        .await
        .expect_code(409, "product_not_sold");
    let ten = create_product(&studio.staff, json!({})).await;
    begin(&studio.ana, &ten)
        .await
        .expect_code(409, "product_not_sold");
    let retirement = json!({ "id": product["id"], "isActive": false });
    studio
        .staff
        .patch("/api/admin/products", retirement)
        .await
        .expect(200);
    begin(&studio.ana, &product)
        .await
        .expect_code(409, "product_not_sold");
    let tiny = studio.create(json!({ "price": "0.10" })).await;
    begin(&studio.ana, &tiny)
        .await
        .expect_code(409, "card_not_possible");
    assert_eq!(studio.membership().await, Value::Null);
    for wrong in [
        json!({ "every": null }),
        json!({ "price": "0" }),
        json!({ "days": 30 }),
        json!({ "starts": "first_class" }),
        json!({ "perMember": 1 }),
        json!({ "kind": "pass" }),
    ] {
        let mut form =
            json!({ "kind": "membership", "name": "Wrong", "price": "80", "every": "month" });
        for (name, value) in wrong.as_object().unwrap() {
            form[name] = value.clone();
        }
        studio
            .staff
            .post("/api/admin/products", form)
            .await
            .expect_code(400, "validation_failed");
    }
    let days = json!({ "id": product["id"], "days": 30 });
    studio
        .staff
        .patch("/api/admin/products", days)
        .await
        .expect_code(400, "validation_failed");
}

#[tokio::test]
async fn members_get_e_mails_about_failed_payments_and_the_end_in_their_language() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let studio = Studio::start_with(server.settings()).await;
    studio
        .ana
        .patch("/api/auth/me", json!({ "locale": "es" }))
        .await
        .expect(200);
    // Members cannot switch off what concerns money.
    let off = json!({
        "reminders": false, "bookings": false, "waitlist": false, "schedule": false,
        "passes": false,
    });
    studio
        .ana
        .patch("/api/auth/mail-preferences", off)
        .await
        .expect(200);
    let subscription = studio.subscribe(json!({})).await;
    server.wait_for_mails(1).await;
    studio.set_clock("2027-04-01T20:00:00Z");
    let invoice = studio.stripe.renew(&subscription, Renewal::Failed);
    studio.deliver("invoice.payment_failed", &invoice).await;
    let mails = server.wait_for_mails(2).await;
    assert_eq!(
        mails[1]["headers"]["subject"],
        "No hemos podido cobrar «Unlimited»"
    );
    let text = mails[1]["text"].as_str().unwrap();
    assert!(text.contains("80.00 USD"), "{text}");
    assert!(text.contains("3 de abril"), "{text}");
    let ended = studio
        .stripe
        .update_subscription(&subscription, |subscription| {
            subscription["status"] = json!("canceled");
        });
    studio
        .deliver("customer.subscription.deleted", &ended)
        .await;
    let mails = server.wait_for_mails(3).await;
    assert_eq!(
        mails[2]["headers"]["subject"],
        "Tu membresía ha terminado: Unlimited"
    );
    assert!(mails[2]["text"].as_str().unwrap().contains("31 de marzo"));
}

#[tokio::test]
async fn the_end_of_a_period_is_not_announced_like_the_end_of_a_pass() {
    let studio = Studio::start().await;
    studio.subscribe(json!({})).await;
    studio.set_clock("2027-03-26T20:00:00Z");
    let report = studio.app.run_clean_up().await.expect(200);
    assert_eq!(report["details"]["passRemindersQueued"], 0, "{report}");
    assert_eq!(studio.mails("pass_ending").await, 0);
    // The pass would be announced if it had been sold by itself.
    studio
        .app
        .sql("update passes set membership_id = null where order_line_id is not null")
        .await;
    let report = studio.app.run_clean_up().await.expect(200);
    assert_eq!(report["details"]["passRemindersQueued"], 1, "{report}");
}

#[tokio::test]
async fn the_migration_can_be_reverted_while_there_are_memberships() {
    let studio = Studio::start().await;
    studio.subscribe(json!({})).await;
    let paid = studio.book_at("2027-03-20T19:00:00Z").await;
    let unpaid = studio.book_at("2027-04-20T19:00:00Z").await;
    super::migration::revert_to(&studio.app, "0029_memberships").await;
    assert_eq!(studio.price(&paid).await, "0.00");
    assert_eq!(studio.price(&unpaid).await, "25.00");
    assert_eq!(studio.count("passes").await, 1);
    assert_eq!(studio.count("orders where state = 'paid'").await, 1);
    let mut client = crate::harness::connect(&studio.app.database).await;
    sabor::store::migrations::up(&mut client).await.unwrap();
    assert_eq!(studio.membership().await, Value::Null);
    assert_passes_consistent(&studio.app).await;
}
