//! GET, POST, PATCH /api/admin/products — what the studio sells, for staff.

use sabor::classes::catalog::maintenance::ActiveQuery;
use sabor::http::{Created, Json, List, PageParams, Query, Staff};
use sabor::shop::products;
use sabor::shop::products::{CreateProduct, StaffProductView, UpdateProduct};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_all_products, create_product, update_product]
}

/// Lists products, newest first. By default, retired ones are included.
#[utoipa::path(get, path = "/api/admin/products", tag = "administration", security(("session" = [])), params(ActiveQuery, PageParams), responses(
    (status = 200, body = List<StaffProductView>, description = "One page of the list"),
))]
async fn list_all_products(
    app: App,
    _staff: Staff,
    Query(query): Query<ActiveQuery>,
    page: Page,
) -> Result<Json<List<StaffProductView>>> {
    products::list(&app, query, page).await.map(Json)
}

/// Creates a product: a pass, which is the right to come to a number of classes, or to all classes,
/// for some days; a membership; a gift card, whose price is its value; or a course, whose classes are
/// chosen with `PUT /api/admin/course-classes`.
#[utoipa::path(post, path = "/api/admin/products", tag = "administration", security(("session" = [])), request_body = CreateProduct, responses(
    (status = 201, body = StaffProductView, description = "The new product"),
))]
async fn create_product(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<CreateProduct>,
) -> Result<Created<StaffProductView>> {
    let created = products::create(&app, &caller, &staff, form);
    created.await.map(Created)
}

/// Updates a product, or retires it with `isActive`. Fields that are left out keep their values.
/// Passes that were sold keep their credits and days.
#[utoipa::path(patch, path = "/api/admin/products", tag = "administration", security(("session" = [])), request_body = UpdateProduct, responses(
    (status = 200, body = StaffProductView, description = "The updated product"),
    (status = 404, description = "`not_found`: no product has this id"),
))]
async fn update_product(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateProduct>,
) -> Result<Json<StaffProductView>> {
    let updated = products::update(&app, &caller, &staff, form);
    updated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
