//! GET /api/auth/providers — by which providers one may sign in.

use sabor::http::Json;
use sabor::identity::oauth;
use sabor::identity::oauth::Providers;
use sabor::{App, Exit, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_providers]
}

/// Those that are configured, for the page's buttons.
#[utoipa::path(get, path = "/api/auth/providers", tag = "auth", responses(
    (status = 200, body = Providers, description = "By name; there may be none"),
))]
async fn list_providers(app: App) -> Json<Providers> {
    Json(oauth::providers(&app))
}

fn main() -> Exit {
    serve(route())
}
