//! GET /api/studio — the studio's name, address, and rules.

use sabor::http::{CacheableResponse, IfNoneMatchParams};
use sabor::studio::{self, StudioView};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_studio]
}

/// Returns the studio's name, address, time zone, and rules for bookings. They change only
/// with a deployment.
#[utoipa::path(get, path = "/api/studio", tag = "classes", params(IfNoneMatchParams), responses(
    (status = 200, body = StudioView, description = "The studio, with an `ETag`"),
    (status = 304, description = "The response that the caller has is current"),
))]
async fn get_studio(app: App) -> Result<CacheableResponse> {
    studio::get(&app)
}

fn main() -> Exit {
    serve(route())
}
