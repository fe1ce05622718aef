//! The payment of a booking, which the member starts.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::http::{IdempotencyKey, Member, StoredResponse, query};
use crate::models::payment::{self, PaymentMethod, StartedPayment};
use crate::payments::checkout::{CheckoutRequest, StartOutcome};
use crate::payments::view::PaymentView;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// A request to start the payment of a booking.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartPayment {
    booking_id: Uuid,
    method: PaymentMethod,
}

/// The payment of a booking.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookingPayment {
    /// The last payment. Null when no payment was started.
    payment: Option<PaymentView>,
}

/// The query for the payment of a booking.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PaymentQuery {
    /// The id of one of the member's bookings.
    #[param(required, value_type = Uuid)]
    booking_id: Option<String>,
}

/// Returns the last payment of a member's booking.
///
/// # Errors
///
/// Fails with [`Error::Invalid`](crate::Error::Invalid) when the id is not a UUID, or as
/// [`payment::find_last`] does.
pub fn find<'a>(
    app: &'a App,
    member: &'a Member,
    query: PaymentQuery,
) -> BoxFuture<'a, Result<BookingPayment>> {
    let user_id = member.user.id;
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.booking_id.unwrap_or_default();
        let booking_id = form.check("bookingId", query::id(&id));
        form.finish()?;
        let booking_id = booking_id.unwrap_or_default();
        let payment = app
            .db()
            .read(async move |client| payment::find_last(client, booking_id, user_id).await)
            .await?;
        let now = app.clock().now();
        Ok(BookingPayment {
            payment: payment.map(|payment| PaymentView::new(booking_id, payment, now)),
        })
    })
}

/// Starts a payment, or finds the one that was started before. Responds with 201
/// and the payment.
///
/// # Errors
///
/// Fails as [`payment::start`] and [`CheckoutRequest::run`] do.
pub fn start<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    form: &StartPayment,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let StartPayment { booking_id, method } = *form;
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let (user_id, accepts_cards) = (member.user.id, app.stripe().is_some());
        let now = app.clock().now();
        let request = CheckoutRequest::new(app, member, key);
        request
            .run(
                async |tx| {
                    let started =
                        payment::start(tx, booking_id, user_id, method, accepts_cards, now);
                    Ok(match started.await? {
                        StartedPayment::Desk(payment) => {
                            let view = PaymentView::new(booking_id, payment, now);
                            StartOutcome::Responded(StoredResponse::created(&view)?)
                        }
                        StartedPayment::Card(card) => StartOutcome::Card(Box::new(card)),
                    })
                },
                async |_, payment| {
                    let now = app.clock().now();
                    StoredResponse::created(&PaymentView::new(booking_id, payment, now))
                },
            )
            .await
    })
}
