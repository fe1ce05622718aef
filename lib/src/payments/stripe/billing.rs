//! Subscriptions, their invoices, and Stripe's customer portal.
//!
//! The price of a subscription is sent with its checkout (`price_data`), so no product or price has
//! to be kept at Stripe, and a changed name or price needs no synchronization.

use chrono::{DateTime, Utc};
use http::Method;
use serde::Deserialize;
use uuid::Uuid;

use super::object::{List, Metadata, id_in};
use super::{Session, Stripe, StripeError, encode_form, path_segment};

/// How many of the latest invoices are read. The clean-up reads them after each period, so only
/// the last ones can be unknown.
const MAX_INVOICES: usize = 12;

/// A Checkout Session that starts a subscription.
#[derive(Clone, Debug)]
pub struct NewSubscriptionSession<'a> {
    /// The id of the membership, which Stripe includes in the subscription.
    pub membership_id: Uuid,
    /// The price of a period in the smallest unit of the currency.
    pub amount: i64,
    /// The ISO 4217 code of the currency.
    pub currency: &'a str,
    /// Stripe's name of the period, such as `month`.
    pub interval: &'a str,
    /// The title that the payment page shows.
    pub title: &'a str,
    /// Stripe's id of the customer. `None` if Stripe does not know the member.
    pub customer: Option<&'a str>,
    /// The member's e-mail address, for a new customer.
    pub email: &'a str,
    /// When the session expires if it is not paid. At least thirty minutes from now.
    pub expires_at: DateTime<Utc>,
    /// Where Stripe redirects the browser after the payment.
    pub success_url: String,
    /// Where Stripe redirects the browser when the member goes back.
    pub cancel_url: String,
}

/// A subscription.
#[derive(Clone, Debug, Deserialize)]
pub struct Subscription {
    /// The id, such as `sub_…`.
    pub id: String,
    /// The id of the customer, such as `cus_…`.
    pub customer: String,
    /// The status in Stripe's terms, such as `active`.
    pub status: String,
    /// The time from which the ends of the periods are counted, in seconds since 1970.
    pub billing_cycle_anchor: i64,
    /// Whether it ends with the current period.
    #[serde(default)]
    pub cancel_at_period_end: bool,
    /// When it will end, in seconds since 1970. `None` if no time is set.
    #[serde(default)]
    pub cancel_at: Option<i64>,
    #[serde(default)]
    pause_collection: Option<serde::de::IgnoredAny>,
    items: List<SubscriptionItem>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// What is paid with a subscription. Ours have one item.
#[derive(Clone, Debug, Deserialize)]
struct SubscriptionItem {
    current_period_start: i64,
    current_period_end: i64,
}

impl Subscription {
    /// Returns our id of the membership, if the subscription is ours.
    pub fn membership_id(&self) -> Option<Uuid> {
        id_in(self.metadata.as_ref(), "membership_id")
    }

    /// Returns when the current period starts and ends, in seconds since 1970.
    pub fn period(&self) -> Option<(i64, i64)> {
        let item = self.items.data.first()?;
        Some((item.current_period_start, item.current_period_end))
    }

    /// Returns whether no payments are collected at the moment.
    pub fn is_paused(&self) -> bool {
        self.pause_collection.is_some() || self.status == "paused"
    }

    /// Returns whether it is over for good.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }
}

/// An invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct Invoice {
    /// The id, such as `in_…`.
    pub id: String,
    /// The status, such as `paid` or `open`. `None` if Stripe leaves it out.
    #[serde(default)]
    pub status: Option<String>,
    /// What was paid, in the smallest unit of the currency.
    pub amount_paid: i64,
    /// ISO 4217 code in lower case.
    pub currency: String,
    /// How often the payment was attempted.
    #[serde(default)]
    pub attempt_count: i32,
    #[serde(default)]
    parent: Option<InvoiceParent>,
    lines: List<InvoiceLine>,
    /// Present only if the request asks for it.
    #[serde(default)]
    payments: Option<List<InvoicePayment>>,
}

#[derive(Clone, Debug, Deserialize)]
struct InvoiceParent {
    #[serde(default)]
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Clone, Debug, Deserialize)]
struct SubscriptionDetails {
    #[serde(default)]
    subscription: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct InvoiceLine {
    period: InvoicePeriod,
    #[serde(default)]
    parent: Option<LineParent>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct InvoicePeriod {
    start: i64,
    end: i64,
}

#[derive(Clone, Debug, Deserialize)]
struct LineParent {
    #[serde(default)]
    subscription_item_details: Option<SubscriptionItemDetails>,
}

#[derive(Clone, Debug, Deserialize)]
struct SubscriptionItemDetails {
    #[serde(default)]
    proration: bool,
}

/// A payment towards an invoice.
#[derive(Clone, Debug, Deserialize)]
struct InvoicePayment {
    invoice: String,
    status: String,
    payment: InvoicePaymentSource,
}

#[derive(Clone, Debug, Deserialize)]
struct InvoicePaymentSource {
    #[serde(default)]
    payment_intent: Option<String>,
}

impl Invoice {
    /// Returns the id of the subscription. `None` if the invoice is for something else.
    pub fn subscription(&self) -> Option<&str> {
        let details = self.parent.as_ref()?.subscription_details.as_ref()?;
        details.subscription.as_deref()
    }

    /// Returns the start and the end of the period that is paid, in seconds since 1970. The
    /// invoice's own period is the one before, so the line's is taken. `None` if the invoice has
    /// only prorations.
    pub fn period(&self) -> Option<(i64, i64)> {
        let is_of_period = |line: &&InvoiceLine| {
            let parent = line.parent.as_ref();
            let item = parent.and_then(|parent| parent.subscription_item_details.as_ref());
            item.is_some_and(|item| !item.proration)
        };
        let periods = self.lines.data.iter().filter(is_of_period);
        let last = periods
            .map(|line| line.period)
            .max_by_key(|period| period.end)?;
        Some((last.start, last.end))
    }

    /// Returns the id of the payment intent that has paid the invoice.
    pub fn payment_intent(&self) -> Option<&str> {
        let payments = self.payments.as_ref()?.data.iter();
        let mut paid = payments.filter(|payment| payment.status == "paid");
        paid.find_map(|payment| payment.payment.payment_intent.as_deref())
    }
}

#[derive(Deserialize)]
struct PortalSession {
    url: String,
}

impl Stripe {
    /// Creates a Checkout Session that starts a subscription. Another call for the same membership
    /// and the same expiry time returns the same session, for at least a day.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn create_subscription_session(
        &self,
        new: &NewSubscriptionSession<'_>,
    ) -> Result<Session, StripeError> {
        let id = new.membership_id.to_string();
        let expires_at = new.expires_at.timestamp();
        let amount = new.amount.to_string();
        let price = "line_items[0][price_data]";
        let member = match new.customer {
            Some(customer) => ("customer", customer),
            None => ("customer_email", new.email),
        };
        let form = encode_form(&[
            ("mode", "subscription"),
            ("payment_method_types[0]", "card"),
            // The member pays our price in our currency.
            ("adaptive_pricing[enabled]", "false"),
            ("line_items[0][quantity]", "1"),
            (&format!("{price}[currency]"), &new.currency.to_lowercase()),
            (&format!("{price}[unit_amount]"), &amount),
            (&format!("{price}[recurring][interval]"), new.interval),
            (&format!("{price}[product_data][name]"), new.title),
            ("metadata[membership_id]", &id),
            ("subscription_data[metadata][membership_id]", &id),
            member,
            ("success_url", &new.success_url),
            ("cancel_url", &new.cancel_url),
            ("expires_at", &expires_at.to_string()),
        ]);
        let key = format!("{id}-{expires_at}");
        self.post("/v1/checkout/sessions", form, Some(key)).await
    }

    /// Reads a subscription.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        let path = format!("/v1/subscriptions/{}", path_segment(id));
        self.call(Method::GET, &path, String::new(), None).await
    }

    /// Ends a subscription with the current period.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn end_subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        self.update_subscription(id, ("cancel_at_period_end", "true"))
            .await
    }

    /// Undoes the end of a subscription, whether it was set by us or in the customer portal, which
    /// may set a time instead.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn keep_subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        // Stripe accepts only one of the two parameters.
        let field = match self.subscription(id).await?.cancel_at_period_end {
            true => ("cancel_at_period_end", "false"),
            false => ("cancel_at", ""),
        };
        self.update_subscription(id, field).await
    }

    async fn update_subscription(
        &self,
        id: &str,
        field: (&str, &str),
    ) -> Result<Subscription, StripeError> {
        // Repeating the request changes nothing, so it needs no idempotency key.
        let path = format!("/v1/subscriptions/{}", path_segment(id));
        self.post(&path, encode_form(&[field]), None).await
    }

    /// Ends a subscription at once, without an invoice or a refund. Stripe refuses this if it has
    /// ended.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn cancel_subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        let path = format!("/v1/subscriptions/{}", path_segment(id));
        self.call(Method::DELETE, &path, String::new(), None).await
    }

    /// Reads the latest invoices of a subscription with their payments, oldest first.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn invoices(&self, subscription: &str) -> Result<Vec<Invoice>, StripeError> {
        let path = format!(
            "/v1/invoices?subscription={}&limit={MAX_INVOICES}&expand%5B%5D=data.payments",
            path_segment(subscription)
        );
        let List { mut data, .. }: List<Invoice> =
            self.call(Method::GET, &path, String::new(), None).await?;
        data.reverse();
        Ok(data)
    }

    /// Reads an invoice, without its payments.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn invoice(&self, id: &str) -> Result<Invoice, StripeError> {
        let path = format!("/v1/invoices/{}", path_segment(id));
        self.call(Method::GET, &path, String::new(), None).await
    }

    /// Finds the id of the invoice that a payment intent has paid. Returns `None` if it has paid
    /// none.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn invoice_of_payment(
        &self,
        payment_intent: &str,
    ) -> Result<Option<String>, StripeError> {
        let path = format!(
            "/v1/invoice_payments?limit=1&payment%5Btype%5D=payment_intent\
             &payment%5Bpayment_intent%5D={}",
            path_segment(payment_intent)
        );
        let List { data, .. }: List<InvoicePayment> =
            self.call(Method::GET, &path, String::new(), None).await?;
        Ok(data.into_iter().next().map(|payment| payment.invoice))
    }

    /// Creates a session of the customer portal, where a member changes the card and sees the
    /// invoices. Returns its URL, which is valid for a few minutes.
    ///
    /// # Errors
    ///
    /// Fails with [`StripeError`].
    pub async fn create_portal_session(
        &self,
        customer: &str,
        return_url: &str,
    ) -> Result<String, StripeError> {
        let form = encode_form(&[("customer", customer), ("return_url", return_url)]);
        let session: PortalSession = self.post("/v1/billing_portal/sessions", form, None).await?;
        Ok(session.url)
    }
}
