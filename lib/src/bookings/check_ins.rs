//! Checking in several members of a class at once.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::{Error, Result};
use crate::http::{IdempotencyKey, Member, StoredResponse};
use crate::models::booking::{self, CheckIn, CheckInRejection};
use crate::models::security_event::SecurityEventKind;
use crate::values::caller::Caller;
use crate::{App, BoxFuture};

/// The maximum number of bookings in a request.
const MAX_BOOKINGS: usize = 200;

/// The members to check in for a class.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckInMembers {
    /// The id of the class.
    scheduled_class_id: Uuid,
    /// The ids of bookings of the class.
    #[schema(min_items = 1, max_items = 200)]
    booking_ids: Vec<Uuid>,
}

/// The result of checking members in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CheckIns)]
pub struct CheckInsView {
    /// The ids of the bookings whose members are checked in now, including those that were
    /// before.
    checked_in: Vec<Uuid>,
    /// The bookings that could not be checked in.
    rejected: Vec<RejectedCheckInView>,
}

/// A booking that could not be checked in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RejectedCheckIn)]
struct RejectedCheckInView {
    booking_id: Uuid,
    /// `not_found`: the class has no booking with this id. `no_place`: the booking has no
    /// spot.
    code: CheckInRejection,
}

impl CheckInsView {
    fn new(check_ins: Vec<CheckIn>) -> Self {
        let mut view = Self {
            checked_in: Vec::new(),
            rejected: Vec::new(),
        };
        for CheckIn {
            booking_id,
            rejection,
        } in check_ins
        {
            match rejection {
                None => view.checked_in.push(booking_id),
                Some(code) => view.rejected.push(RejectedCheckInView { booking_id, code }),
            }
        }
        view
    }
}

/// Checks members in. Responds with 200 and the result for each booking.
///
/// # Errors
///
/// [`Error::Invalid`] for no or too many bookings; those of [`booking::check_in_all`] and
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn check_in<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: CheckInMembers,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let (class_id, mut ids) = (form.scheduled_class_id, form.booking_ids);
        if !(1..=MAX_BOOKINGS).contains(&ids.len()) {
            let problem = format!("must have 1 to {MAX_BOOKINGS} ids");
            return Err(Error::field("bookingIds", problem));
        }
        ids.sort_unstable();
        ids.dedup();
        let now = app.clock().now();
        let action = StaffAction::by_staff(staff, caller)?;
        app.transaction()
            .authorize(&action)
            .idempotent(action.actor_id(), key)
            .run(async |tx| {
                let check_ins = booking::check_in_all(tx, class_id, &ids, now).await?;
                let view = CheckInsView::new(check_ins);
                let detail = json!({
                    "scheduledClassId": class_id,
                    "action": "check_in",
                    "bookingIds": view.checked_in,
                });
                let kind = SecurityEventKind::BookingChanged;
                action.record(tx, kind, None, detail).await?;
                StoredResponse::ok(&view)
            })
            .await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        let max_items = bound::<CheckInMembers>("bookingIds", "maxItems");
        assert_eq!(max_items, MAX_BOOKINGS as i64);
    }
}
