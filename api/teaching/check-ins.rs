//! POST /api/teaching/check-ins — checks members in for a class of the instructor.

use sabor::bookings::check_ins;
use sabor::bookings::check_ins::{CheckInMembers, CheckInsView};
use sabor::http::{IdempotencyKeyParams, Idempotent, Instructor, StoredResponse};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![check_in_own_class]
}

/// Checks the members of several bookings of a class in, and undoes check-ins, as
/// `POST /api/admin/check-ins` does for staff. The caller must be the instructor of the class.
#[utoipa::path(post, path = "/api/teaching/check-ins", tag = "teaching", security(("session" = [])), params(IdempotencyKeyParams), request_body = CheckInMembers, responses(
    (status = 200, body = CheckInsView, description = "The result for each booking"),
    (status = 404, description = "`not_found`: the instructor has no class with this id"),
    (status = 409, description = "`check_in_not_open`: check-in opens an hour before the start of the class. `class_cancelled`: the class is cancelled. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn check_in_own_class(
    app: App,
    caller: Caller,
    instructor: Instructor,
    Idempotent { key, form }: Idempotent<CheckInMembers>,
) -> Result<StoredResponse> {
    check_ins::check_in_own_class(&app, &caller, &instructor, key, form).await
}

fn main() -> Exit {
    serve(route())
}
