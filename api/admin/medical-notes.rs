//! POST /api/admin/medical-notes — the medical notes of a member.

use sabor::bookings::medical_notes;
use sabor::bookings::medical_notes::{MedicalNotesView, ReadMedicalNotes};
use sabor::http::{Json, Staff};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![read_medical_notes]
}

/// Returns the medical notes of the member of a booking, if the class takes place
/// today or later. Each time the notes are returned, this is recorded in the security
/// log, with the member and the reader.
#[utoipa::path(post, path = "/api/admin/medical-notes", tag = "administration", security(("session" = [])), request_body = ReadMedicalNotes, responses(
    (status = 200, body = MedicalNotesView, description = "The notes; `unreadable` is true if they can no longer be decrypted"),
    (status = 404, description = "`not_found`: no booking has this id"),
    (status = 409, description = "`no_place`: the booking has no spot. `class_cancelled`: the class is cancelled. `class_over`: the class started on an earlier day and is over"),
))]
async fn read_medical_notes(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(request): Json<ReadMedicalNotes>,
) -> Result<Json<MedicalNotesView>> {
    let notes = medical_notes::read(&app, &caller, &staff, &request);
    notes.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
