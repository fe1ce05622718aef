//! GET /api/auth/oauth/{provider} — begin a sign-in through a provider.

use axum::http::HeaderMap;
use axum::response::Response;
use sabor::http::{Arrival, OAuthBrowser, Provider, Query};
use sabor::identity::oauth;
use sabor::identity::oauth::Wanted;
use sabor::{App, Exit, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![start_provider_sign_in]
}

/// Sends the browser to the provider, which sends it back to
/// `/api/auth/oauth/callback/{provider}` within ten minutes. Of a member who is
/// signed in it links the provider to the account, unless another site has
/// sent the browser here.
#[utoipa::path(get, path = "/api/auth/oauth/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "As in the list of providers"), Wanted), responses(
    (status = 303, description = "To the provider. Of a failure, for a browser: to `/#oauth=<code>`"),
    (status = 400, description = "`returnTo` is no path of this site"),
    (status = 404, description = "No such provider is configured"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
    (status = 503, description = "The provider does not answer; see `Retry-After`"),
))]
async fn start_provider_sign_in(
    app: App,
    arrival: Arrival,
    browser: OAuthBrowser,
    Provider(config): Provider,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let begun = oauth::begin(&app, &arrival, &browser, &config, &wanted).await;
    oauth::answer(&app, &headers, begun)
}

fn main() -> Exit {
    serve(route())
}
