//! GET /api/auth/providers — the providers that visitors can sign in through.

use sabor::http::Json;
use sabor::identity::oauth::provider_list;
use sabor::identity::oauth::provider_list::ProviderList;
use sabor::{App, Exit, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_providers]
}

/// Lists the configured providers by name.
#[utoipa::path(get, path = "/api/auth/providers", tag = "auth", responses(
    (status = 200, body = ProviderList, description = "The providers; the list may be empty"),
))]
async fn list_providers(app: App) -> Json<ProviderList> {
    Json(provider_list::list(&app))
}

fn main() -> Exit {
    serve(route())
}
