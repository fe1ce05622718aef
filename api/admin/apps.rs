//! GET, POST, PATCH /api/admin/apps — partner applications.

use sabor::http::{Admin, Created, Json, List, PageParams};
use sabor::models::app::Shown;
use sabor::partners::apps;
use sabor::partners::apps::{AppWithSecret, Change, Entry};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_partner_apps, create_partner_app, update_partner_app]
}

/// Newest first, without their secrets.
#[utoipa::path(get, path = "/api/admin/apps", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them"),
    (status = 400, description = "No such limit or cursor"),
))]
async fn list_partner_apps(app: App, _admin: Admin, page: Page) -> Result<Json<List<Shown>>> {
    apps::list(&app, page).await.map(Json)
}

/// Enters one. Its secret is shown this once.
#[utoipa::path(post, path = "/api/admin/apps", tag = "administration", security(("session" = [])), request_body = Entry, responses(
    (status = 201, body = AppWithSecret, description = "Entered; the secret is for its server"),
    (status = 409, description = "`name_taken`"),
))]
async fn create_partner_app(
    app: App,
    client: Caller,
    Admin(admin): Admin,
    Json(entry): Json<Entry>,
) -> Result<Created<AppWithSecret>> {
    let entered = apps::enter(&app, &client, &admin, entry);
    entered.await.map(Created)
}

/// Changes what is given and leaves the rest. While a secret is rotated, two
/// are good.
#[utoipa::path(patch, path = "/api/admin/apps", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = AppWithSecret, description = "As it is now, with the secret if there is a new one"),
    (status = 404, description = "There is no such application"),
    (status = 409, description = "`rotating`: two secrets are good already"),
))]
async fn update_partner_app(
    app: App,
    client: Caller,
    Admin(admin): Admin,
    Json(change): Json<Change>,
) -> Result<Json<AppWithSecret>> {
    let changed = apps::change(&app, &client, &admin, change);
    changed.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
