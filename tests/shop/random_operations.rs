//! Random operations on bookings, passes, courses, and payments, and what must hold after any of them.
//!
//! `RANDOM_SEED` and `RANDOM_OPERATIONS` run another sequence, or a longer one.

use std::collections::BTreeSet;
use std::env;

use serde_json::{Value, json};
use uuid::Uuid;

use super::courses::{assert_courses_consistent, create_course, set_classes};
use super::gift_cards::create_gift_card;
use super::{assert_passes_consistent, create_product};
use crate::harness::{StripeStandIn, TestApp, TestClient, TestResponse, wait_until};
use crate::payments::{
    charge_refunded, event_about, make_payments_due, process_refunds, release_unpaid,
    start_with_stripe,
};

/// A sequence of numbers that a seed determines: SplitMix64
/// (<https://doi.org/10.1145/2714064.2660195>).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn choose<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        match all.len() {
            0 => None,
            length => Some(&all[self.below(length)]),
        }
    }
}

/// A studio with a few members, classes, and products, on which operations run.
struct Studio {
    app: TestApp,
    stripe: StripeStandIn,
    staff: TestClient,
    members: Vec<(TestClient, Value)>,
    classes: Vec<Uuid>,
    products: Vec<Value>,
    /// The promo codes.
    codes: Vec<Value>,
    /// The codes of gift cards that were sold at the desk.
    gift_cards: Vec<Value>,
    /// The dispute that is not decided.
    open_dispute: Option<Value>,
    /// The payments at Stripe whose money is withdrawn.
    disputed: BTreeSet<String>,
    random: Random,
    /// How far the clock of the application is ahead.
    minutes_ahead: usize,
    events: usize,
    log: Vec<String>,
}

impl Studio {
    async fn open(seed: u64) -> Self {
        let (app, stripe) = start_with_stripe().await;
        let staff = app.staff("sofia").await;
        let mut members = Vec::new();
        for name in ["ana", "ben", "carla", "dan"] {
            let member = app.member(name).await;
            let id = member.user_id().await;
            members.push((member, id));
        }
        let mut classes = Vec::new();
        for spots in [1, 2, 2, 3, 4] {
            classes.push(app.create_class(spots).await);
        }
        let mut products = Vec::new();
        for fields in [
            json!({ "credits": 2, "price": "40" }),
            json!({ "credits": 5, "starts": "first_class", "days": 30 }),
            json!({ "name": "Unlimited", "price": "129.50" }),
            json!({ "name": "Trial", "price": "10", "credits": 1, "perMember": 1 }),
        ] {
            products.push(create_product(&staff, fields).await);
        }
        for price in ["25", "60"] {
            products.push(create_gift_card(&staff, price).await);
        }
        for (price, drop_in) in [("50", true), ("99.99", false)] {
            let fields = json!({ "price": price, "dropIn": drop_in });
            let course = create_course(&staff, fields).await;
            let course_classes = [app.create_class(2).await, app.create_class(3).await];
            set_classes(&staff, &course, &course_classes)
                .await
                .expect(200);
            products.push(course);
            classes.extend(course_classes);
        }
        let mut codes = Vec::new();
        for code in [
            json!({ "code": "TENTH", "percent": 10, "maxUses": 6 }),
            json!({ "code": "TWENTY", "amount": "20", "perMember": 2 }),
            json!({ "code": "ALL", "percent": 100, "perMember": 1 }),
        ] {
            codes.push(staff.post("/api/admin/promo-codes", code).await.expect(201));
        }
        Self {
            app,
            stripe,
            staff,
            members,
            classes,
            products,
            codes,
            gift_cards: Vec::new(),
            open_dispute: None,
            disputed: BTreeSet::new(),
            random: Random::new(seed),
            minutes_ahead: 0,
            events: 0,
            log: Vec::new(),
        }
    }

    /// Runs a random operation. It may be refused, but it must not fail.
    async fn operate(&mut self) {
        match self.random.below(23) {
            0..=3 => self.book().await,
            4..=5 => self.cancel().await,
            6..=8 => self.buy().await,
            9..=11 => self.end_checkout().await,
            12 => self.sell().await,
            13..=14 => self.change_order().await,
            15 => self.change_pass().await,
            16..=17 => self.change_booking().await,
            18 => self.dispute().await,
            19 => self.change_class().await,
            20 => self.release_course().await,
            21 => self.change_credit().await,
            _ => self.clean_up().await,
        }
    }

    fn note(&mut self, operation: &str, response: &TestResponse) {
        let line = format!("{operation}: {} {}", response.status, response.text);
        assert!(response.status < 500, "{line}\n{}", self.log.join("\n"));
        self.log.push(line);
    }

    async fn ids(&self, query: &str) -> Vec<String> {
        let rows = self.app.sql(query).await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn pick(&mut self, query: &str) -> Option<String> {
        let ids = self.ids(query).await;
        self.random.choose(&ids).cloned()
    }

    async fn book(&mut self) {
        let class = self.classes[self.random.below(self.classes.len())];
        let member = self.members[self.random.below(self.members.len())]
            .1
            .clone();
        let mut booking = json!({ "userId": member, "scheduledClassId": class });
        match self.random.below(6) {
            0..=2 => booking["joinWaitlist"] = json!(true),
            3 => {
                booking["beyondCapacity"] = json!(true);
                booking["reason"] = json!("A sister dances too");
            }
            _ => {}
        }
        if self.random.below(6) == 0 {
            booking["give"] = json!(true);
            booking["reason"] = json!("Helped at the door");
        }
        let response = self.staff.post("/api/admin/bookings", booking).await;
        self.note("book", &response);
    }

    async fn cancel(&mut self) {
        let query = "select id::text from bookings where status in ('booked', 'waitlisted')
            order by booked_at, id";
        let Some(id) = self.pick(query).await else {
            return;
        };
        let lenient = self.random.below(2) == 0;
        let change = json!({ "bookingId": id, "action": "cancel", "lenient": lenient });
        let response = self.staff.patch("/api/admin/bookings", change).await;
        self.note("cancel", &response);
    }

    /// Adds to the credit of a member, or deducts from it.
    async fn change_credit(&mut self) {
        let (_, member) = &self.members[self.random.below(self.members.len())];
        let action = ["add", "add", "deduct"][self.random.below(3)];
        let amount = format!("{}.{:02}", self.random.below(50), 1 + self.random.below(99));
        let change =
            json!({ "userId": member, "action": action, "amount": amount, "reason": "Ill" });
        let response = self.staff.post("/api/admin/credit", change).await;
        self.note("change credit", &response);
    }

    /// Starts the card payment of a booking or of a product.
    async fn buy(&mut self) {
        if self.random.below(3) == 0 {
            return self.pay_booking().await;
        }
        let product = &self.products[self.random.below(self.products.len())]["id"];
        let (member, _) = &self.members[self.random.below(self.members.len())];
        let mut payload = json!({ "productId": product });
        if self.random.below(2) == 0 {
            payload["promoCode"] = self.codes[self.random.below(self.codes.len())]["code"].clone();
        }
        if self.random.below(2) == 0 {
            payload["giftCard"] = json!(self.random.choose(&self.gift_cards));
        }
        if self.random.below(4) == 0 {
            payload["useCredit"] = json!(false);
        }
        let response = member.post("/api/shop/order", payload).await;
        self.note("buy", &response);
    }

    async fn pay_booking(&mut self) {
        let index = self.random.below(self.members.len());
        let member = self.members[index].1.as_str().unwrap();
        let query = format!(
            "select id::text from bookings where user_id = '{member}' and status = 'booked'
            order by booked_at, id"
        );
        let Some(id) = self.pick(&query).await else {
            return;
        };
        let method = ["card", "card", "desk"][self.random.below(3)];
        let payload = json!({ "bookingId": id, "method": method });
        let response = self.members[index]
            .0
            .post("/api/bookings/payment", payload)
            .await;
        self.note("pay booking", &response);
    }

    /// Pays a session, lets it expire, or delivers the event about it once more.
    async fn end_checkout(&mut self) {
        let sessions = self.stripe.sessions();
        let Some(session) = self.random.choose(&sessions).cloned() else {
            return;
        };
        let (kind, session) = match session["status"].as_str() {
            Some("open") if self.random.below(4) > 0 => {
                ("completed", self.stripe.complete_checkout(&session))
            }
            Some("open") => ("expired", self.stripe.expire_checkout(&session)),
            Some("complete") => ("completed", session),
            _ => ("expired", session),
        };
        // Some events never come.
        if self.random.below(4) > 0 {
            self.deliver(&format!("checkout.session.{kind}"), &session)
                .await;
        }
    }

    async fn deliver(&mut self, kind: &str, object: &Value) {
        let mut event = event_about(kind, object);
        self.events += 1;
        event["id"] = json!(format!("evt_{}", self.events));
        let response = self.app.deliver_event(&event).await;
        self.note(kind, &response);
    }

    async fn sell(&mut self) {
        let product = &self.products[self.random.below(self.products.len())]["id"];
        let (_, member) = &self.members[self.random.below(self.members.len())];
        let mut sale = json!({ "userId": member, "productIds": [product], "tender": "cash" });
        if self.random.below(3) == 0 {
            sale["promoCode"] = self.codes[self.random.below(self.codes.len())]["code"].clone();
        }
        if let Some(code) = self.random.choose(&self.gift_cards).cloned()
            && self.random.below(2) == 0
        {
            let amount = format!("{}.50", self.random.below(30));
            sale["giftCard"] = json!({ "code": code, "amount": amount });
        }
        if self.random.below(3) == 0 {
            sale["credit"] = json!(format!("{}.25", self.random.below(20)));
        }
        let response = self.staff.post("/api/admin/orders", sale).await;
        self.note("sell", &response);
        let sold: Value = serde_json::from_str(&response.text).unwrap();
        if sold["giftCardCode"].is_string() {
            self.gift_cards.push(sold["giftCardCode"].clone());
        }
    }

    /// Refunds an order, or cancels one that is open.
    async fn change_order(&mut self) {
        match self.random.below(6) {
            0 | 1 => return self.refund_at_stripe().await,
            2 => return self.cancel_order().await,
            _ => {}
        }
        let query = "select id::text from orders where state = 'paid' order by created_at, id";
        let Some(id) = self.pick(query).await else {
            return;
        };
        let amount = format!("{}.{:02}", self.random.below(60), 1 + self.random.below(99));
        let method = ["original", "cash", "credit"][self.random.below(3)];
        let refund = json!({ "orderId": id, "amount": amount, "method": method });
        let response = self.staff.patch("/api/admin/orders", refund).await;
        self.note("refund", &response);
    }

    /// Gives up the spots of a course, or records that its refund was paid out at the desk.
    async fn release_course(&mut self) {
        let query =
            "select o.id || ' ' || l.id from orders o join order_lines l on l.order_id = o.id
            where o.state = 'paid' and l.kind = 'course' order by o.created_at, l.id";
        let Some(ids) = self.pick(query).await else {
            return;
        };
        let (order, line) = ids.split_once(' ').unwrap();
        let change = match self.random.below(3) {
            0 => json!({ "orderId": order, "action": "payOut" }),
            1 => json!({ "orderId": order, "releaseLineIds": [line] }),
            _ => json!({ "orderId": order, "releaseLineIds": [line], "amount": "20" }),
        };
        let response = self.staff.patch("/api/admin/orders", change).await;
        self.note("release course", &response);
    }

    /// Moves a class to another room, so that members can give up their shares of it. Seldom cancels
    /// one.
    async fn change_class(&mut self) {
        let class = self.classes[self.random.below(self.classes.len())];
        if self.random.below(8) == 0 {
            let path = format!("/api/admin/schedule?occurrenceId={class}");
            let response = self.staff.delete(&path).await;
            return self.note("cancel class", &response);
        }
        let room = format!("Room {}", self.random.below(1_000));
        let change = json!({ "occurrence": { "id": class, "room": room } });
        let response = self.staff.patch("/api/admin/schedule", change).await;
        self.note("change class", &response);
    }

    async fn cancel_order(&mut self) {
        let query = "select id::text from orders where state = 'open' order by created_at, id";
        let Some(id) = self.pick(query).await else {
            return;
        };
        let cancellation = json!({ "orderId": id, "action": "cancel" });
        let response = self.staff.patch("/api/admin/orders", cancellation).await;
        self.note("cancel order", &response);
    }

    /// Picks a paid session whose money is not withdrawn.
    fn pick_paid_session(&mut self) -> Option<Value> {
        let sessions = self.stripe.sessions();
        let paid: Vec<_> = sessions
            .iter()
            .filter(|session| session["payment_status"] == "paid")
            .filter(|session| {
                !self
                    .disputed
                    .contains(session["payment_intent"].as_str().unwrap())
            })
            .collect();
        self.random.choose(&paid).map(|session| (*session).clone())
    }

    async fn refund_at_stripe(&mut self) {
        let Some(session) = self.pick_paid_session() else {
            return;
        };
        // A refund that is being sent would change the rest meanwhile.
        let is_sending = "select count(*) from refunds where state in ('due', 'sent')";
        if self.app.count(is_sending).await > 0 {
            return;
        }
        let refunded: i64 = self
            .stripe
            .refunds()
            .iter()
            .filter(|refund| refund["payment_intent"] == session["payment_intent"])
            .map(|refund| refund["amount"].as_i64().unwrap())
            .sum();
        // What staff gave back in cash is gone. Stripe does not know of it, so people must look up
        // how much is left before they refund in its dashboard.
        let given_back = format!(
            "select coalesce(sum(r.amount * 100), 0)::bigint
            from refunds r join payments p on p.id = r.payment_id
            where p.provider_payment = '{}' and r.method <> 'original'",
            session["payment_intent"].as_str().unwrap()
        );
        let given_back = self.app.count(&given_back).await;
        let rest = session["amount_total"].as_i64().unwrap() - refunded - given_back;
        if rest <= 0 {
            return;
        }
        let amount = 1 + i64::try_from(self.random.below(usize::try_from(rest).unwrap())).unwrap();
        self.stripe.refund_in_dashboard(&session, amount);
        let kind = "charge.refunded";
        self.deliver(kind, &charge_refunded(&session)["data"]["object"])
            .await;
    }

    async fn change_pass(&mut self) {
        let query = "select id::text from passes order by created_at, id";
        let Some(id) = self.pick(query).await else {
            return;
        };
        let today = super::days::today(&self.app);
        let change = match self.random.below(6) {
            0 => json!({ "action": "revoke" }),
            1 | 2 => json!({ "action": "restore" }),
            3 => json!({ "action": "addCredits", "number": 1 }),
            4 => {
                let to = today + chrono::TimeDelta::days(2);
                json!({ "action": "freeze", "from": today, "to": to })
            }
            _ => json!({ "action": "unfreeze" }),
        };
        let response = super::change_pass(&self.staff, &json!(id), change).await;
        self.note("change pass", &response);
    }

    async fn change_booking(&mut self) {
        let query = "select id::text from bookings where status = 'booked' order by booked_at, id";
        let Some(id) = self.pick(query).await else {
            return;
        };
        let class = self.classes[self.random.below(self.classes.len())];
        let change = match self.random.below(5) {
            0 => json!({ "bookingId": id, "action": "usePass" }),
            1 => json!({ "bookingId": id, "action": "markPaid" }),
            2 => json!({ "bookingId": id, "action": "refund" }),
            3 => json!({ "bookingId": id, "action": "give", "reason": "Teaches here" }),
            _ => json!({ "bookingId": id, "action": "move", "scheduledClassId": class }),
        };
        let response = self.staff.patch("/api/admin/bookings", change).await;
        self.note("change booking", &response);
    }

    /// Opens a dispute, or decides one.
    async fn dispute(&mut self) {
        if let Some(dispute) = self.open_dispute.take() {
            let status = ["won", "lost"][self.random.below(2)];
            if status == "won" {
                self.disputed
                    .remove(dispute["payment_intent"].as_str().unwrap());
            }
            let decided = self.stripe.decide_dispute(&dispute, status);
            return self.deliver("charge.dispute.closed", &decided).await;
        }
        let Some(session) = self.pick_paid_session() else {
            return;
        };
        let dispute = self.stripe.open_dispute(&session, "needs_response");
        let intent = dispute["payment_intent"].as_str().unwrap().to_owned();
        self.disputed.insert(intent);
        self.deliver("charge.dispute.created", &dispute).await;
        self.open_dispute = Some(dispute);
    }

    async fn clean_up(&mut self) {
        make_payments_due(&self.app).await;
        // Stripe refuses a checkout that would end more than a day after its own time.
        if self.random.below(3) == 0 && self.minutes_ahead < 20 * 60 {
            self.minutes_ahead += 32;
            self.app.app.clock().advance(chrono::TimeDelta::minutes(32));
        }
        release_unpaid(&self.app).await;
        process_refunds(&self.app).await;
        self.log.push("clean up".to_owned());
    }

    async fn assert_consistent(&self) {
        let log = || self.log.join("\n");
        assert_passes_consistent(&self.app).await;
        assert_courses_consistent(&self.app).await;
        for (query, problem) in [
            (
                "select count(*) from payments where refunded > amount",
                "a payment is refunded in excess",
            ),
            (
                "select count(*) from payments p where p.refunded <> (
                    select coalesce(sum(r.amount), 0) from refunds r
                    where r.payment_id = p.id and r.state in ('due', 'sent', 'done'))",
                "a payment differs from its refunds",
            ),
            (
                "select count(*) from promo_codes c where c.uses <> (
                    select count(*) from orders o
                    where o.promo_code_id = c.id and o.state <> 'cancelled')",
                "the uses of a promo code differ from its orders",
            ),
            (
                "select count(*) from orders o where o.total <> (
                    select sum(l.unit_price - l.discount) from order_lines l
                    where l.order_id = o.id)
                  or (o.promo_code_id is null) <> (
                    select sum(l.discount) = 0 from order_lines l where l.order_id = o.id)",
                "an order differs from its prices and discounts",
            ),
            (
                "select count(*) from refunds r join payments p on p.id = r.payment_id
                where p.wallet_id is not null and r.method = 'original' and r.state = 'done'
                  and r.amount is distinct from (select e.change from wallet_entries e
                    where e.refund_id = r.id and e.wallet_id = p.wallet_id)",
                "a refund to a wallet is not in it",
            ),
            (
                "select count(*) from refunds r join payments p on p.id = r.payment_id
                where r.method = 'credit' and r.state = 'done'
                  and r.amount is distinct from (
                    select e.change from wallet_entries e join wallets w on w.id = e.wallet_id
                    where e.refund_id = r.id and w.user_id = p.user_id)",
                "a refund to credit is not in the member's wallet",
            ),
            (
                "select count(*) from bookings b join passes p on p.id = b.pass_id
                where b.user_id <> p.user_id",
                "a booking uses the pass of somebody else",
            ),
            (
                "select count(*) from bookings b where b.given_at is not null and exists (
                    select from payments p where p.booking_id = b.id
                      and p.status in ('pending', 'paid') and p.refunded < p.amount)",
                "a spot that is given is paid",
            ),
            (
                "select count(*) from scheduled_classes c
                where c.current_participants > c.max_participants + c.extra_places
                  or c.extra_places > greatest(0, c.current_participants - c.max_participants)",
                "a class has extra places that nobody needs",
            ),
            (
                "select count(*) from bookings b where b.pass_id is not null and exists (
                    select from payments p where p.booking_id = b.id and p.status = 'paid')",
                "a booking is paid twice",
            ),
            (
                "select count(*) from orders o join payments p on p.order_id = o.id
                where o.state = 'cancelled' and p.status = 'paid' and p.refunded = 0
                  and not exists (select from refunds r where r.payment_id = p.id)",
                "a cancelled order keeps money",
            ),
        ] {
            assert_eq!(self.app.count(query).await, 0, "{problem}\n{}", log());
        }
    }

    /// Delivers all that is outstanding, and compares the payments with Stripe and the reports.
    async fn settle(&mut self) {
        wait_until(async || {
            make_payments_due(&self.app).await;
            self.app.app.clock().advance(chrono::TimeDelta::minutes(32));
            release_unpaid(&self.app).await;
            process_refunds(&self.app).await;
            let open = "select count(*) from payments
                where status = 'pending' and coalesce(method, tender) in ('card', 'gift', 'credit')";
            let due = "select count(*) from refunds r join payments p on p.id = r.payment_id
                where r.state in ('due', 'sent') and coalesce(p.method, p.tender) = 'card'
                  and r.method = 'original'";
            self.app.count(open).await + self.app.count(due).await == 0
        })
        .await;
        self.assert_consistent().await;
        self.assert_stripe_agrees().await;
        self.assert_reports_agree().await;
    }

    async fn assert_stripe_agrees(&self) {
        let rows = self
            .app
            .sql(
                "select p.provider_payment, (p.amount * 100)::bigint, coalesce((
                    select sum(r.amount * 100) from refunds r where r.payment_id = p.id
                      and r.state = 'done' and r.method = 'original'), 0)::bigint
                from payments p where p.provider_payment is not null",
            )
            .await;
        let refunds = self.stripe.refunds();
        for row in &rows {
            let intent: String = row.get(0);
            let at_stripe: i64 = refunds
                .iter()
                .filter(|refund| refund["payment_intent"] == intent.as_str())
                .map(|refund| refund["amount"].as_i64().unwrap())
                .sum();
            assert_eq!(
                row.get::<_, i64>(2),
                at_stripe,
                "{intent}\n{}",
                self.log.join("\n")
            );
            assert!(at_stripe <= row.get::<_, i64>(1));
        }
        let sessions = self.stripe.sessions();
        let paid = sessions
            .iter()
            .filter(|session| session["payment_status"] == "paid");
        assert_eq!(paid.count(), rows.len(), "a payment at Stripe is not known");
    }

    async fn assert_reports_agree(&self) {
        // What a gift card pays was counted when the gift card was sold. What is given back to a wallet
        // stays with the studio.
        let sums = "select coalesce((select sum(amount) from payments
                where paid_at is not null and wallet_id is null), 0)::text,
            coalesce((select sum(r.amount) from refunds r join payments p on p.id = r.payment_id
                where r.state = 'done' and r.method <> 'credit'
                  and (p.wallet_id is null or r.method <> 'original')), 0)::text";
        let row = &self.app.sql(sums).await[0];
        let (paid, refunded): (String, String) = (row.get(0), row.get(1));
        let analytics = self.staff.get("/api/admin/analytics").await.expect(200);
        let revenue = &analytics["totals"]["revenue"][0];
        if paid != "0" {
            assert_eq!(revenue["paid"], paid, "{}", self.log.join("\n"));
            assert_eq!(
                revenue["refunded"],
                amount(&refunded),
                "{}",
                self.log.join("\n")
            );
        }
    }
}

impl Drop for Studio {
    /// Prints the operations that have led to a failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log.join("\n"));
        }
    }
}

/// Returns a sum with two decimals.
fn amount(sum: &str) -> String {
    match sum.contains('.') {
        true => sum.to_owned(),
        false => format!("{sum}.00"),
    }
}

async fn run(seed: u64, operations: usize) {
    let mut studio = Studio::open(seed).await;
    for operation in 1..=operations {
        studio.operate().await;
        if operation % 25 == 0 {
            studio.assert_consistent().await;
        }
    }
    studio.settle().await;
}

/// Returns the seeds of the sequences to run.
pub fn seeds() -> Vec<u64> {
    number("RANDOM_SEED").map_or(vec![1, 2], |seed| vec![seed])
}

/// Returns the number in an environment variable.
pub fn number(variable: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this configures the test run, not the product"
    )]
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap())
}

#[tokio::test]
async fn money_passes_and_spots_agree_after_random_operations() {
    let operations = number("RANDOM_OPERATIONS").unwrap_or(150);
    for seed in seeds() {
        run(seed, usize::try_from(operations).unwrap()).await;
    }
}
