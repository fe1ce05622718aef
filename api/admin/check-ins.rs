//! POST /api/admin/check-ins — checks several members in at once, and undoes check-ins.

use sabor::bookings::check_ins;
use sabor::bookings::check_ins::{CheckInMembers, CheckInsView};
use sabor::http::{IdempotencyKeyParams, Idempotent, Staff, StoredResponse};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![check_in_members]
}

/// Checks the members of several bookings of a class in, and undoes check-ins. The result of
/// each booking does not affect the others. Checking a member in again changes nothing, and the
/// result shows who checked the member in, and when. A check-in is undone only if it is the one
/// that the caller has seen.
#[utoipa::path(post, path = "/api/admin/check-ins", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = CheckInMembers, responses(
    (status = 200, body = CheckInsView, description = "The result for each booking"),
    (status = 404, description = "`not_found`: no class has this id"),
    (status = 409, description = "`check_in_not_open`: check-in opens an hour before the start of the class. `class_cancelled`: the class is cancelled. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn check_in_members(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<CheckInMembers>,
) -> Result<StoredResponse> {
    check_ins::check_in(&app, &caller, &staff, key, form).await
}

fn main() -> Exit {
    serve(route())
}
