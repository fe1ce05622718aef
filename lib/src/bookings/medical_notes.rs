//! Medical notes of members, which staff can read for classes that take place today or later.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::Member;
use crate::models::booking::{self, MedicalNotes, Today};
use crate::models::security_event::SecurityEventKind;
use crate::values::caller::Caller;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The request to read the medical notes of a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadMedicalNotes {
    /// The member's booking for a class that takes place today or later.
    booking_id: Uuid,
}

/// The medical notes of a member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MedicalNotes)]
pub struct MedicalNotesView {
    booking_id: Uuid,
    user_id: Uuid,
    /// Medical conditions that an instructor should know about. Null if the member entered
    /// none, or if they cannot be decrypted.
    medical_conditions: Option<String>,
    /// Whether medical conditions are stored that can no longer be decrypted. Ask the
    /// member.
    unreadable: bool,
}

impl MedicalNotesView {
    fn new(booking_id: Uuid, notes: MedicalNotes) -> Self {
        let (medical_conditions, unreadable) = notes.conditions.into_parts();
        Self {
            booking_id,
            user_id: notes.user_id,
            medical_conditions,
            unreadable,
        }
    }
}

/// Returns the medical notes of the member of a booking, and records a security event in
/// the same transaction. Without the event, nothing is returned.
///
/// # Errors
///
/// Those of [`booking::find_medical_notes`]; [`Error::FORBIDDEN`](crate::Error::FORBIDDEN)
/// if the caller is no longer staff.
pub fn read<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    request: &'a ReadMedicalNotes,
) -> BoxFuture<'a, Result<MedicalNotesView>> {
    Box::pin(async move {
        let (id, today) = (request.booking_id, today(app)?);
        let keys = &app.config().encryption_keys;
        let action = StaffAction::by_staff(staff, caller)?;
        let notes = app.transaction().authorize(&action).run(async |tx| {
            let notes = booking::find_medical_notes(tx, keys, id, today).await?;
            let detail = json!({ "bookingId": id, "scheduledClassId": notes.scheduled_class_id });
            let kind = SecurityEventKind::MedicalNotesRead;
            action.record(tx, kind, Some(notes.user_id), detail).await?;
            Ok(notes)
        });
        Ok(MedicalNotesView::new(id, notes.await?))
    })
}

/// Returns the current time, and the start of the current day at the studio.
///
/// # Errors
///
/// [`Error::Internal`](crate::Error::Internal) if the studio's time zone is unknown.
pub(super) fn today(app: &App) -> Result<Today> {
    let zone = TimeZone::of_studio(&app.config().studio)?;
    let now = app.clock().now();
    Ok(Today {
        start: zone.day_start(zone.date(now)),
        now,
    })
}
