//! The list of all payments, for staff.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::http::{List, query};
use crate::models::payment::{self, ListedPayment, PaymentMethod};
use crate::models::payment_status::PaymentStatus;
use crate::store::page::Page;
use crate::values::email;
use crate::values::form::{Form, Problem};
use crate::values::money::Amount;
use crate::{App, BoxFuture};

/// The filter of the list of payments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PaymentsQuery {
    /// The status of the payments.
    #[param(inline, value_type = Option<PaymentStatus>)]
    status: Option<String>,
    /// Only the payments of the member with this id.
    #[param(value_type = Option<Uuid>)]
    member_id: Option<String>,
}

/// A payment with its member and its class, as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ListedPayment)]
pub struct ListedPaymentView {
    id: Uuid,
    booking_id: Uuid,
    amount: Amount,
    /// What is refunded or going to be refunded.
    refunded: Amount,
    /// What is going to be refunded.
    refund_due: Amount,
    /// ISO 4217 code.
    currency: String,
    method: PaymentMethod,
    status: PaymentStatus,
    created_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    /// When the whole amount was refunded.
    refunded_at: Option<DateTime<Utc>>,
    member: PayingMemberView,
    class: PaidClassView,
}

/// The member who pays.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PayingMember)]
struct PayingMemberView {
    id: Uuid,
    /// The first and last name.
    name: String,
    /// Null if the account is closed.
    email: Option<String>,
}

/// The class that is paid for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaidClass)]
struct PaidClassView {
    /// The id of the class.
    scheduled_class_id: Uuid,
    title: String,
    start_time: DateTime<Utc>,
}

impl From<ListedPayment> for ListedPaymentView {
    fn from(listed: ListedPayment) -> Self {
        let payment = listed.payment;
        Self {
            id: payment.id,
            booking_id: listed.booking_id,
            amount: payment.amount.in_currency(&payment.currency),
            refunded: payment.refunded.in_currency(&payment.currency),
            refund_due: listed.refund_due.in_currency(&payment.currency),
            currency: payment.currency,
            method: payment.method,
            status: payment.shown_status,
            created_at: payment.created_at,
            paid_at: payment.paid_at,
            refunded_at: payment.refunded_at,
            member: PayingMemberView {
                id: payment.user_id,
                name: listed.member_name,
                email: listed.member_email.as_deref().map(email::readable),
            },
            class: PaidClassView {
                scheduled_class_id: listed.scheduled_class_id,
                title: listed.title,
                start_time: listed.start_time,
            },
        }
    }
}

/// Lists payments, newest first.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list<'a>(
    app: &'a App,
    filter: &'a PaymentsQuery,
    page: Page,
) -> BoxFuture<'a, Result<List<ListedPaymentView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let status = form.check_filled("status", filter.status.as_deref(), status);
        let member_id = form.check_filled("memberId", filter.member_id.as_deref(), query::id);
        form.finish()?;
        let rows = app
            .db()
            .read(async move |client| payment::list(client, status, member_id, &page).await)
            .await?;
        Ok(List::new(
            rows,
            page,
            ListedPayment::position,
            ListedPaymentView::from,
        ))
    })
}

fn status(text: &str) -> Result<PaymentStatus, Problem> {
    PaymentStatus::parse(text).ok_or_else(|| {
        let names = PaymentStatus::ALL.map(PaymentStatus::as_str).join(", ");
        format!("must be one of {names}")
    })
}
