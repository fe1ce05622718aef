//! What members do with bookings.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::http::idempotency::run;
use crate::http::{Answered, IdempotencyKey, List, Member};
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
/// As [`booking::create`], and as [`run::statement`].
pub fn create<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    wish: &Wish,
) -> BoxFuture<'a, Result<Answered>> {
    let new = NewBooking {
        user_id: member.user.id,
        scheduled_class_id: wish.scheduled_class_id,
        join_waitlist: wish.join_waitlist,
    };
    Box::pin(async move {
        member.key()?;
        let (now, studio) = (app.clock().now(), app.config().studio.clone());
        let once = run::statement(app.db(), new.user_id, key, move |client| {
            Box::pin(async move {
                let booking = booking::create(client, new, now, &studio).await?;
                Answered::created(&Shown::from(booking))
            })
        });
        let answered = once.await?;
        app.schedule().end().await;
        mail::send_due_soon(app);
        Ok(answered)
    })
}

/// Cancels a booking of the member's, and gives the place to whoever waits.
///
/// # Errors
///
/// [`crate::Error::Invalid`] for the reason; as [`booking::cancel`], and as
/// [`run::transaction`].
pub fn cancel<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    regret: &Regret,
) -> BoxFuture<'a, Result<Answered>> {
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
        let (now, studio) = (app.clock().now(), app.config().studio.clone());
        let once = run::transaction(app.db(), member.user.id, key, move |client| {
            Box::pin(async move {
                let booking = booking::cancel(client, &cancellation, now, &studio).await?;
                Answered::ok(&Shown::from(booking))
            })
        });
        let answered = once.await?;
        follow(app).await;
        Ok(answered)
    })
}

/// What follows the commit of a change to bookings: answers about places end,
/// and mail and money go their way after the answer.
pub(crate) fn follow(app: &App) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        app.schedule().end().await;
        mail::send_due_soon(app);
        reconcile::settle_soon(app);
    })
}

/// Why somebody does not come, as they typed it.
///
/// # Errors
///
/// A sentence for the person who typed it.
pub fn reason(typed: &str) -> Result<String, form::Problem> {
    form::paragraphs(typed, 500)
}
