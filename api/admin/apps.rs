//! GET, POST, PATCH /api/admin/apps — partner applications.

use sabor::http::{Admin, Created, Json, List, PageParams};
use sabor::partners::apps;
use sabor::partners::apps::{
    CreatePartnerApp, PartnerAppView, PartnerAppWithSecret, UpdatePartnerApp,
};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_partner_apps, create_partner_app, update_partner_app]
}

/// Lists partner applications without their secrets, newest first.
#[utoipa::path(get, path = "/api/admin/apps", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<PartnerAppView>, description = "One page of the list"),
))]
async fn list_partner_apps(
    app: App,
    _admin: Admin,
    page: Page,
) -> Result<Json<List<PartnerAppView>>> {
    apps::list(&app, page).await.map(Json)
}

/// Registers a partner application. Its secret is returned only in this
/// response.
#[utoipa::path(post, path = "/api/admin/apps", tag = "administration", security(("session" = [])), request_body = CreatePartnerApp, responses(
    (status = 201, body = PartnerAppWithSecret, description = "The new application and its secret"),
    (status = 409, description = "`name_taken`: another application has this name"),
))]
async fn create_partner_app(
    app: App,
    caller: Caller,
    Admin(admin): Admin,
    Json(request): Json<CreatePartnerApp>,
) -> Result<Created<PartnerAppWithSecret>> {
    let created = apps::create(&app, &caller, &admin, request);
    created.await.map(Created)
}

/// Updates a partner application. Fields that are left out keep their values.
/// During a secret rotation both the old and the new secret work.
#[utoipa::path(patch, path = "/api/admin/apps", tag = "administration", security(("session" = [])), request_body = UpdatePartnerApp, responses(
    (status = 200, body = PartnerAppWithSecret, description = "The updated application, with its secret if a new one was made"),
    (status = 404, description = "`not_found`: no application has this id"),
    (status = 409, description = "`rotating`: a rotation is in progress, and both secrets work"),
))]
async fn update_partner_app(
    app: App,
    caller: Caller,
    Admin(admin): Admin,
    Json(request): Json<UpdatePartnerApp>,
) -> Result<Json<PartnerAppWithSecret>> {
    let updated = apps::update(&app, &caller, &admin, request);
    updated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
