//! GET /api/classes/details — one class type, and when it is next.

use sabor::classes::catalogue;
use sabor::classes::catalogue::{Wanted, Whole};
use sabor::http::{CopyParams, Public, Query};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_class_type]
}

/// The class type, who teaches it, and its next twenty classes.
#[utoipa::path(get, path = "/api/classes/details", tag = "classes", params(Wanted, CopyParams), responses(
    (status = 200, body = Whole, description = "It has an `ETag`"),
    (status = 304, description = "As in the answer whose `ETag` was given"),
    (status = 400, description = "No id"),
    (status = 404, description = "There is no such class type, or it is retired"),
))]
async fn get_class_type(app: App, Query(wanted): Query<Wanted>) -> Result<Public> {
    catalogue::details(&app, wanted).await
}

fn main() -> Exit {
    serve(route())
}
