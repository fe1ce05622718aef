//! GET, POST, PATCH /api/admin/accounts — on whose behalf members act.

use sabor::http::{Admin, Created, Json, List, PageParams};
use sabor::models::account::Shown;
use sabor::partners::organizations;
use sabor::partners::organizations::{Change, Entry};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_organizations, create_organization, update_organization]
}

/// Newest first, each with all of its members.
#[utoipa::path(get, path = "/api/admin/accounts", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them"),
    (status = 400, description = "No such limit or cursor"),
))]
async fn list_organizations(app: App, _admin: Admin, page: Page) -> Result<Json<List<Shown>>> {
    organizations::list(&app, page).await.map(Json)
}

/// Makes one, with the members that are given.
#[utoipa::path(post, path = "/api/admin/accounts", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = Shown, description = "Made"),
    (status = 409, description = "`slug_taken`"),
))]
async fn create_organization(
    app: App,
    client: Caller,
    Admin(admin): Admin,
    Json(entry): Json<Entry>,
) -> Result<Created<Shown>> {
    let made = organizations::make(&app, &client, &admin, entry);
    made.await.map(Created)
}

/// Changes what is given and leaves the rest. A member whose role is null
/// belongs to it no more, and their tokens for it are worth nothing.
#[utoipa::path(patch, path = "/api/admin/accounts", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = Shown, description = "As it is now"),
    (status = 404, description = "There is no such account"),
    (status = 409, description = "`slug_taken`, or `account_full`: it has a hundred members"),
))]
async fn update_organization(
    app: App,
    client: Caller,
    Admin(admin): Admin,
    Json(change): Json<Change>,
) -> Result<Json<Shown>> {
    let changed = organizations::change(&app, &client, &admin, change);
    changed.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
