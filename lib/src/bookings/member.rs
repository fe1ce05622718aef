//! A member's own bookings.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::changes::{after_commit, reason};
use super::view::BookingView;
use crate::error::{Error, Result};
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::identity::rate_limit::{self, Attempt, BOOKING, CANCELLATION, Limit, Subject};
use crate::models::booking::{
    self, Booking, BookingFilter, BookingStatus, Cancellation, CancelledBy, NewBooking, PayWith,
};
use crate::notify::mail;
use crate::store::page::Page;
use crate::values::form::{Form, Problem};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The maximum number of statuses in a query.
const STATUSES_MAX: usize = 5;

/// The query of a member's bookings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct BookingsQuery {
    /// `upcoming` lists bookings of classes that have not ended, earliest first.
    /// `past` lists the others, latest first. `all` lists both, earliest first. The default
    /// is `upcoming`.
    #[param(inline, value_type = Option<BookingPeriod>)]
    when: Option<String>,
    /// Only bookings of classes that start on this day or later, in the studio's time zone.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// Only bookings of classes that start on this day or earlier.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
    /// Only bookings of the class with this id.
    #[param(value_type = Option<Uuid>)]
    scheduled_class_id: Option<String>,
    /// Only bookings with one of these statuses, separated by commas, such as
    /// `booked,waitlisted`.
    #[param(max_length = 100, example = "booked,waitlisted")]
    status: Option<String>,
    /// Whether to list only bookings for which a fee is owed.
    #[param(value_type = Option<bool>)]
    owes_fee: Option<String>,
}

impl BookingsQuery {
    /// Parses the query. The days are in `zone`.
    fn parse(&self, zone: &TimeZone) -> Result<(BookingPeriod, BookingFilter)> {
        let mut form = Form::default();
        let period = form.check_filled("when", self.when.as_deref(), BookingPeriod::parse);
        let from = form.check_filled("from", self.from.as_deref(), query::date);
        let to = form.check_filled("to", self.to.as_deref(), query::date);
        let class_id = self.scheduled_class_id.as_deref();
        let scheduled_class_id = form.check_filled("scheduledClassId", class_id, query::id);
        let statuses = form.check_filled("status", self.status.as_deref(), statuses);
        let owes_fee = form.check_filled("owesFee", self.owes_fee.as_deref(), query::boolean);
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            form.add_problem("to", "must not be before from");
        }
        form.finish()?;
        let filter = BookingFilter {
            from: from.map(|day| zone.day_start(day)),
            until: to.map(|day| zone.day_start(day + TimeDelta::days(1))),
            scheduled_class_id,
            statuses: statuses.unwrap_or_default(),
            owes_fee: owes_fee == Some(true),
        };
        Ok((period.unwrap_or(BookingPeriod::Upcoming), filter))
    }
}

fn statuses(text: &str) -> Result<Vec<BookingStatus>, Problem> {
    let parse = |name: &str| BookingStatus::parse(name.trim());
    let statuses: Option<Vec<_>> = text.split(',').map(parse).collect();
    statuses
        .filter(|statuses| statuses.len() <= STATUSES_MAX)
        .ok_or_else(|| {
            "must be one or more of booked, waitlisted, cancelled, attended and no_show, separated \
            by commas"
                .to_owned()
        })
}

/// Which bookings to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
enum BookingPeriod {
    Upcoming,
    Past,
    All,
}

impl BookingPeriod {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "upcoming" => Ok(Self::Upcoming),
            "past" => Ok(Self::Past),
            "all" => Ok(Self::All),
            _ => Err("must be upcoming, past or all".to_owned()),
        }
    }
}

/// Lists a page of a member's bookings, including cancelled ones.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed.
pub fn list(
    app: &App,
    user_id: Uuid,
    query: BookingsQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<BookingView>>> {
    Box::pin(async move {
        let studio = &app.config().studio;
        let zone = TimeZone::of_studio(studio)?;
        let ((period, filter), now) = (query.parse(&zone)?, app.clock().now());
        let list = app
            .db()
            .read(async move |client| match period {
                BookingPeriod::Upcoming => {
                    booking::list_earliest_first(client, user_id, &filter, Some(now), &page).await
                }
                BookingPeriod::Past => {
                    booking::list_past(client, user_id, &filter, now, &page).await
                }
                BookingPeriod::All => {
                    booking::list_earliest_first(client, user_id, &filter, None, &page).await
                }
            })
            .await?;
        let view = |booking| BookingView::new(booking, studio, &zone, now);
        Ok(List::with_moved(list, page, Booking::position, view))
    })
}

/// A booking to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBooking {
    /// The id of the class.
    scheduled_class_id: Uuid,
    /// Whether to join the waitlist if the class is full.
    #[serde(default)]
    join_waitlist: bool,
    /// What pays for the spot: the id of a pass, or `money`. By default, the pass that ends first
    /// among those that can pay, or money if none can. A pass that begins with its first class,
    /// and has not begun, counts as ending last. Cannot be set to join the waitlist. A booking
    /// that is reopened keeps what has paid for it: a pass that differs from the one that was used
    /// is refused, and any other choice is ignored.
    #[serde(default)]
    #[schema(value_type = Option<String>, examples("money"))]
    pay_with: PayWith,
}

/// A booking to cancel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelBooking {
    booking_id: Uuid,
    /// A message for the studio.
    #[schema(max_length = 500, examples("A cold"))]
    reason: Option<String>,
}

/// Books a spot or joins the waitlist. Responds with 201 and the booking.
///
/// # Errors
///
/// [`Error::TooManyRequests`]; those of [`booking::create`] and
/// [`IdempotentTransaction::run_statement`](crate::session::IdempotentTransaction::run_statement).
pub fn create<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    form: &CreateBooking,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let new_booking = NewBooking {
        user_id: member.user.id,
        scheduled_class_id: form.scheduled_class_id,
        join_waitlist: form.join_waitlist,
        by_staff: false,
        beyond_capacity: false,
        pay_with: form.pay_with,
    };
    Box::pin(async move {
        member.key()?;
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let zone = TimeZone::of_studio(studio)?;
        let change = LimitedChange::begin(app, BOOKING, member).await?;
        let response = app
            .transaction()
            .invalidate([app.schedule()])
            .idempotent(new_booking.user_id, key)
            .run_statement(async |client| {
                change.set_attempted();
                let created = booking::create(client, new_booking, now, studio).await?;
                StoredResponse::created(&BookingView::new(created.booking, studio, &zone, now))
            })
            .await;
        change.settle(&response);
        mail::send_due_in_background(app);
        response
    })
}

/// Cancels a member's booking and gives its spot to the first member on the
/// waitlist, unless the waitlist has closed. Responds with 200 and the booking.
///
/// # Errors
///
/// [`Error::Invalid`] for an invalid reason; [`Error::TooManyRequests`]; those of
/// [`booking::cancel`] and
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn cancel<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    form: CancelBooking,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        member.key()?;
        let cancellation = form.parse(member)?;
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let zone = TimeZone::of_studio(studio)?;
        let change = LimitedChange::begin(app, CANCELLATION, member).await?;
        let response = app
            .transaction()
            .invalidate([app.schedule()])
            .idempotent(member.user.id, key)
            .run(async |tx| {
                change.set_attempted();
                let booking = booking::cancel(tx, &cancellation, now, studio).await?;
                StoredResponse::ok(&BookingView::new(booking, studio, &zone, now))
            })
            .await;
        change.settle(&response);
        after_commit(app);
        response
    })
}

/// A booking or a cancellation that counts toward a limit of the member. Only a change that is
/// made counts. A rejection, such as for a full class, does not count, and neither does a stored
/// response.
struct LimitedChange {
    attempt: Attempt,
    was_attempted: AtomicBool,
}

impl LimitedChange {
    async fn begin(app: &App, limit: Limit, member: &Member) -> Result<Self> {
        let subject = Subject::member(limit, member.user.id);
        Ok(Self {
            attempt: rate_limit::begin(app, vec![subject]).await?,
            was_attempted: AtomicBool::new(false),
        })
    }

    /// Records that the change is attempted, so the response is not a stored one.
    fn set_attempted(&self) {
        self.was_attempted.store(true, Ordering::Relaxed);
    }

    /// Counts the change if it was made, or if Postgres was unavailable, because it may then
    /// have been made.
    fn settle(self, response: &Result<StoredResponse>) {
        let was_made = match response {
            Ok(_) => self.was_attempted.into_inner(),
            Err(error) => matches!(error, Error::Unavailable(_)),
        };
        if !was_made {
            self.attempt.give_back();
        }
    }
}

impl CancelBooking {
    fn parse(self, member: &Member) -> Result<Cancellation> {
        let mut form = Form::default();
        let reason = form.check_filled("reason", self.reason.as_deref(), reason);
        form.finish()?;
        Ok(Cancellation {
            booking_id: self.booking_id,
            by: CancelledBy::Member(member.user.id),
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::changes::REASON_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        let max_length = bound::<CancelBooking>("reason", "maxLength");
        assert_eq!(max_length, REASON_MAX as i64);
    }
}
