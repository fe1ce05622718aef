//! `api/admin/reports.rs`: random sales, refunds, and fees, and a model that keeps the sums. Each
//! figure of the report must equal the model's, and the sums of the tables.
//!
//! `RANDOM_SEED` and `RANDOM_OPERATIONS` run another sequence, or a longer one.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::courses::{cancel_class, create_course, set_classes};
use super::create_product;
use super::gift_cards::create_gift_card;
use super::random_operations::{Random, number, seeds};
use crate::bookings::cancel;
use crate::harness::{StripeStandIn, TestApp, TestClient, TestResponse};
use crate::payments::{event_about, make_payments_due, process_refunds, release_unpaid};

/// After how many operations everybody signs in again, and the report is compared.
const OPERATIONS_PER_CHECK: usize = 125;

/// Amounts are in cents, and rates of tax in hundredths of a percent.
const CLASS_PRICE: i64 = 2_500;
const FEE: i64 = 1_000;
const CLASS_TAX_RATE: i64 = 700;

const MEMBERS: [&str; 2] = ["ana", "ben"];
const WALK_INS: [&str; 3] = ["carla", "dan", "eva"];

/// Parses an amount or a rate in a response, such as `25.00` or `5.5`.
fn hundredths(value: &Value) -> i64 {
    parse(value.as_str().unwrap())
}

fn parse(text: &str) -> i64 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let decimals: i64 = format!("{decimals:0<2}").parse().unwrap();
    whole.parse::<i64>().unwrap() * 100 + sign * decimals
}

fn format(amount: i64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// Returns `amount × part ÷ whole`, rounded half up.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    (2 * amount * part + whole) / (2 * whole)
}

fn tax_in(amount: i64, rate: i64) -> i64 {
    share(amount, rate, 10_000 + rate)
}

/// Money that moved.
struct Moved {
    day: NaiveDate,
    tender: String,
    is_refund: bool,
    amount: i64,
}

/// What was sold or given back of a product, the classes, or a fee.
#[derive(Default)]
struct Sold {
    day: NaiveDate,
    kind: String,
    name: Option<String>,
    count: i64,
    discount: i64,
    amount: i64,
    by_gift: i64,
    refunded: i64,
    refunded_to_gift: i64,
}

/// The tax of a line of a receipt, or of a refund of it.
struct Taxed {
    day: NaiveDate,
    rate: i64,
    amount: i64,
    tax: i64,
    is_refund: bool,
}

/// A line of an order.
#[derive(Clone)]
struct Line {
    kind: String,
    name: String,
    rate: i64,
    amount: i64,
}

/// A paid order, or the payment of a booking, which has one line.
#[derive(Clone)]
struct Order {
    id: Value,
    lines: Vec<Line>,
    /// The gift card that was sold, by its place in the model.
    sold_card: Option<usize>,
    /// The gift card that has paid, by its place in the model.
    card: Option<usize>,
    by_gift: i64,
    tender: String,
    total: i64,
    refunded: i64,
    refunded_money: i64,
}

/// A pass that was sold.
struct Pass {
    amount: i64,
    credits: Option<i64>,
    left: i64,
    days: i64,
    last_day: NaiveDate,
}

/// A booking for which money is owed.
struct Owed {
    member: Value,
    booking: Value,
    /// The fee. `None` for the price of the class.
    fee: Option<&'static str>,
    amount: i64,
}

/// A booking that was paid.
struct PaidBooking {
    booking: Value,
    order: Order,
}

/// What the report must say.
#[derive(Default)]
struct Model {
    moved: Vec<Moved>,
    sold: Vec<Sold>,
    taxed: Vec<Taxed>,
    /// The day, the code, the discount, and the amount of each order with a promo code.
    codes: Vec<(NaiveDate, String, i64, i64)>,
    orders: Vec<Order>,
    passes: BTreeMap<String, Pass>,
    /// The codes of gift cards with their balances.
    cards: Vec<(String, i64)>,
    owed: Vec<Owed>,
    paid_bookings: Vec<PaidBooking>,
}

/// Divides `amount` of an order's money, of which `before` was divided earlier, among parts.
fn divide(before: i64, amount: i64, parts: &[i64], total: i64) -> Vec<i64> {
    let mut till = 0;
    let parts = parts.iter().map(|part| {
        let from = till;
        till += part;
        let up_to = |money: i64| share(money, till, total) - share(money, from, total);
        up_to(before + amount) - up_to(before)
    });
    parts.collect()
}

impl Model {
    fn moved(&mut self, day: NaiveDate, tender: &str, is_refund: bool, amount: i64) {
        if amount != 0 {
            self.moved.push(Moved {
                day,
                tender: tender.to_owned(),
                is_refund,
                amount,
            });
        }
    }

    /// Enters a paid order: its money, its lines, and the tax of its receipt.
    fn pay(&mut self, day: NaiveDate, order: &Order) {
        self.moved(day, &order.tender, false, order.total - order.by_gift);
        let amounts: Vec<_> = order.lines.iter().map(|line| line.amount).collect();
        let by_gift = match order.total == 0 {
            true => vec![0; amounts.len()],
            false => divide(0, order.by_gift, &amounts, order.total),
        };
        for (line, by_gift) in order.lines.iter().zip(by_gift) {
            self.sold.push(Sold {
                day,
                kind: line.kind.clone(),
                name: Some(line.name.clone()),
                count: 1,
                amount: line.amount,
                by_gift,
                ..Sold::default()
            });
            if order.total != 0 {
                self.taxed.push(Taxed {
                    day,
                    rate: line.rate,
                    amount: line.amount,
                    tax: tax_in(line.amount, line.rate),
                    is_refund: false,
                });
            }
        }
    }

    /// Enters a refund of one payment. `tender` is how the money goes back.
    fn refund(&mut self, day: NaiveDate, order: &mut Order, tender: &str, amount: i64) {
        let to_gift = tender == "gift";
        if !to_gift {
            self.moved(day, tender, true, amount);
        }
        let lines = &order.lines;
        let amounts: Vec<_> = lines.iter().map(|line| line.amount).collect();
        let taxes: Vec<_> = lines
            .iter()
            .map(|line| tax_in(line.amount, line.rate))
            .collect();
        let shares = divide(order.refunded, amount, &amounts, order.total);
        let tax_shares = divide(order.refunded, amount, &taxes, order.total);
        for ((line, share), tax) in lines.iter().zip(shares).zip(tax_shares) {
            self.sold.push(Sold {
                day,
                kind: line.kind.clone(),
                name: Some(line.name.clone()),
                refunded: share,
                refunded_to_gift: if to_gift { share } else { 0 },
                ..Sold::default()
            });
            self.taxed.push(Taxed {
                day,
                rate: line.rate,
                amount: share,
                tax,
                is_refund: true,
            });
        }
        order.refunded += amount;
        if let (true, Some(card)) = (to_gift, order.card) {
            self.cards[card].1 += amount;
        }
        if let Some(card) = order.sold_card {
            self.cards[card].1 -= amount;
        }
    }
}

struct Studio {
    app: TestApp,
    stripe: StripeStandIn,
    staff: TestClient,
    /// Those who buy passes and gift cards.
    members: Vec<(TestClient, Value)>,
    /// Those who pay for each class.
    walk_ins: Vec<(TestClient, Value)>,
    /// Each with its kind, and the rate of its tax.
    products: Vec<(Value, &'static str, i64)>,
    codes: Vec<&'static str>,
    random: Random,
    classes: i64,
    events: usize,
    model: Model,
}

impl Studio {
    async fn open(seed: u64) -> Self {
        let stripe = StripeStandIn::start().await;
        let settings = stripe
            .settings()
            .with("MAX_UNPAID_BOOKINGS", "1000")
            .with("LATE_CANCEL_FEE", "10.00")
            .with("NO_SHOW_FEE", "10.00")
            .with("FREE_CANCELLATION_GRACE_MINUTES", "0")
            .with("STUDIO_TIMEZONE", "America/Havana")
            // Rate limits are counted in Postgres, where they can be reset.
            .with("KV_REST_API_URL", "");
        let app = TestApp::start_with(settings).await;
        stripe.follow(app.app.clock());
        let staff = app.staff("sofia").await;
        let people = async |names: &[&str]| {
            let mut people = Vec::new();
            for name in names {
                let person = app.member(name).await;
                let id = person.user_id().await;
                people.push((person, id));
            }
            people
        };
        let (members, walk_ins) = (people(&MEMBERS).await, people(&WALK_INS).await);
        let mut products = Vec::new();
        for (fields, rate) in [
            (
                json!({ "name": "Ten", "credits": 10, "price": "149.99" }),
                1_900,
            ),
            (
                json!({ "name": "Three", "credits": 3, "price": "50.00" }),
                550,
            ),
            (
                json!({ "name": "Unlimited", "price": "129.50", "days": 31 }),
                1_900,
            ),
        ] {
            let product = create_product(&staff, fields).await;
            let id = product["id"].as_str().unwrap();
            app.sql(&format!(
                "update products set tax_rate = {rate} / 100.0 where id = '{id}'"
            ))
            .await;
            products.push((product, "pass", rate));
        }
        for price in ["25", "60"] {
            let card = create_gift_card(&staff, price).await;
            products.push((card, "gift_card", 0));
        }
        for code in [
            json!({ "code": "TENTH", "percent": 10 }),
            json!({ "code": "TWENTY", "amount": "20" }),
            json!({ "code": "ALL", "percent": 100 }),
        ] {
            staff.post("/api/admin/promo-codes", code).await.expect(201);
        }
        app.create_class(1).await;
        app.sql(&format!(
            "update class_types set name = 'Salsa', tax_rate = {CLASS_TAX_RATE} / 100.0"
        ))
        .await;
        Self {
            app,
            stripe,
            staff,
            members,
            walk_ins,
            products,
            codes: vec!["TENTH", "TWENTY", "ALL"],
            random: Random::new(seed),
            classes: 0,
            events: 0,
            model: Model::default(),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.app.app.clock().now()
    }

    fn today(&self) -> NaiveDate {
        TimeZone::named("America/Havana").unwrap().date(self.now())
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.random.below(100) < chance
    }

    async fn operate(&mut self) {
        match self.random.below(22) {
            0..=3 => self.sell_at_desk().await,
            4..=6 => self.buy_online().await,
            7..=10 => self.refund_order().await,
            11..=12 => self.book_with_pass().await,
            13..=14 => self.book_for_money().await,
            15 => self.pay_owed().await,
            16 => self.waive_owed().await,
            17 => self.cancel_paid().await,
            18 => self.cancel_late().await,
            19 => self.sell_course().await,
            20 => self.pay_too_late().await,
            _ => self.wait().await,
        }
    }

    async fn wait(&mut self) {
        let minutes = i64::try_from(1 + self.random.below(360)).unwrap();
        self.app.app.clock().advance(TimeDelta::minutes(minutes));
    }

    /// Returns the lines of an order in a response.
    fn lines(&self, order: &Value) -> Vec<Line> {
        let lines = order["lines"].as_array().unwrap().iter();
        lines
            .map(|line| {
                let mut products = self.products.iter();
                let product = products.find(|(product, ..)| product["id"] == line["productId"]);
                let (product, kind, rate) = product.unwrap();
                Line {
                    kind: (*kind).to_owned(),
                    name: product["name"].as_str().unwrap().to_owned(),
                    rate: *rate,
                    amount: hundredths(&line["amount"]),
                }
            })
            .collect()
    }

    /// Enters an order that was paid, from the response that shows it paid.
    fn enter_order(&mut self, response: &Value, tender: &str, card: Option<usize>) {
        let day = self.today();
        let lines = self.lines(response);
        let order = Order {
            id: response["id"].clone(),
            sold_card: None,
            card,
            by_gift: hundredths(&response["giftCardAmount"]),
            tender: tender.to_owned(),
            total: hundredths(&response["total"]),
            refunded: 0,
            refunded_money: 0,
            lines,
        };
        self.model.pay(day, &order);
        let mut discounts = 0;
        for line in response["lines"].as_array().unwrap() {
            let discount = hundredths(&line["discount"]);
            discounts += discount;
            let mut products = self.products.iter();
            let product = products.find(|(product, ..)| product["id"] == line["productId"]);
            let (product, kind, _) = product.unwrap();
            self.model.sold.push(Sold {
                day,
                kind: (*kind).to_owned(),
                name: product["name"].as_str().map(str::to_owned),
                discount,
                ..Sold::default()
            });
            if let Some(pass) = line["passId"].as_str() {
                let days = product["days"].as_i64().unwrap();
                let credits = product["credits"].as_i64();
                let pass_row = Pass {
                    amount: hundredths(&line["amount"]),
                    credits,
                    left: credits.unwrap_or(0),
                    days,
                    last_day: day + TimeDelta::days(days - 1),
                };
                self.model.passes.insert(pass.to_owned(), pass_row);
            }
        }
        if let Some(code) = response["promoCode"].as_str() {
            let code = (day, code.to_owned(), discounts, order.total);
            self.model.codes.push(code);
        }
        if let Some(card) = card {
            self.model.cards[card].1 -= order.by_gift;
        }
        self.model.orders.push(order);
    }

    async fn sell_at_desk(&mut self) {
        let member = self.members[self.random.below(self.members.len())]
            .1
            .clone();
        let tender = ["cash", "terminal", "transfer"][self.random.below(3)];
        let sells_card = self.percent(30);
        let kind = if sells_card { "gift_card" } else { "pass" };
        let number = if sells_card {
            1
        } else {
            1 + self.random.below(3)
        };
        let wanted: Vec<_> = self
            .products
            .iter()
            .filter(|(_, one, _)| *one == kind)
            .collect();
        let wanted: Vec<Value> = wanted
            .iter()
            .map(|(product, ..)| product["id"].clone())
            .collect();
        let ids: Vec<Value> = (0..number)
            .map(|_| wanted[self.random.below(wanted.len())].clone())
            .collect();
        let mut sale = json!({ "userId": member, "productIds": ids, "tender": tender });
        if !sells_card && self.percent(40) {
            sale["promoCode"] = json!(self.codes[self.random.below(self.codes.len())]);
        }
        let mut card = None;
        if !sells_card && self.percent(40) && !self.model.cards.is_empty() {
            let index = self.random.below(self.model.cards.len());
            let amount = format!("{}.{:02}", self.random.below(40), 1 + self.random.below(99));
            sale["giftCard"] = json!({ "code": self.model.cards[index].0, "amount": amount });
            card = Some(index);
        }
        let response = self.staff.post("/api/admin/orders", sale).await;
        // The gift card pays more than its balance or the total.
        if [400, 409].contains(&response.status) {
            assert!(card.is_some(), "{}", response.text);
            return;
        }
        let order = response.expect(201);
        self.enter_order(&order, tender, card);
        if let Some(code) = order["giftCardCode"].as_str() {
            let card = (code.to_owned(), hundredths(&order["total"]));
            self.model.cards.push(card);
            let index = self.model.cards.len() - 1;
            self.model.orders.last_mut().unwrap().sold_card = Some(index);
        }
    }

    /// Sells a course with two classes, and sometimes cancels one of them.
    async fn sell_course(&mut self) {
        let rate = [1_900, 550][self.random.below(2)];
        let fields = json!({
            "name": format!("Course {}", self.classes), "price": "100.01",
            "taxRate": format(rate),
        });
        let course = create_course(&self.staff, fields).await;
        self.products.push((course.clone(), "course", rate));
        // Nobody has another class at that time.
        let mut classes = Vec::new();
        for _ in 0..2 {
            let id = self.create_class(2_000 + self.classes).await;
            classes.push(id.parse::<Uuid>().unwrap());
        }
        let chosen = set_classes(&self.staff, &course, &classes).await;
        chosen.expect(200);
        let member = &self.members[self.random.below(self.members.len())].1;
        let tender = ["cash", "terminal", "transfer"][self.random.below(3)];
        let mut sale = json!({ "userId": member, "productIds": [course["id"]], "tender": tender });
        let mut card = None;
        if self.percent(50) && !self.model.cards.is_empty() {
            let index = self.random.below(self.model.cards.len());
            let amount = format(i64::try_from(1 + self.random.below(6_000)).unwrap());
            sale["giftCard"] = json!({ "code": self.model.cards[index].0, "amount": amount });
            card = Some(index);
        }
        let response = self.staff.post("/api/admin/orders", sale).await;
        if response.status == 409 {
            assert!(card.is_some(), "{}", response.text);
            return;
        }
        self.enter_order(&response.expect(201), tender, card);
        if self.percent(60) {
            self.cancel_class_of_course(&classes).await;
        }
    }

    /// Cancels the first or the second class of the course that was sold last. The gift card has
    /// its part at once. The rest is paid out later.
    async fn cancel_class_of_course(&mut self, classes: &[Uuid]) {
        let index = self.random.below(2);
        cancel_class(&self.staff, classes[index]).await;
        let day = self.today();
        let mut order = self.model.orders.pop().unwrap();
        let amount = [5_001, 5_000][index];
        let money = amount.min(order.total - order.by_gift);
        if amount > money {
            self.model.refund(day, &mut order, "gift", amount - money);
        }
        self.wait().await;
        if money > 0 {
            let pay_out = json!({ "orderId": order.id, "action": "payOut" });
            let paid_out = self.staff.patch("/api/admin/orders", pay_out).await;
            paid_out.expect(200);
            let (day, tender) = (self.today(), order.tender.clone());
            self.model.refund(day, &mut order, &tender, money);
            order.refunded_money += money;
        }
        self.model.orders.push(order);
    }

    async fn buy_online(&mut self) {
        let index = self.random.below(self.members.len());
        let product = self.random.below(3);
        let mut payload = json!({ "productId": self.products[product].0["id"] });
        if self.percent(40) {
            payload["promoCode"] = json!(self.codes[self.random.below(2)]);
        }
        let mut card = None;
        if self.percent(40) && !self.model.cards.is_empty() {
            let chosen = self.random.below(self.model.cards.len());
            payload["giftCard"] = json!(self.model.cards[chosen].0);
            card = Some(chosen);
        }
        let response = self.members[index].0.post("/api/shop/order", payload).await;
        // The gift card is empty, or leaves a rest that is too small for a card.
        if response.status == 409 {
            assert!(card.is_some(), "{}", response.text);
            return;
        }
        let mut order: Value = serde_json::from_str(&response.text).unwrap();
        assert!([200, 201].contains(&response.status), "{}", response.text);
        if order["state"] == "open" {
            let session = self.stripe.session_by_url(&order["checkoutUrl"]);
            if self.percent(25) {
                let session = self.stripe.expire_checkout(&session);
                self.deliver("checkout.session.expired", &session).await;
                return;
            }
            let session = self.stripe.complete_checkout(&session);
            self.deliver("checkout.session.completed", &session).await;
            let id = order["id"].as_str().unwrap();
            let path = format!("/api/shop/order?orderId={id}");
            order = self.members[index].0.get(&path).await.expect(200);
        }
        assert_eq!(order["state"], "paid");
        self.enter_order(&order, "card", card);
    }

    async fn deliver(&mut self, kind: &str, object: &Value) {
        let mut event = event_about(kind, object);
        self.events += 1;
        event["id"] = json!(format!("evt_{}", self.events));
        self.app.deliver_event(&event).await.expect(200);
    }

    async fn refund_order(&mut self) {
        if self.model.orders.is_empty() {
            return;
        }
        let index = self.random.below(self.model.orders.len());
        let mut order = self.model.orders[index].clone();
        let left = order.total - order.refunded;
        let amount = match self.percent(30) {
            true => left,
            false => i64::try_from(1 + self.random.below(6_000)).unwrap(),
        };
        let method = ["original", "original", "cash", "transfer"][self.random.below(4)];
        let refund = json!({ "orderId": order.id, "amount": format(amount), "method": method });
        let response = self.staff.patch("/api/admin/orders", refund).await;
        let card_left = order.sold_card.map(|card| self.model.cards[card].1);
        if amount == 0 || amount > left || card_left.is_some_and(|balance| balance < amount) {
            assert!([400, 409].contains(&response.status), "{}", response.text);
            return;
        }
        response.expect(200);
        self.process_refunds().await;
        let day = self.today();
        // The money is given back before the gift card gets its part. The part of a card takes a
        // moment longer.
        let money = amount.min(order.total - order.by_gift - order.refunded_money);
        let original = order.tender.clone();
        let mut parts = [(original.as_str(), money), ("gift", amount - money)];
        if original == "card" && method == "original" {
            parts.reverse();
        }
        for (original, part) in parts {
            if part != 0 {
                let tender = if method == "original" {
                    original
                } else {
                    method
                };
                self.model.refund(day, &mut order, tender, part);
            }
        }
        order.refunded_money += money;
        self.model.orders[index] = order;
    }

    async fn process_refunds(&self) {
        make_payments_due(&self.app).await;
        process_refunds(&self.app).await;
    }

    /// Creates a class that nobody has booked; it starts in `hours`, or a few minutes later.
    async fn create_class(&mut self, hours: i64) -> String {
        let id = self.app.create_class(1).await.to_string();
        self.classes += 2;
        let start = self.now() + TimeDelta::hours(hours) + TimeDelta::minutes(self.classes % 600);
        self.app
            .sql(&format!(
                "update scheduled_classes set start_time = '{0}',
                    end_time = '{0}'::timestamptz + interval '1 minute',
                    class_type_id = (select id from class_types where name = 'Salsa')
                where id = '{id}'",
                start.to_rfc3339()
            ))
            .await;
        id
    }

    /// Books for a member, unless the member has another class at that time.
    async fn book(&mut self, member: &Value, hours: i64) -> Option<Value> {
        let class = self.create_class(hours).await;
        let booking = json!({ "userId": member, "scheduledClassId": class });
        let response = self.staff.post("/api/admin/bookings", booking).await;
        if response.status == 409 {
            response.expect_code(409, "overlapping_booking");
            return None;
        }
        Some(response.expect(201))
    }

    async fn book_with_pass(&mut self) {
        let member = self.members[self.random.below(self.members.len())]
            .1
            .clone();
        let Some(booking) = self.book(&member, 30).await else {
            return;
        };
        match booking["pass"]["id"].as_str() {
            Some(pass) => {
                if let Some(pass) = self.model.passes.get_mut(pass) {
                    pass.left -= 1;
                }
            }
            None => self.owe(member, booking, None, CLASS_PRICE),
        }
    }

    fn owe(&mut self, member: Value, booking: Value, fee: Option<&'static str>, amount: i64) {
        self.model.owed.push(Owed {
            member,
            booking,
            fee,
            amount,
        });
    }

    async fn book_for_money(&mut self) {
        let index = self.random.below(self.walk_ins.len());
        let member = self.walk_ins[index].1.clone();
        if let Some(booking) = self.book(&member, 30).await {
            self.owe(member, booking, None, CLASS_PRICE);
        }
    }

    async fn act(&self, booking: &Value, action: &str) -> TestResponse {
        let mut change = json!({ "bookingId": booking["id"], "action": action });
        if action == "cancel" {
            change["lenient"] = json!(true);
        }
        self.staff.patch("/api/admin/bookings", change).await
    }

    async fn pay_owed(&mut self) {
        if !self.model.owed.is_empty() {
            let index = self.random.below(self.model.owed.len());
            self.pay(index).await;
        }
    }

    /// Pays a class or a fee at the desk or by card. Returns whether it was paid.
    async fn pay(&mut self, index: usize) -> bool {
        let owed = self.model.owed.swap_remove(index);
        let mut walk_ins = self.walk_ins.iter();
        let member = walk_ins.find(|(_, id)| *id == owed.member);
        let by_card = member.is_some() && self.random.below(2) == 0;
        if let (true, Some((member, _))) = (by_card, member) {
            let payload = json!({ "bookingId": owed.booking["id"], "method": "card" });
            let response = member.post("/api/bookings/payment", payload).await;
            // The class is over, so only the desk takes the money.
            if response.status == 409 {
                self.model.owed.push(owed);
                return false;
            }
            let session = self
                .stripe
                .session_by_url(&response.expect(201)["checkoutUrl"]);
            let session = self.stripe.complete_checkout(&session);
            self.deliver("checkout.session.completed", &session).await;
        } else {
            self.act(&owed.booking, "markPaid").await.expect(200);
        }
        let line = Line {
            kind: owed.fee.unwrap_or("class").to_owned(),
            name: "Salsa".to_owned(),
            rate: CLASS_TAX_RATE,
            amount: owed.amount,
        };
        let order = Order {
            id: Value::Null,
            lines: vec![line],
            sold_card: None,
            card: None,
            by_gift: 0,
            tender: if by_card { "card" } else { "desk" }.to_owned(),
            total: owed.amount,
            refunded: 0,
            refunded_money: 0,
        };
        let day = self.today();
        self.model.pay(day, &order);
        if owed.fee.is_none() {
            let booking = owed.booking;
            self.model
                .paid_bookings
                .push(PaidBooking { booking, order });
        }
        true
    }

    async fn waive_owed(&mut self) {
        let fees = self.model.owed.iter().position(|owed| owed.fee.is_some());
        let Some(index) = fees else {
            return;
        };
        let owed = self.model.owed.swap_remove(index);
        self.act(&owed.booking, "waiveFee").await.expect(200);
    }

    /// The studio cancels a paid booking, so everything goes back.
    async fn cancel_paid(&mut self) {
        if self.model.paid_bookings.is_empty() {
            return;
        }
        let index = self.random.below(self.model.paid_bookings.len());
        let PaidBooking { booking, mut order } = self.model.paid_bookings.swap_remove(index);
        self.act(&booking, "cancel").await.expect(200);
        self.give_back(&booking, &mut order, CLASS_PRICE).await;
    }

    /// Sends what is due by card, or pays it out at the desk.
    async fn give_back(&mut self, booking: &Value, order: &mut Order, amount: i64) {
        match order.tender.as_str() {
            "card" => self.process_refunds().await,
            _ => drop(self.act(booking, "refund").await.expect(200)),
        }
        let (day, tender) = (self.today(), order.tender.clone());
        self.model.refund(day, order, &tender, amount);
    }

    /// A member cancels late, or does not come. Who has paid gets what exceeds the fee.
    async fn cancel_late(&mut self) {
        let index = self.random.below(self.walk_ins.len());
        let member = self.walk_ins[index].1.clone();
        let Some(booking) = self.book(&member, 1).await else {
            return;
        };
        self.owe(member.clone(), booking.clone(), None, CLASS_PRICE);
        let is_paid = self.percent(50) && self.pay(self.model.owed.len() - 1).await;
        let misses = self.percent(50);
        if misses {
            let start: DateTime<Utc> = booking["class"]["startTime"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            self.app.set_clock(start + TimeDelta::seconds(30));
            self.act(&booking, "noShow").await.expect(200);
        } else {
            self.app.app.clock().advance(TimeDelta::minutes(1));
            let member = &self.walk_ins[index].0;
            cancel(member, &booking).await.expect(200);
        }
        if is_paid {
            let mut paid = self.model.paid_bookings.pop().unwrap();
            self.give_back(&booking, &mut paid.order, CLASS_PRICE - FEE)
                .await;
        } else {
            self.model
                .owed
                .retain(|owed| owed.booking["id"] != booking["id"]);
            let fee = if misses {
                "no_show"
            } else {
                "late_cancellation"
            };
            self.owe(member, booking, Some(fee), FEE);
        }
    }

    /// A member pays by card after the studio has cancelled the booking, so everything goes back.
    async fn pay_too_late(&mut self) {
        let index = self.random.below(self.walk_ins.len());
        let member = self.walk_ins[index].1.clone();
        let Some(booking) = self.book(&member, 30).await else {
            return;
        };
        let payload = json!({ "bookingId": booking["id"], "method": "card" });
        let payer = &self.walk_ins[index].0;
        let started = payer.post("/api/bookings/payment", payload).await;
        let session = self
            .stripe
            .session_by_url(&started.expect(201)["checkoutUrl"]);
        self.act(&booking, "cancel").await.expect(200);
        let session = self.stripe.complete_checkout(&session);
        self.deliver("checkout.session.completed", &session).await;
        self.process_refunds().await;
        let day = self.today();
        for is_refund in [false, true] {
            self.model.moved(day, "card", is_refund, CLASS_PRICE);
        }
        self.model.sold.push(Sold {
            day,
            kind: "cancelled_order".to_owned(),
            count: 1,
            amount: CLASS_PRICE,
            refunded: CLASS_PRICE,
            ..Sold::default()
        });
    }

    /// The clock has moved, so sessions may have ended. A long run would reach rate limits.
    async fn sign_in_again(&self) {
        self.app.sql("delete from login_throttle").await;
        self.staff.sign_in_as("sofia").await.expect(200);
        let people = self.members.iter().zip(MEMBERS);
        for ((person, _), name) in people.chain(self.walk_ins.iter().zip(WALK_INS)) {
            person.sign_in_as(name).await.expect(200);
        }
        release_unpaid(&self.app).await;
    }
}

/// Asserts that a figure of the report is this amount.
#[track_caller]
fn assert_amount(value: &Value, expected: i64, what: &str) {
    assert_eq!(hundredths(value), expected, "{what}");
}

impl Studio {
    async fn check(&self, first: NaiveDate) {
        let today = self.today();
        self.check_range(first, today).await;
        let middle = first + TimeDelta::days((today - first).num_days() / 2);
        self.check_range(middle, middle).await;
        self.check_open().await;
        self.check_tables(first, today).await;
    }

    async fn report(&self, from: NaiveDate, to: NaiveDate) -> Value {
        let path = format!("/api/admin/reports?from={from}&to={to}&period=day");
        self.staff.get(&path).await.expect(200)
    }

    async fn check_range(&self, from: NaiveDate, to: NaiveDate) {
        let report = self.report(from, to).await;
        let model = &self.model;
        let range = from..=to;
        let moved = || model.moved.iter().filter(|one| range.contains(&one.day));
        let sum = |is_refund: bool, tender: Option<&str>, day: Option<NaiveDate>| -> i64 {
            moved()
                .filter(|one| one.is_refund == is_refund)
                .filter(|one| tender.is_none_or(|tender| one.tender == tender))
                .filter(|one| day.is_none_or(|day| one.day == day))
                .map(|one| one.amount)
                .sum()
        };
        let taxed = || model.taxed.iter().filter(|one| range.contains(&one.day));
        let net_tax = |day: Option<NaiveDate>| -> i64 {
            taxed()
                .filter(|one| day.is_none_or(|day| one.day == day))
                .map(|one| if one.is_refund { -one.tax } else { one.tax })
                .sum()
        };
        let totals = &report["totals"];
        let (received, refunded) = (sum(false, None, None), sum(true, None, None));
        assert_amount(&totals["received"], received, "received");
        assert_amount(&totals["refunded"], refunded, "refunded");
        assert_amount(&totals["net"], received - refunded, "net");
        assert_amount(&totals["tax"], net_tax(None), "tax");
        let sold = || model.sold.iter().filter(|one| range.contains(&one.day));
        let fees = sold().filter(|one| ["no_show", "late_cancellation"].contains(&&*one.kind));
        assert_amount(&totals["fees"], fees.map(|one| one.amount).sum(), "fees");
        assert_amount(&totals["sold"], sold().map(|one| one.amount).sum(), "sold");
        let discounts = sold().map(|one| one.discount).sum();
        assert_amount(&totals["discounts"], discounts, "discounts");

        let periods = report["periods"].as_array().unwrap();
        assert_eq!(periods.len() as i64, (to - from).num_days() + 1);
        for period in periods {
            let day: NaiveDate = period["start"].as_str().unwrap().parse().unwrap();
            assert_amount(&period["received"], sum(false, None, Some(day)), "of a day");
            assert_amount(&period["refunded"], sum(true, None, Some(day)), "of a day");
            assert_amount(&period["tax"], net_tax(Some(day)), "tax of a day");
            let payments = moved()
                .filter(|one| one.day == day && !one.is_refund)
                .count();
            assert_eq!(period["payments"], payments, "{day}");
        }
        for sums in report["tenders"].as_array().unwrap() {
            let tender = sums["tender"].as_str().unwrap();
            assert_amount(&sums["received"], sum(false, Some(tender), None), tender);
            assert_amount(&sums["refunded"], sum(true, Some(tender), None), tender);
        }
        let listed = report["tenders"].as_array().unwrap().iter();
        let listed: i64 = listed.map(|sums| hundredths(&sums["received"])).sum();
        assert_eq!(listed, received, "a tender is missing");
        self.check_products(&report, &sold().collect::<Vec<_>>());
        self.check_taxes(&report, &taxed().collect::<Vec<_>>());
        self.check_promo_codes(&report, &range);
        let cards = &report["giftCards"];
        let sum_sold = |part: fn(&Sold) -> i64| sold().map(part).sum::<i64>();
        assert_amount(&cards["redeemed"], sum_sold(|one| one.by_gift), "redeemed");
        assert_amount(
            &cards["refunded"],
            sum_sold(|one| one.refunded_to_gift),
            "to cards",
        );
    }

    fn check_products(&self, report: &Value, sold: &[&Sold]) {
        let rows = report["products"].as_array().unwrap();
        for row in rows {
            let kind = row["kind"].as_str().unwrap();
            // Fees have no name, and both gift cards have the same.
            let name = row["name"]
                .as_str()
                .filter(|_| ["pass", "course"].contains(&kind));
            let of_row = || {
                let of_kind = sold.iter().filter(|one| one.kind == kind);
                of_kind.filter(|one| name.is_none() || one.name.as_deref() == name)
            };
            if kind == "gift_card" {
                continue;
            }
            let sum = |part: fn(&Sold) -> i64| of_row().map(|one| part(one)).sum::<i64>();
            assert_eq!(
                row["count"],
                of_row().map(|one| one.count).sum::<i64>(),
                "{row}"
            );
            for (field, part) in [
                ("discount", (|one| one.discount) as fn(&Sold) -> i64),
                ("amount", |one| one.amount),
                ("paidByGiftCard", |one| one.by_gift),
                ("refunded", |one| one.refunded),
                ("refundedToGiftCard", |one| one.refunded_to_gift),
                ("net", |one| {
                    one.amount - one.by_gift - one.refunded + one.refunded_to_gift
                }),
            ] {
                assert_amount(
                    &row[field],
                    sum(part),
                    &format!("{field} of {kind} {name:?}"),
                );
            }
        }
        // Nothing is missing, gift cards included.
        for (field, part) in [
            ("amount", (|one| one.amount) as fn(&Sold) -> i64),
            ("refunded", |one| one.refunded),
        ] {
            let listed: i64 = rows.iter().map(|row| hundredths(&row[field])).sum();
            assert_eq!(
                listed,
                sold.iter().map(|one| part(one)).sum::<i64>(),
                "{field}"
            );
        }
    }

    fn check_taxes(&self, report: &Value, taxed: &[&Taxed]) {
        let rows = report["taxes"].as_array().unwrap();
        let mut rates: Vec<i64> = taxed.iter().map(|one| one.rate).collect();
        rates.sort_unstable();
        rates.dedup();
        assert_eq!(rows.len(), rates.len());
        for row in rows {
            let rate = hundredths(&row["rate"]);
            for (is_refund, amount, tax) in
                [(false, "amount", "tax"), (true, "refunded", "refundedTax")]
            {
                let of_rate = || {
                    let of_rate = taxed.iter().filter(|one| one.rate == rate);
                    of_rate.filter(|one| one.is_refund == is_refund)
                };
                assert_amount(&row[amount], of_rate().map(|one| one.amount).sum(), amount);
                assert_amount(&row[tax], of_rate().map(|one| one.tax).sum(), tax);
            }
        }
    }

    fn check_promo_codes(&self, report: &Value, range: &std::ops::RangeInclusive<NaiveDate>) {
        for row in report["promoCodes"].as_array().unwrap() {
            let of_code = || {
                let in_range = self
                    .model
                    .codes
                    .iter()
                    .filter(|(day, ..)| range.contains(day));
                in_range.filter(|(_, code, ..)| row["code"] == **code)
            };
            assert_eq!(row["orders"], of_code().count());
            assert_amount(
                &row["discount"],
                of_code().map(|one| one.2).sum(),
                "discount",
            );
            assert_amount(&row["amount"], of_code().map(|one| one.3).sum(), "amount");
        }
    }

    /// Compares what is open now.
    async fn check_open(&self) {
        let (today, now) = (self.today(), self.now());
        let report = self.report(today, today).await;
        let value_of = |pass: &Pass| match pass.credits {
            _ if pass.last_day < today => 0,
            Some(credits) => pass.amount * pass.left / credits,
            None => pass.amount * ((pass.last_day - today).num_days() + 1) / pass.days,
        };
        let passes = self.model.passes.values();
        let value = passes.map(value_of).sum();
        assert_amount(&report["passValue"], value, "the value of the passes");
        let cards = &report["giftCards"];
        let balance = self.model.cards.iter().map(|(_, balance)| *balance).sum();
        assert_amount(&cards["balance"], balance, "gift cards");
        assert_amount(&cards["held"], 0, "held");
        let kind_of = |owed: &Owed| {
            let start: DateTime<Utc> = owed.booking["class"]["startTime"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            match owed.fee {
                Some(fee) => fee,
                None if start > now => "upcoming_class",
                None => "past_class",
            }
        };
        for kind in [
            "upcoming_class",
            "past_class",
            "no_show",
            "late_cancellation",
        ] {
            let of_kind = || self.model.owed.iter().filter(|owed| kind_of(owed) == kind);
            let mut rows = report["open"].as_array().unwrap().iter();
            let row = rows.find(|row| row["kind"] == kind);
            let (count, amount) = row.map_or((json!(0), 0), |row| {
                (row["count"].clone(), hundredths(&row["amount"]))
            });
            assert_eq!(count, of_kind().count(), "{kind}");
            assert_eq!(
                amount,
                of_kind().map(|owed| owed.amount).sum::<i64>(),
                "{kind}"
            );
        }
        let owed = self.model.owed.iter().map(|owed| owed.amount).sum();
        assert_amount(&report["owed"], owed, "owed");
    }

    /// Compares the report with the sums of the tables.
    async fn check_tables(&self, from: NaiveDate, to: NaiveDate) {
        let report = self.report(from, to).await;
        let (totals, cards) = (&report["totals"], &report["giftCards"]);
        for (figure, query) in [
            (
                &totals["received"],
                "select sum(amount) from payments
                where paid_at is not null and tender is distinct from 'gift'",
            ),
            (
                &totals["refunded"],
                "select sum(r.amount) from refunds r join payments p on p.id = r.payment_id
                where r.state = 'done' and (p.tender is distinct from 'gift' or r.method <> 'original')",
            ),
            (
                &totals["sold"],
                "select sum(amount) from payments where paid_at is not null",
            ),
            (
                &totals["sold"],
                "select sum(amount) from (
                    select amount from receipt_lines
                    union all
                    select amount from payments p
                    where booking_id is not null and paid_at is not null
                      and not exists (select from receipts x where x.payment_id = p.id)
                ) sold",
            ),
            (
                &totals["tax"],
                "select sum(tax) from (
                    select tax from receipt_lines
                    union all
                    select -round(sum(r.amount) * l.tax / l.total, 2)
                    from receipts x
                    join payments p on p.id = x.payment_id or p.order_id = x.order_id
                    join refunds r on r.payment_id = p.id and r.state = 'done'
                    join (select year, number, sum(tax) as tax, sum(amount) as total
                        from receipt_lines group by year, number) l
                        on (l.year, l.number) = (x.year, x.number)
                    group by x.year, x.number, l.tax, l.total
                ) taxes",
            ),
            (
                &totals["discounts"],
                "select sum(l.discount) from order_lines l join orders o on o.id = l.order_id
                where o.state = 'paid'",
            ),
            (
                &cards["balance"],
                "select sum(change) from wallet_entries",
            ),
            (
                &cards["redeemed"],
                "select -sum(change) from wallet_entries where reason in ('pay', 'release')",
            ),
        ] {
            let text = format!("select coalesce(({query}), 0)::text");
            let sum: String = self.app.sql(&text).await[0].get(0);
            assert_eq!(hundredths(figure), parse(&sum), "{query}");
        }
    }
}

async fn run(seed: u64, operations: usize) {
    let mut studio = Studio::open(seed).await;
    let first = studio.today();
    for operation in 1..=operations {
        studio.operate().await;
        if operation % OPERATIONS_PER_CHECK == 0 {
            studio.sign_in_again().await;
            studio.check(first).await;
        }
    }
}

#[tokio::test]
async fn the_reports_agree_with_the_ledger_after_random_sales() {
    let operations = number("RANDOM_OPERATIONS").unwrap_or(250);
    for seed in seeds() {
        run(seed, usize::try_from(operations).unwrap()).await;
    }
}
