//! What members do with bookings.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::http::{IdempotencyKey, List, Member, StoredResponse};
use crate::models::booking::{self, Booking, Cancellation, NewBooking, Shown, When};
use crate::notify::mail;
use crate::payments::reconcile;
use crate::store::page::Page;
use crate::values::form;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// Which of their bookings somebody wants to see.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Period {
    /// `upcoming`, the next one first, or `past`, the last one first;
    /// `upcoming` unless given.
    #[param(inline, value_type = Option<When>)]
    when: Option<String>,
}

/// A page of a member's bookings, cancelled ones too.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::Unavailable`].
pub fn list<'a>(
    app: &'a App,
    member: &Member,
    period: Period,
    page: Page,
) -> BoxFuture<'a, Result<List<Shown>>> {
    let id = member.user.id;
    Box::pin(async move {
        let mut check = Form::default();
        let when = check.check_filled("when", period.when.as_deref(), When::parse);
        check.finish()?;
        let (when, now) = (when.unwrap_or(When::Upcoming), app.clock().now());
        let rows = app
            .db()
            .read(async move |client| booking::list(client, id, when, now, &page).await)
            .await?;
        Ok(List::new(rows, page, Booking::place, Shown::from))
    })
}

/// What somebody wants to come to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateBooking)]
pub struct Wish {
    scheduled_class_id: Uuid,
    /// Wait for a place when there is none.
    #[serde(default)]
    join_waitlist: bool,
}

/// What somebody cannot come to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CancelBooking)]
pub struct Regret {
    booking_id: Uuid,
    /// At most 500 characters, for the studio.
    #[schema(max_length = 500, examples("A cold"))]
    reason: Option<String>,
}

/// Books a place, or one in the line for it. 201 and the booking.
///
/// # Errors
///
/// Those of [`booking::create`] and of
/// [`IdempotentTransaction::run_statement`](crate::session::IdempotentTransaction::run_statement).
pub fn create<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    wish: &Wish,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let new = NewBooking {
        user_id: member.user.id,
        scheduled_class_id: wish.scheduled_class_id,
        join_waitlist: wish.join_waitlist,
    };
    Box::pin(async move {
        member.key()?;
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let response = app
            .transaction()
            .invalidate([app.schedule()])
            .idempotent(new.user_id, key)
            .run_statement(async |client| {
                let booking = booking::create(client, new, now, studio).await?;
                StoredResponse::created(&Shown::from(booking))
            })
            .await?;
        mail::send_due_soon(app);
        Ok(response)
    })
}

/// Cancels a booking of the member's, and gives the place to whoever waits.
///
/// # Errors
///
/// [`crate::Error::Invalid`] for the reason; those of [`booking::cancel`] and of
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn cancel<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    regret: &Regret,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let mut check = Form::default();
    let reason = check.check_filled("reason", regret.reason.as_deref(), reason);
    let cancellation = check.finish().map(|()| Cancellation {
        booking_id: regret.booking_id,
        owner: Some(member.user.id),
        reason,
        lenient: false,
    });
    Box::pin(async move {
        member.key()?;
        let cancellation = cancellation?;
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let response = app
            .transaction()
            .invalidate([app.schedule()])
            .idempotent(member.user.id, key)
            .run(async |tx| {
                let booking = booking::cancel(tx, &cancellation, now, studio).await?;
                StoredResponse::ok(&Shown::from(booking))
            })
            .await?;
        after_commit(app);
        Ok(response)
    })
}

/// Sends mail and refunds that a change to bookings made due, after the response.
pub(crate) fn after_commit(app: &App) {
    mail::send_due_soon(app);
    reconcile::settle_soon(app);
}

/// Why somebody does not come, as they typed it.
///
/// # Errors
///
/// A sentence for the person who typed it.
pub fn reason(typed: &str) -> Result<String, form::Problem> {
    form::paragraphs(typed, 500)
}
