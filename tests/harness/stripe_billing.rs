//! The part of the stand-in for Stripe that knows customers, subscriptions, and invoices.
//!
//! The objects have the shapes of version 2025-03-31.basil
//! (<https://docs.stripe.com/api/subscriptions/object>,
//! <https://docs.stripe.com/api/invoices/object>,
//! <https://docs.stripe.com/api/invoice-payment/object>,
//! <https://docs.stripe.com/api/customer_portal/sessions/object>): a period is that of the item of
//! the subscription, and a payment is in the payments of the invoice.

use std::collections::HashMap;

use chrono::{DateTime, Months, TimeDelta, Utc};
use serde_json::{Value, json};

use super::stripe::{Account, INVALID_REQUEST, StripeStandIn, error_body, found};

/// What becomes of the payment of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    Paid,
    Failed,
}

impl StripeStandIn {
    /// Completes the checkout of a subscription, whose first period is paid; returns the
    /// subscription.
    pub fn start_subscription(&self, session: &Value) -> Value {
        let mut state = self.state.lock().unwrap();
        state.last_id += 1;
        let number = state.last_id;
        let session = state.sessions[session["id"].as_str().unwrap()].clone();
        assert_eq!(session["status"], "open");
        let id = format!("sub_{number:04}");
        let customer = match session["customer"].as_str() {
            Some(customer) => customer.to_owned(),
            None => format!("cus_{number:04}"),
        };
        let now = state.clock.now().timestamp();
        let price = &session["recurring_price"];
        let end = end_of_next(now, now, price["recurring"]["interval"].as_str().unwrap());
        let subscription = json!({
            "id": id,
            "object": "subscription",
            "billing_cycle_anchor": now,
            "cancel_at": null,
            "cancel_at_period_end": false,
            "canceled_at": null,
            "collection_method": "charge_automatically",
            "created": now,
            "currency": price["currency"],
            "customer": customer,
            "ended_at": null,
            "items": { "object": "list", "has_more": false, "data": [{
                "id": format!("si_{number:04}"), "object": "subscription_item",
                "current_period_start": now, "current_period_end": end, "price": price, "quantity": 1,
            }] },
            "livemode": false,
            "metadata": session["subscription_metadata"],
            "pause_collection": null,
            "status": "active",
        });
        state.subscriptions.insert(id.clone(), subscription);
        let invoice = state.bill(&id, Renewal::Paid);
        let intent =
            state.invoice_payments[invoice["id"].as_str().unwrap()]["payment"]["payment_intent"]
                .clone();
        let session_id = session["id"].as_str().unwrap();
        let session = state.sessions.get_mut(session_id).unwrap();
        assert!(intent.is_string());
        session["customer"] = json!(customer);
        session["subscription"] = json!(id);
        session["invoice"] = invoice["id"].clone();
        session["status"] = json!("complete");
        session["payment_status"] = json!("paid");
        session["url"] = Value::Null;
        state.subscriptions[&id].clone()
    }

    /// Begins the next period of a subscription; returns its invoice.
    pub fn renew(&self, subscription: &Value, renewal: Renewal) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = subscription["id"].as_str().unwrap();
        let subscription = state.subscriptions.get_mut(id).unwrap();
        let anchor = subscription["billing_cycle_anchor"].as_i64().unwrap();
        let item = &mut subscription["items"]["data"][0];
        let start = item["current_period_end"].as_i64().unwrap();
        let interval = item["price"]["recurring"]["interval"].as_str().unwrap();
        let end = end_of_next(anchor, start, interval);
        item["current_period_start"] = json!(start);
        item["current_period_end"] = json!(end);
        state.bill(id, renewal)
    }

    /// Tries to take the payment of an open invoice again; returns the invoice.
    pub fn retry_invoice(&self, invoice: &Value, renewal: Renewal) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = invoice["id"].as_str().unwrap();
        state.attempt(id, renewal);
        state.invoices[id].clone()
    }

    /// Changes a subscription, as somebody does in the dashboard; returns it.
    pub fn update_subscription(
        &self,
        subscription: &Value,
        update: impl FnOnce(&mut Value),
    ) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = subscription["id"].as_str().unwrap();
        let subscription = state.subscriptions.get_mut(id).unwrap();
        update(subscription);
        subscription.clone()
    }

    /// Changes an invoice; returns it.
    pub fn update_invoice(&self, invoice: &Value, update: impl FnOnce(&mut Value)) -> Value {
        let mut state = self.state.lock().unwrap();
        let invoice = state.invoices.get_mut(invoice["id"].as_str().unwrap());
        let invoice = invoice.unwrap();
        update(invoice);
        invoice.clone()
    }

    /// Returns the current state of a subscription.
    pub fn subscription(&self, subscription: &Value) -> Value {
        let state = self.state.lock().unwrap();
        state.subscriptions[subscription["id"].as_str().unwrap()].clone()
    }

    /// Returns all subscriptions, oldest first.
    pub fn subscriptions(&self) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.subscriptions.values().cloned().collect()
    }

    /// Returns the invoices, oldest first.
    pub fn invoices(&self) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.invoices.values().cloned().collect()
    }

    /// Returns the money of a paid invoice, in the fields that the functions for refunds and
    /// disputes read from a session.
    pub fn money_of(&self, invoice: &Value) -> Value {
        let state = self.state.lock().unwrap();
        let payment = &state.invoice_payments[invoice["id"].as_str().unwrap()]["payment"];
        let mut money = state
            .paid_by_invoice(payment["payment_intent"].as_str().unwrap())
            .unwrap();
        money["payment_intent"] = payment["payment_intent"].clone();
        money
    }
}

/// Returns when the period ends that begins at `start`.
fn end_of_next(anchor: i64, start: i64, interval: &str) -> i64 {
    let time = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap();
    if interval == "week" {
        return (time(start) + TimeDelta::days(7)).timestamp();
    }
    let step = if interval == "year" { 12 } else { 1 };
    let ends = (1..).map(|count| time(anchor) + Months::new(count * step));
    ends.map(|end| end.timestamp())
        .find(|end| *end > start)
        .unwrap()
}

impl Account {
    /// Handles a request about subscriptions.
    pub(super) fn handle_billing(
        &mut self,
        method: &str,
        segments: &[&str],
        form: &HashMap<String, String>,
    ) -> (u16, Value) {
        match (method, segments) {
            ("GET", ["v1", "subscriptions", id]) => found(self.subscriptions.get(*id)),
            ("POST", ["v1", "subscriptions", id]) => {
                // Stripe accepts only one of the two parameters.
                assert_eq!(form.len(), 1, "{form:?}");
                if form.contains_key("cancel_at") {
                    return self.change_subscription(id, |subscription| {
                        assert_eq!(subscription["cancel_at_period_end"], false);
                        subscription["cancel_at"] = Value::Null;
                    });
                }
                let ends = form["cancel_at_period_end"] == "true";
                self.change_subscription(id, |subscription| {
                    let end = &subscription["items"]["data"][0]["current_period_end"];
                    subscription["cancel_at"] = if ends { end.clone() } else { Value::Null };
                    subscription["cancel_at_period_end"] = json!(ends);
                })
            }
            ("DELETE", ["v1", "subscriptions", id]) => {
                let now = self.clock.now().timestamp();
                self.change_subscription(id, |subscription| {
                    subscription["status"] = json!("canceled");
                    subscription["canceled_at"] = json!(now);
                    subscription["ended_at"] = json!(now);
                })
            }
            ("GET", ["v1", "invoices"]) => (200, self.list_invoices(form)),
            ("GET", ["v1", "invoices", id]) => found(self.invoices.get(*id)),
            ("GET", ["v1", "invoice_payments"]) => {
                let intent = &form["payment[payment_intent]"];
                let payments = self.invoice_payments.values();
                let data: Vec<_> = payments
                    .filter(|payment| payment["payment"]["payment_intent"] == **intent)
                    .collect();
                (
                    200,
                    json!({ "object": "list", "data": data, "has_more": false }),
                )
            }
            ("POST", ["v1", "billing_portal", "sessions"]) => {
                self.last_id += 1;
                let id = format!("bps_{:04}", self.last_id);
                let url = format!("https://billing.stripe.com/p/session/{id}");
                (
                    200,
                    json!({
                        "id": id, "object": "billing_portal.session", "customer": form["customer"],
                        "livemode": false, "return_url": form["return_url"], "url": url,
                    }),
                )
            }
            _ => (404, error_body(INVALID_REQUEST, "", "")),
        }
    }

    /// Changes a subscription, unless it has ended.
    fn change_subscription(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> (u16, Value) {
        match self.subscriptions.get_mut(id) {
            Some(subscription) if subscription["status"] != "canceled" => {
                change(subscription);
                (200, subscription.clone())
            }
            _ => (404, error_body(INVALID_REQUEST, "resource_missing", "id")),
        }
    }

    /// Returns the invoices of a subscription, newest first, with their payments if the request
    /// asks for them.
    fn list_invoices(&self, query: &HashMap<String, String>) -> Value {
        let limit: usize = query["limit"].parse().unwrap();
        let is_of_subscription = |invoice: &&Value| {
            let details = &invoice["parent"]["subscription_details"];
            details["subscription"] == *query["subscription"]
        };
        let has_payments = query
            .get("expand[]")
            .is_some_and(|path| path == "data.payments");
        let all: Vec<&Value> = self
            .invoices
            .values()
            .rev()
            .filter(is_of_subscription)
            .collect();
        let data: Vec<Value> = all
            .iter()
            .take(limit)
            .map(|invoice| {
                let mut invoice = (*invoice).clone();
                if has_payments {
                    let payment = &self.invoice_payments[invoice["id"].as_str().unwrap()];
                    invoice["payments"] =
                        json!({ "object": "list", "data": [payment], "has_more": false });
                }
                invoice
            })
            .collect();
        json!({ "object": "list", "data": data, "has_more": all.len() > limit })
    }

    /// Creates the Checkout Session of a subscription. Two fields keep what Stripe stores
    /// elsewhere: the price, and the metadata of the subscription.
    pub(super) fn create_subscription_session(
        &mut self,
        form: &HashMap<String, String>,
    ) -> (u16, Value) {
        let price = "line_items[0][price_data]";
        let amount: i64 = form[&format!("{price}[unit_amount]")].parse().unwrap();
        let currency = &form[&format!("{price}[currency]")];
        let expires_at: i64 = form["expires_at"].parse().unwrap();
        let now = self.clock.now().timestamp();
        if !(now + 30 * 60..=now + 24 * 60 * 60).contains(&expires_at) {
            return (400, error_body(INVALID_REQUEST, "", "expires_at"));
        }
        if amount < 50 && currency == "usd" {
            return (400, error_body(INVALID_REQUEST, "amount_too_small", ""));
        }
        self.last_id += 1;
        let id = format!("cs_test_{:04}", self.last_id);
        let session = json!({
            "id": id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": form["adaptive_pricing[enabled]"] == "true" },
            "amount_total": amount,
            "created": now,
            "currency": currency,
            "customer": form.get("customer"),
            "customer_email": form.get("customer_email"),
            "expires_at": expires_at,
            "invoice": null,
            "livemode": false,
            "metadata": { "membership_id": form["metadata[membership_id]"] },
            "mode": "subscription",
            "payment_intent": null,
            "payment_method_types": [form["payment_method_types[0]"]],
            "payment_status": "unpaid",
            "recurring_price": {
                "id": format!("price_{:04}", self.last_id), "object": "price", "currency": currency,
                "recurring": { "interval": form[&format!("{price}[recurring][interval]")], "interval_count": 1 },
                "type": "recurring", "unit_amount": amount,
            },
            "status": "open",
            "subscription": null,
            "subscription_metadata": { "membership_id": form["subscription_data[metadata][membership_id]"] },
            "success_url": form["success_url"],
            "url": format!("https://checkout.stripe.com/c/pay/{id}"),
        });
        self.sessions.insert(id, session.clone());
        (200, session)
    }

    /// Creates the invoice for the current period of a subscription; returns it.
    fn bill(&mut self, subscription_id: &str, renewal: Renewal) -> Value {
        self.last_id += 1;
        let number = self.last_id;
        let id = format!("in_{number:04}");
        let subscription = &self.subscriptions[subscription_id];
        let item = &subscription["items"]["data"][0];
        let amount = &item["price"]["unit_amount"];
        let start = &item["current_period_start"];
        let invoice = json!({
            "id": id,
            "object": "invoice",
            "amount_due": amount,
            "amount_paid": 0,
            "amount_remaining": amount,
            "attempt_count": 0,
            "attempted": false,
            "created": self.clock.now().timestamp(),
            "currency": subscription["currency"],
            "customer": subscription["customer"],
            "lines": { "object": "list", "has_more": false, "data": [{
                "id": format!("il_{number:04}"), "object": "line_item", "amount": amount,
                "currency": subscription["currency"],
                "parent": { "invoice_item_details": null, "type": "subscription_item_details",
                    "subscription_item_details": { "invoice_item": null, "proration": false,
                        "subscription": subscription_id, "subscription_item": item["id"] } },
                "period": { "start": start, "end": item["current_period_end"] },
                "quantity": 1,
            }] },
            "livemode": false,
            "metadata": {},
            "parent": { "quote_details": null, "type": "subscription_details",
                "subscription_details": {
                    "metadata": subscription["metadata"], "subscription": subscription_id } },
            // The invoice's own period is not the one that is paid.
            "period_start": start,
            "period_end": start,
            "status": "open",
            "total": amount,
        });
        let payment = json!({
            "id": format!("inpay_{number:04}"), "object": "invoice_payment", "amount_paid": null,
            "amount_requested": amount, "currency": subscription["currency"], "invoice": id,
            "is_default": true, "livemode": false, "status": "open",
            "payment": { "payment_intent": format!("pi_{number:04}"), "type": "payment_intent" },
        });
        self.invoices.insert(id.clone(), invoice);
        self.invoice_payments.insert(id.clone(), payment);
        self.attempt(&id, renewal);
        self.invoices[&id].clone()
    }

    /// Tries to take the payment of an open invoice.
    fn attempt(&mut self, id: &str, renewal: Renewal) {
        let invoice = self.invoices.get_mut(id).unwrap();
        assert_eq!(invoice["status"], "open");
        invoice["attempted"] = json!(true);
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_i64().unwrap() + 1);
        let details = &invoice["parent"]["subscription_details"];
        let subscription_id = details["subscription"].as_str().unwrap().to_owned();
        let is_paid = renewal == Renewal::Paid;
        if is_paid {
            invoice["status"] = json!("paid");
            invoice["amount_paid"] = invoice["amount_due"].clone();
            invoice["amount_remaining"] = json!(0);
            let payment = self.invoice_payments.get_mut(id).unwrap();
            payment["status"] = json!("paid");
            payment["amount_paid"] = payment["amount_requested"].clone();
            let payment = payment.clone();
            let intent = payment["payment"]["payment_intent"].as_str().unwrap();
            let amount = payment["amount_paid"].as_i64().unwrap();
            self.enter_charge(intent, amount, &payment["currency"]);
        }
        let subscription = self.subscriptions.get_mut(&subscription_id).unwrap();
        if subscription["status"] != "canceled" {
            subscription["status"] = json!(if is_paid { "active" } else { "past_due" });
        }
    }

    /// Returns the money that a payment intent has paid for an invoice, in the fields of a session.
    pub(super) fn paid_by_invoice(&self, intent: &str) -> Option<Value> {
        let mut payments = self.invoice_payments.values();
        let is_paid = |payment: &&Value| {
            payment["payment"]["payment_intent"] == *intent && payment["status"] == "paid"
        };
        let payment = payments.find(is_paid)?;
        Some(json!({
            "amount_total": payment["amount_paid"],
            "currency": payment["currency"],
            "payment_intent_metadata": {},
        }))
    }
}
