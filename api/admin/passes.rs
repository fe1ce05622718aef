//! GET, PATCH /api/admin/passes — the passes of members, for staff.

use sabor::http::{
    IdempotencyKeyParams, Idempotent, Json, List, PageParams, Query, Staff, StoredResponse,
};
use sabor::shop::pass_view::PassView;
use sabor::shop::passes;
use sabor::shop::passes::{PassesQuery, UpdatePass};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_member_passes, update_pass]
}

/// Lists the passes of a member, newest first. Used, ended and revoked ones are included.
#[utoipa::path(get, path = "/api/admin/passes", tag = "administration", security(("session" = [])), params(PassesQuery, PageParams), responses(
    (status = 200, body = List<PassView>, description = "One page of the list; empty if no member has this id"),
))]
async fn list_member_passes(
    app: App,
    _staff: Staff,
    Query(query): Query<PassesQuery>,
    page: Page,
) -> Result<Json<List<PassView>>> {
    passes::list_of_member(&app, query, page).await.map(Json)
}

/// Revokes, restores, extends or freezes a pass. The reason is stored with the change.
#[utoipa::path(patch, path = "/api/admin/passes", tag = "administration", security(("session" = [])), params(IdempotencyKeyParams), request_body = UpdatePass, responses(
    (status = 200, body = PassView, description = "The changed pass"),
    (status = 403, description = "`own_purchase`: staff need a colleague to change their own pass"),
    (status = 404, description = "`not_found`: no pass has this id"),
    (status = 409, description = "`pass_not_changeable`: the pass does not allow this change; the message says why. `idempotency_key_reused`: the key belongs to another request"),
))]
async fn update_pass(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Idempotent { key, form }: Idempotent<UpdatePass>,
) -> Result<StoredResponse> {
    passes::update(&app, &caller, &staff, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
