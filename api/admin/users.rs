//! GET, PATCH /api/admin/users — find members; change what they may do.

use sabor::admin::users;
use sabor::admin::users::{AccountChange, Search};
use sabor::http::{Admin, Json, List, PageParams, Query};
use sabor::models::user::administration::ShownToAdmin;
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_users, update_user]
}

/// Newest first; the search looks into address and names.
#[utoipa::path(get, path = "/api/admin/users", tag = "administration", security(("session" = [])), params(Search, PageParams), responses(
    (status = 200, body = List<ShownToAdmin>, description = "A page of them"),
    (status = 400, description = "No such role, limit or cursor"),
))]
async fn list_users(
    app: App,
    _admin: Admin,
    Query(search): Query<Search>,
    page: Page,
) -> Result<Json<List<ShownToAdmin>>> {
    users::list(&app, search, page).await.map(Json)
}

/// Changes what is given and leaves the rest. Every session of the member
/// sees it at once.
#[utoipa::path(patch, path = "/api/admin/users", tag = "administration", security(("session" = [])), request_body = AccountChange, responses(
    (status = 200, body = ShownToAdmin, description = "The account as it is now"),
    (status = 403, description = "One's own role: `own_role`; closing one's own account: `own_account`; removing one's own second factor: `own_second_factor`"),
    (status = 404, description = "There is no such member"),
))]
async fn update_user(
    app: App,
    client: Caller,
    Admin(admin): Admin,
    Json(form): Json<AccountChange>,
) -> Result<Json<ShownToAdmin>> {
    let changed = users::change(&app, &client, &admin, form);
    changed.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
