//! Bookings that staff make and change for members.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::changes::{after_commit, reason};
use super::medical_notes;
use super::member::{self, BookingsQuery};
use super::view::{BookingView, RosterEntryView};
use crate::admin::staff_action::StaffAction;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::models::booking::{
    self, Attendance, Booking, Cancellation, CancelledBy, NewBooking, PayWith, RosterEntry,
};
use crate::models::payment;
use crate::models::security_event::SecurityEventKind;
use crate::runtime::config::StudioConfig;
use crate::session::{IdempotentTransaction, Tx};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The error for staff who would decide about their own money.
const OWN_BOOKING: Error = Error::Forbidden {
    code: ErrorCode::OwnBooking,
    message: "You cannot act as staff on your own booking; please ask a colleague",
};

/// A booking to create for a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBookingForMember {
    /// The member's id.
    user_id: Uuid,
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
    /// Whether to book beyond the capacity if the class is full. Requires a `reason`. Cannot be set
    /// to join the waitlist.
    #[serde(default)]
    beyond_capacity: bool,
    /// Whether the studio gives the spot for free. Requires a `reason`. Cannot be combined with
    /// `payWith`.
    #[serde(default)]
    give: bool,
    /// The reason for `beyondCapacity` and `give`. It is in the security log until the member's
    /// account is closed. For `give`, staff also see it on the roster. The member does not see it.
    #[schema(max_length = 500, examples("Helped at the door"))]
    reason: Option<String>,
}

impl CreateBookingForMember {
    /// Parses the fields. Returns the reason beside the booking.
    fn parse(self) -> Result<(NewBooking, Option<String>)> {
        let mut form = Form::default();
        let text = self.reason.as_deref();
        let reason = match self.beyond_capacity || self.give {
            true => required_reason(&mut form, text),
            false => form.check_filled("reason", text, reason),
        };
        if self.beyond_capacity && self.join_waitlist {
            form.add_problem("beyondCapacity", "cannot be set to join the waitlist");
        }
        if self.give && self.pay_with != PayWith::Any {
            form.add_problem("payWith", "cannot be set for a spot that is free");
        }
        form.finish()?;
        let new_booking = NewBooking {
            user_id: self.user_id,
            scheduled_class_id: self.scheduled_class_id,
            join_waitlist: self.join_waitlist,
            by_staff: true,
            beyond_capacity: self.beyond_capacity,
            // No pass pays for a spot that is given.
            pay_with: match self.give {
                true => PayWith::Money,
                false => self.pay_with,
            },
        };
        Ok((new_booking, reason))
    }
}

/// Parses the reason for something that staff do only with a reason.
fn required_reason(form: &mut Form, text: Option<&str>) -> Option<String> {
    if text.is_none_or(|text| text.trim().is_empty()) {
        form.add_problem("reason", "is required");
    }
    form.check_filled("reason", text, reason)
}

/// A change to a booking.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateBooking {
    booking_id: Uuid,
    action: BookingAction,
    /// For `move`: the id of the class to move to.
    scheduled_class_id: Option<Uuid>,
    /// For `cancel`: a message to the member. For `give`: the reason, which only staff see.
    #[schema(max_length = 500, examples("The studio is closed"))]
    reason: Option<String>,
    /// The reason for the security log, which only administrators see.
    #[schema(max_length = 500, examples("Did not pay last time"))]
    internal_reason: Option<String>,
    /// For `cancel`: true means that the cancellation does not count as late, so a
    /// payment is refunded.
    #[serde(default)]
    lenient: bool,
    /// For `undoAttendance`: the time of the check-in to undo, as the roster contains it. If
    /// the attendance has changed since, it stays as it is. By default, any record is undone.
    checked_in_at: Option<DateTime<Utc>>,
    /// For `usePass`: the id of the pass. By default, the one that ends first of those that can
    /// pay.
    pass_id: Option<Uuid>,
}

/// An action of staff on a booking.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum BookingAction {
    /// Records that the member attended.
    CheckIn,
    /// Records that the member did not attend.
    NoShow,
    /// Undoes a check-in or a no-show.
    UndoAttendance,
    /// Cancels the booking.
    Cancel,
    /// Moves the booking to a free spot in another class. The booking keeps its price and its
    /// payment. If it is unpaid, and the member has already paid for the other class, it takes
    /// over that payment and its price.
    Move,
    /// Lets a pass of the member pay for an unpaid booking.
    UsePass,
    /// Gives the spot of an unpaid booking for free. Requires a `reason`.
    Give,
    /// Records that the member paid at the desk: the price, or the fee that is owed.
    MarkPaid,
    /// Waives the fee that is owed for a late cancellation or a no-show.
    WaiveFee,
    /// Refunds what is left of the payment. A card payment is refunded to the card. A
    /// payment at the desk is only recorded as refunded.
    Refund,
}

impl BookingAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::CheckIn => "check_in",
            Self::NoShow => "no_show",
            Self::UndoAttendance => "undo_attendance",
            Self::Cancel => "cancel",
            Self::Move => "move",
            Self::UsePass => "use_pass",
            Self::Give => "give",
            Self::MarkPaid => "mark_paid",
            Self::WaiveFee => "waive_fee",
            Self::Refund => "refund",
        }
    }
}

/// The query of a roster.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct RosterQuery {
    /// The id of the class.
    #[param(required, value_type = Uuid)]
    scheduled_class_id: Option<String>,
    /// Whether to include cancelled bookings.
    #[param(value_type = Option<bool>)]
    cancelled: Option<String>,
}

/// The member whose bookings are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MemberBookingsQuery {
    /// The id of the member.
    #[param(required, value_type = Uuid)]
    member_id: Option<String>,
}

/// Lists a page of the bookings of a member, including cancelled ones.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed.
pub fn member_bookings(
    app: &App,
    member: MemberBookingsQuery,
    filter: BookingsQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<BookingView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = member.member_id.unwrap_or_default();
        let id = form.check("memberId", query::id(&id));
        form.finish()?;
        member::list(app, id.unwrap_or_default(), filter, page).await
    })
}

/// Lists a page of the bookings of a class, in the order in which they entered the class.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed; [`Error::NotFound`].
pub fn roster(
    app: &App,
    query: RosterQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<RosterEntryView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let class_id = query.scheduled_class_id.unwrap_or_default();
        let class_id = form.check("scheduledClassId", query::id(&class_id));
        let cancelled = form.check_filled("cancelled", query.cancelled.as_deref(), query::boolean);
        form.finish()?;
        let (class_id, with_cancelled) = (class_id.unwrap_or_default(), cancelled == Some(true));
        let today = medical_notes::today(app)?;
        let rows = app
            .db()
            .read(async move |client| {
                booking::list_roster(client, class_id, with_cancelled, today, &page).await
            })
            .await?;
        let view = |entry| RosterEntryView::new(entry, &app.config().studio);
        Ok(List::new(rows, page, RosterEntry::position, view))
    })
}

/// Books a spot for a member. Responds with 201 and the booking.
///
/// # Errors
///
/// [`Error::Invalid`] without a reason that is required; 403 `own_booking`; [`Error::NotFound`] if
/// the member's account does not exist or is closed; those of [`booking::create`],
/// [`payment::give_spot`], and [`IdempotentTransaction::run`].
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: CreateBookingForMember,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let give = form.give;
        let (new_booking, reason) = form.parse()?;
        let desk = FrontDesk::new(app, caller, staff)?;
        if new_booking.user_id == staff.user.id {
            return Err(OWN_BOOKING);
        }
        let response = desk
            .transaction(key)
            .run(async |tx| {
                tx.invalidate([app.schedule()]);
                let created = booking::create(tx, new_booking, desk.now, desk.studio).await?;
                let mut booking = created.booking;
                let mut detail = json!({ "bookingId": booking.id, "action": "book" });
                if created.is_extra {
                    detail["beyondCapacity"] = json!(true);
                }
                if let Some(reason) = &reason {
                    detail["reason"] = json!(reason);
                }
                if give {
                    detail["given"] = json!(true);
                    let reason = reason.as_deref().unwrap_or_default();
                    payment::give_spot(tx, booking.id, reason, desk.now).await?;
                    booking = booking::find(tx, booking.id).await?;
                }
                desk.record(tx, booking.user_id, detail).await?;
                StoredResponse::created(&desk.view(booking))
            })
            .await?;
        after_commit(app);
        Ok(response)
    })
}

/// Changes a booking. Responds with 200 and the booking.
///
/// # Errors
///
/// [`Error::Invalid`] for an invalid reason, without one to give a spot, or without the class to
/// move to; 403 `own_booking`; those of [`booking::cancel`], [`booking::move_to`],
/// [`booking::record_attendance`], [`payment::pay_with_pass`], [`payment::mark_paid_at_desk`],
/// [`payment::give_spot`], [`payment::waive_fee`], [`payment::refund`], and
/// [`IdempotentTransaction::run`].
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: UpdateBooking,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let (id, action) = (form.booking_id, form.action);
        let (change, internal_reason) = form.parse()?;
        let desk = FrontDesk::new(app, caller, staff)?;
        let response = desk
            .transaction(key)
            .run(async |tx| {
                let mut detail = json!({
                    "bookingId": id,
                    "action": action.as_str(),
                    "internalReason": internal_reason,
                });
                let booking = desk.apply(tx, id, &change, &mut detail).await?;
                desk.record(tx, booking.user_id, detail).await?;
                StoredResponse::ok(&desk.view(booking))
            })
            .await?;
        after_commit(app);
        Ok(response)
    })
}

/// A parsed change to a booking.
enum BookingChange {
    /// Records the attendance. With a time, undoes only the check-in of that time.
    Record(Attendance, Option<DateTime<Utc>>),
    Cancel(Cancellation),
    MoveTo(Uuid),
    UsePass(Option<Uuid>),
    /// Gives the spot for free, for this reason.
    Give(String),
    MarkPaid,
    WaiveFee,
    Refund,
}

impl UpdateBooking {
    /// Parses the fields of the action. Returns the internal reason beside the change.
    fn parse(self) -> Result<(BookingChange, Option<String>)> {
        let mut form = Form::default();
        let internal = self.internal_reason.as_deref();
        let internal_reason = form.check_filled("internalReason", internal, reason);
        let text = self.reason.as_deref();
        let reason = match self.action {
            BookingAction::Give => required_reason(&mut form, text),
            _ => form.check_filled("reason", text, reason),
        };
        if self.action == BookingAction::Move && self.scheduled_class_id.is_none() {
            form.add_problem("scheduledClassId", "is required to move a booking");
        }
        if self.action != BookingAction::UsePass && self.pass_id.is_some() {
            form.add_problem("passId", "can only be set to pay with a pass");
        }
        if self.action != BookingAction::UndoAttendance && self.checked_in_at.is_some() {
            form.add_problem("checkedInAt", "can only be set to undo a check-in");
        }
        form.finish()?;
        let change = match self.action {
            BookingAction::CheckIn => BookingChange::Record(Attendance::Attended, None),
            BookingAction::NoShow => BookingChange::Record(Attendance::NoShow, None),
            BookingAction::UndoAttendance => {
                BookingChange::Record(Attendance::Unknown, self.checked_in_at)
            }
            BookingAction::Cancel => BookingChange::Cancel(Cancellation {
                booking_id: self.booking_id,
                by: CancelledBy::Studio {
                    lenient: self.lenient,
                },
                reason,
            }),
            BookingAction::Move => {
                BookingChange::MoveTo(self.scheduled_class_id.unwrap_or_default())
            }
            BookingAction::UsePass => BookingChange::UsePass(self.pass_id),
            BookingAction::Give => BookingChange::Give(reason.unwrap_or_default()),
            BookingAction::MarkPaid => BookingChange::MarkPaid,
            BookingAction::WaiveFee => BookingChange::WaiveFee,
            BookingAction::Refund => BookingChange::Refund,
        };
        Ok((change, internal_reason))
    }
}

/// A member of staff who changes bookings.
struct FrontDesk<'a> {
    app: &'a App,
    staff_action: StaffAction,
    now: DateTime<Utc>,
    studio: &'a StudioConfig,
    zone: TimeZone,
}

impl<'a> FrontDesk<'a> {
    fn new(app: &'a App, caller: &Caller, staff: &Member) -> Result<Self> {
        Ok(Self {
            app,
            staff_action: StaffAction::by_staff(staff, caller)?,
            now: app.clock().now(),
            studio: &app.config().studio,
            zone: TimeZone::of_studio(&app.config().studio)?,
        })
    }

    fn view(&self, booking: Booking) -> BookingView {
        BookingView::new(booking, self.studio, &self.zone, self.now)
    }

    /// Prepares the transaction of a change.
    fn transaction(&self, key: Option<IdempotencyKey>) -> IdempotentTransaction<'_> {
        self.app
            .transaction()
            .authorize(&self.staff_action)
            .idempotent(self.staff_action.actor_id(), key)
    }

    /// Makes a change and returns the changed booking. Rejects changes by which staff would
    /// decide about their own booking. Adds to `detail` what the security log needs beyond the
    /// action.
    async fn apply(
        &self,
        tx: &Tx,
        id: Uuid,
        change: &BookingChange,
        detail: &mut Value,
    ) -> Result<Booking> {
        let (now, studio, actor_id) = (self.now, self.studio, self.staff_action.actor_id());
        let booking = booking::find(tx, id).await?;
        let needs_colleague = match change {
            BookingChange::MoveTo(_)
            | BookingChange::UsePass(_)
            | BookingChange::Give(_)
            | BookingChange::MarkPaid
            | BookingChange::WaiveFee
            | BookingChange::Refund => true,
            // Until the start, staff can cancel their own booking like any member, unless
            // `lenient` waives the rule for late cancellations.
            BookingChange::Cancel(cancellation) => {
                matches!(cancellation.by, CancelledBy::Studio { lenient: true })
                    || booking.start_time <= now
            }
            BookingChange::Record(..) => false,
        };
        if needs_colleague && booking.user_id == actor_id {
            return Err(OWN_BOOKING);
        }
        match change {
            BookingChange::Record(attendance, seen) => {
                booking::record_attendance(tx, id, *attendance, *seen, actor_id, now, studio)
                    .await?;
            }
            BookingChange::Cancel(cancellation) => {
                tx.invalidate([self.app.schedule()]);
                return booking::cancel(tx, cancellation, now, studio).await;
            }
            BookingChange::MoveTo(class_id) => {
                tx.invalidate([self.app.schedule()]);
                let from = booking::move_to(tx, id, *class_id, now, studio).await?;
                detail["from"] = json!(from);
                detail["to"] = json!(class_id);
            }
            BookingChange::UsePass(pass_id) => {
                payment::pay_with_pass(tx, id, *pass_id, studio).await?;
            }
            BookingChange::Give(reason) => {
                payment::give_spot(tx, id, reason, now).await?;
                detail["reason"] = json!(reason);
            }
            BookingChange::MarkPaid => {
                payment::mark_paid_at_desk(tx, id, now, self.zone.date(now)).await?;
            }
            BookingChange::WaiveFee => {
                payment::waive_fee(tx, id).await?;
            }
            BookingChange::Refund => {
                payment::refund(tx, id, Some(actor_id), now).await?;
            }
        }
        booking::find(tx, id).await
    }

    /// Records an action as a security event, in the transaction of the action.
    async fn record(&self, tx: &Tx, member_id: Uuid, detail: Value) -> Result<()> {
        self.staff_action
            .record(
                tx,
                SecurityEventKind::BookingChanged,
                Some(member_id),
                detail,
            )
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::changes::REASON_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for field in ["reason", "internalReason"] {
            let max_length = bound::<UpdateBooking>(field, "maxLength");
            assert_eq!(max_length, REASON_MAX as i64);
        }
        let max_length = bound::<CreateBookingForMember>("reason", "maxLength");
        assert_eq!(max_length, REASON_MAX as i64);
    }
}
