//! Checking in several members of a class at once, and undoing check-ins.

use std::collections::HashSet;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::CheckInAuthorView;
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{IdempotencyKey, Instructor, Member, StoredResponse};
use crate::models::booking::{
    self, BookingStatus, CheckInAuthor, CheckInOutcome, CheckInRejection, CheckInResult,
    CheckInToUndo,
};
use crate::models::security_event::SecurityEventKind;
use crate::models::teaching;
use crate::session::Tx;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// The maximum number of bookings in a request.
const MAX_BOOKINGS: usize = 200;

/// The members of a class to check in, and the check-ins to undo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"scheduledClassId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "bookingIds": ["0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3b"]}))]
pub struct CheckInMembers {
    /// The id of the class.
    scheduled_class_id: Uuid,
    /// The ids of bookings of the class.
    #[serde(default)]
    #[schema(max_items = 200)]
    booking_ids: Vec<Uuid>,
    /// The check-ins to undo. With `bookingIds`, there must be 1 to 200 bookings in all.
    #[serde(default)]
    #[schema(max_items = 200)]
    undo: Vec<UndoCheckIn>,
}

/// A check-in to undo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoCheckIn {
    booking_id: Uuid,
    /// The time of the check-in, as the roster or the result of the check-in contains it. If
    /// the member was checked in again since, the new check-in stays.
    checked_in_at: DateTime<Utc>,
}

impl CheckInMembers {
    /// Returns the ids of the bookings, each once, and the check-ins to undo.
    fn parse(self) -> Result<(Vec<Uuid>, Vec<CheckInToUndo>)> {
        let mut form = Form::default();
        if !(1..=MAX_BOOKINGS).contains(&(self.booking_ids.len() + self.undo.len())) {
            let problem = format!("must have 1 to {MAX_BOOKINGS} ids, with those in undo");
            form.add_problem("bookingIds", &problem);
        }
        let mut seen = HashSet::new();
        let mut booking_ids = self.booking_ids;
        booking_ids.retain(|id| seen.insert(*id));
        if !self.undo.iter().all(|undo| seen.insert(undo.booking_id)) {
            form.add_problem("undo", "must not repeat a booking of the request");
        }
        form.finish()?;
        let undo = self.undo.into_iter().map(|undo| CheckInToUndo {
            booking_id: undo.booking_id,
            checked_in_at: undo.checked_in_at,
        });
        Ok((booking_ids, undo.collect()))
    }
}

/// The result of checking members in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CheckIns)]
pub struct CheckInsView {
    /// The result for each booking, in the order of the request: the check-ins, then the
    /// check-ins to undo.
    results: Vec<CheckInResultView>,
}

/// The result for one booking.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CheckInResult)]
struct CheckInResultView {
    booking_id: Uuid,
    outcome: CheckInOutcomeView,
    /// Why the booking has not changed. Null unless it is `rejected`. `not_found`: the class has
    /// no booking with this id. `no_place`: the booking has no spot. `attendance_changed`: the
    /// check-in to undo is no longer there, because the member was checked in again or did not
    /// come.
    code: Option<CheckInRejection>,
    /// The status of the booking now. Null if the class has no such booking.
    status: Option<BookingStatus>,
    /// When the member was checked in. Null if they are not.
    checked_in_at: Option<DateTime<Utc>>,
    /// Who checked the member in. Null if they are not, or if it is unknown.
    checked_in_by: Option<CheckInAuthorView>,
}

/// What happened to a booking.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CheckInOutcome)]
enum CheckInOutcomeView {
    /// The member is checked in now.
    CheckedIn,
    /// The member had already been checked in. `checkedInAt` and `checkedInBy` are those of
    /// that check-in.
    AlreadyCheckedIn,
    /// The member is not checked in any longer.
    Undone,
    /// The booking has not changed.
    Rejected,
}

impl From<CheckInResult> for CheckInResultView {
    fn from(result: CheckInResult) -> Self {
        let (outcome, code) = match result.outcome {
            CheckInOutcome::CheckedIn => (CheckInOutcomeView::CheckedIn, None),
            CheckInOutcome::AlreadyCheckedIn => (CheckInOutcomeView::AlreadyCheckedIn, None),
            CheckInOutcome::Undone => (CheckInOutcomeView::Undone, None),
            CheckInOutcome::Rejected(code) => (CheckInOutcomeView::Rejected, Some(code)),
        };
        Self {
            booking_id: result.booking_id,
            outcome,
            code,
            status: result.status,
            checked_in_at: result.checked_in_at,
            checked_in_by: result.author.map(CheckInAuthorView::from),
        }
    }
}

/// Checks members in, and undoes check-ins, for staff. Responds with 200 and the result for each
/// booking.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) if there are no bookings or too many, or if `undo`
/// repeats a booking; those of [`booking::lock_for_check_in`] and
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn check_in<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: CheckInMembers,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let action = StaffAction::by_staff(staff, caller)?;
        run(app, &action, staff, key, form, false).await
    })
}

/// Checks members in, and undoes check-ins, in a class of the instructor. Responds as
/// [`check_in`].
///
/// # Errors
///
/// Those of [`check_in`]; [`Error::NotFound`](crate::Error::NotFound) if another instructor
/// teaches the class.
pub fn check_in_own_class<'a>(
    app: &'a App,
    caller: &'a Caller,
    instructor: &'a Instructor,
    key: Option<IdempotencyKey>,
    form: CheckInMembers,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let member = &instructor.member;
        let action = StaffAction::by_instructor(member, caller)?;
        run(app, &action, member, key, form, true).await
    })
}

/// Runs the transaction of the check-ins. With `own_class`, `member` must teach the class.
async fn run(
    app: &App,
    action: &StaffAction,
    member: &Member,
    key: Option<IdempotencyKey>,
    form: CheckInMembers,
    own_class: bool,
) -> Result<StoredResponse> {
    let class_id = form.scheduled_class_id;
    let (booking_ids, undo) = form.parse()?;
    let now = app.clock().now().trunc_subsecs(6);
    let actor = CheckInAuthor {
        id: action.actor_id(),
        name: member.user.name(),
    };
    app.transaction()
        .authorize(action)
        .idempotent(action.actor_id(), key)
        .run(async |tx| {
            if own_class {
                teaching::require_own_class(tx, class_id, actor.id).await?;
            }
            booking::lock_for_check_in(tx, class_id, now).await?;
            // A substitute may have taken the class over before it was locked.
            if own_class {
                teaching::require_own_class(tx, class_id, actor.id).await?;
            }
            let mut results =
                booking::check_in_all(tx, class_id, &booking_ids, &actor, now).await?;
            results.extend(booking::undo_all_check_ins(tx, class_id, &undo).await?);
            record(tx, action, class_id, &results).await?;
            let results = results.into_iter().map(CheckInResultView::from);
            StoredResponse::ok(&CheckInsView {
                results: results.collect(),
            })
        })
        .await
}

/// Records the check-ins and those that were undone as security events.
async fn record(
    tx: &Tx,
    action: &StaffAction,
    class_id: Uuid,
    results: &[CheckInResult],
) -> Result<()> {
    for (outcome, name) in [
        (CheckInOutcome::CheckedIn, "check_in"),
        (CheckInOutcome::Undone, "undo_attendance"),
    ] {
        let changed = results.iter().filter(|result| result.outcome == outcome);
        let ids: Vec<Uuid> = changed.map(|result| result.booking_id).collect();
        if !ids.is_empty() {
            let detail = json!({ "scheduledClassId": class_id, "action": name, "bookingIds": ids });
            let kind = SecurityEventKind::BookingChanged;
            action.record(tx, kind, None, detail).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for field in ["bookingIds", "undo"] {
            let max_items = bound::<CheckInMembers>(field, "maxItems");
            assert_eq!(max_items, MAX_BOOKINGS as i64);
        }
    }
}
