//! The part of the stand-in for Stripe that knows balance transactions and payouts.
//!
//! The objects have the shapes of Stripe's API reference
//! (<https://docs.stripe.com/api/balance_transactions/object>,
//! <https://docs.stripe.com/api/payouts/object>). Stripe keeps 2.9 % and 0.30 of a charge, and
//! nothing of a refund. The net of each balance transaction is its amount minus its fee.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::stripe::{Account, INVALID_REQUEST, StripeStandIn, error_body};

/// How many balance transactions a page has at most, so that the client must read several pages.
const PAGE_SIZE: usize = 2;

#[derive(Default)]
pub(super) struct Balance {
    /// Oldest first.
    entries: Vec<Entry>,
    charges: BTreeMap<String, Value>,
    payouts: BTreeMap<String, Value>,
}

struct Entry {
    transaction: Value,
    /// The payout that pays it out.
    payout: Option<String>,
    /// Whether Stripe says so already.
    is_assigned: bool,
}

/// A balance transaction to be created.
pub(super) struct Moved<'a> {
    /// The type and the category.
    pub(super) kind: (&'static str, &'static str),
    pub(super) source: Option<&'a str>,
    pub(super) amount: i64,
    pub(super) fee: i64,
    pub(super) currency: &'a Value,
}

impl StripeStandIn {
    /// Takes a charge that the application did not create; returns its id.
    pub fn charge_elsewhere(&self, amount: i64) -> String {
        self.charge_elsewhere_in("usd", amount)
    }

    /// Takes a charge in this currency that the application did not create; returns its id.
    pub fn charge_elsewhere_in(&self, currency: &str, amount: i64) -> String {
        let mut state = self.state.lock().unwrap();
        state.last_id += 1;
        let intent = format!("pi_other_{:04}", state.last_id);
        state.enter_charge(&intent, amount, &json!(currency));
        intent.replace("pi_", "ch_")
    }

    /// Takes a fee for a service of Stripe.
    pub fn charge_fee(&self, amount: i64) {
        self.state.lock().unwrap().enter(&Moved {
            kind: ("stripe_fee", "fee"),
            source: None,
            amount: -amount,
            fee: 0,
            currency: &json!("usd"),
        });
    }

    /// Sends the balance to the bank; returns the payout, which arrives two days later.
    pub fn pay_out(&self) -> Value {
        let payout = self.begin_payout(true);
        self.assign_payout(&payout);
        payout
    }

    /// Sends the balance to the bank. Stripe does not say yet, or not at all if the payout is not
    /// automatic, what it consists of.
    pub fn begin_payout(&self, is_automatic: bool) -> Value {
        let mut state = self.state.lock().unwrap();
        state.last_id += 1;
        let id = format!("po_{:04}", state.last_id);
        let mut amount = 0;
        for entry in state.balance.entries.iter_mut() {
            if entry.payout.is_none() {
                amount += entry.transaction["net"].as_i64().unwrap();
                entry.payout = Some(id.clone());
            }
        }
        let day = 24 * 60 * 60;
        let today = state.clock.now().timestamp() / day * day;
        let payout = json!({
            "id": id, "object": "payout", "amount": amount, "arrival_date": today + 2 * day,
            "automatic": is_automatic, "currency": "usd", "status": "in_transit",
        });
        state.balance.payouts.insert(id.clone(), payout.clone());
        state.enter(&Moved {
            kind: ("payout", "payout"),
            source: Some(&id),
            amount: -amount,
            fee: 0,
            currency: &json!("usd"),
        });
        state.balance.entries.last_mut().unwrap().payout = Some(id);
        payout
    }

    /// Says what a payout consists of. That includes its own balance transaction.
    pub fn assign_payout(&self, payout: &Value) {
        let mut state = self.state.lock().unwrap();
        for entry in state.balance.entries.iter_mut() {
            entry.is_assigned |= entry.payout.as_deref() == payout["id"].as_str();
        }
    }

    /// Returns a payout that the bank has sent back to the balance.
    pub fn fail_payout(&self, payout: &Value) {
        self.state.lock().unwrap().enter(&Moved {
            kind: ("payout_failure", "payout_reversal"),
            source: payout["id"].as_str(),
            amount: payout["amount"].as_i64().unwrap(),
            fee: 0,
            currency: &json!("usd"),
        });
    }
}

impl Account {
    /// Enters a balance transaction, and returns it.
    pub(super) fn enter(&mut self, moved: &Moved<'_>) -> Value {
        let (kind, category) = moved.kind;
        let now = self.clock.now().timestamp();
        let transaction = json!({
            "id": format!("txn_{:04}", self.balance.entries.len() + 1),
            "object": "balance_transaction",
            "amount": moved.amount,
            "available_on": now + 2 * 24 * 60 * 60,
            "created": now,
            "currency": moved.currency,
            "description": null,
            "exchange_rate": null,
            "fee": moved.fee,
            "fee_details": [],
            "net": moved.amount - moved.fee,
            "reporting_category": category,
            "source": moved.source,
            "status": "pending",
            "type": kind,
        });
        self.balance.entries.push(Entry {
            transaction: transaction.clone(),
            payout: None,
            is_assigned: false,
        });
        transaction
    }

    /// Enters the charge of a payment intent.
    pub(super) fn enter_charge(&mut self, intent: &str, amount: i64, currency: &Value) {
        let id = intent.replace("pi_", "ch_");
        let charge = json!({
            "id": id, "object": "charge", "amount": amount, "currency": currency,
            "payment_intent": intent, "status": "succeeded",
        });
        self.balance.charges.insert(id.clone(), charge);
        self.enter(&Moved {
            kind: ("charge", "charge"),
            source: Some(&id),
            amount,
            fee: (amount * 29 + 500) / 1_000 + 30,
            currency,
        });
    }

    /// Returns a page of balance transactions, newest first.
    pub(super) fn list_balance(&self, query: &HashMap<String, String>) -> (u16, Value) {
        let number = |name: &str| query.get(name).map(|text| text.parse::<i64>().unwrap());
        let (since, till) = (number("created[gte]"), number("created[lt]"));
        let is_wanted = |entry: &&Entry| {
            let created = entry.transaction["created"].as_i64().unwrap();
            let is_in_payout = |payout| entry.is_assigned && entry.payout.as_ref() == Some(payout);
            since.is_none_or(|since| created >= since)
                && till.is_none_or(|till| created < till)
                && query.get("payout").is_none_or(is_in_payout)
        };
        let mut entries = self.balance.entries.iter().rev();
        if let Some(after) = query.get("starting_after")
            && !entries.any(|entry| entry.transaction["id"] == **after)
        {
            let body = error_body(INVALID_REQUEST, "resource_missing", "starting_after");
            return (400, body);
        }
        let size = PAGE_SIZE.min(query["limit"].parse().unwrap());
        let mut page: Vec<_> = entries.filter(is_wanted).take(size + 1).collect();
        let has_more = page.len() > size;
        page.truncate(size);
        let is_expanded = query
            .get("expand[]")
            .is_some_and(|path| path == "data.source");
        let data: Vec<Value> = page
            .iter()
            .map(|entry| {
                let mut transaction = entry.transaction.clone();
                if let (true, Some(source)) = (is_expanded, transaction["source"].as_str()) {
                    transaction["source"] = self.source(source);
                }
                transaction
            })
            .collect();
        (
            200,
            json!({ "object": "list", "data": data, "has_more": has_more }),
        )
    }

    /// Returns the object that has moved the balance.
    fn source(&self, id: &str) -> Value {
        let Balance {
            charges, payouts, ..
        } = &self.balance;
        let mut kinds = [charges, payouts, &self.refunds, &self.disputes].into_iter();
        kinds.find_map(|objects| objects.get(id)).unwrap().clone()
    }
}
