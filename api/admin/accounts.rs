//! GET, POST, PATCH /api/admin/accounts — organizations that members act for.

use sabor::http::{Admin, Created, Json, List, PageParams};
use sabor::partners::organizations;
use sabor::partners::organizations::{CreateOrganization, OrganizationView, UpdateOrganization};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_organizations, create_organization, update_organization]
}

/// Lists organizations with their members, newest first.
#[utoipa::path(get, path = "/api/admin/accounts", tag = "administration", security(("session" = [])), params(PageParams), responses(
    (status = 200, body = List<OrganizationView>, description = "One page of the list"),
))]
async fn list_organizations(
    app: App,
    _admin: Admin,
    page: Page,
) -> Result<Json<List<OrganizationView>>> {
    organizations::list(&app, page).await.map(Json)
}

/// Creates an organization with the given members.
#[utoipa::path(post, path = "/api/admin/accounts", tag = "administration", security(("session" = [])), request_body = CreateOrganization, responses(
    (status = 201, body = OrganizationView, description = "The new organization"),
    (status = 409, description = "`slug_taken`: another organization has this slug"),
))]
async fn create_organization(
    app: App,
    caller: Caller,
    Admin(admin): Admin,
    Json(request): Json<CreateOrganization>,
) -> Result<Created<OrganizationView>> {
    let created = organizations::create(&app, &caller, &admin, request);
    created.await.map(Created)
}

/// Updates an organization. Fields that are left out keep their values. A
/// member whose role is null leaves the organization, and their tokens for it
/// stop working.
#[utoipa::path(patch, path = "/api/admin/accounts", tag = "administration", security(("session" = [])), request_body = UpdateOrganization, responses(
    (status = 200, body = OrganizationView, description = "The updated organization"),
    (status = 404, description = "`not_found`: no organization has this id"),
    (status = 409, description = "`slug_taken`: another organization has this slug. `account_full`: an organization has at most 100 members"),
))]
async fn update_organization(
    app: App,
    caller: Caller,
    Admin(admin): Admin,
    Json(request): Json<UpdateOrganization>,
) -> Result<Json<OrganizationView>> {
    let updated = organizations::update(&app, &caller, &admin, request);
    updated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
