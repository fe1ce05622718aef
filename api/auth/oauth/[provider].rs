//! GET /api/auth/oauth/{provider} — starts a sign-in through a provider.

use axum::http::HeaderMap;
use axum::response::Response;
use sabor::http::{OAuthBrowser, Provider, Query, SignInContext};
use sabor::identity::oauth;
use sabor::identity::oauth::AuthorizationQuery;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    // Mail services and social networks add parameters to links.
    routes![start_provider_sign_in].with_other_query_params()
}

/// Redirects the browser to the provider. The provider must redirect it back to
/// `/api/auth/oauth/callback/{provider}` within ten minutes. If a member is
/// signed in, the provider is linked to their account, unless the request comes
/// from another site.
#[utoipa::path(get, path = "/api/auth/oauth/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "The provider's name, from the list of providers"), AuthorizationQuery), responses(
    (status = 303, description = "Redirect to the provider. If the request fails, a browser is redirected to `/account#oauth=<error code>`. Any other client gets the responses below"),
    (status = 400, description = "`validation_failed`: `returnTo` is not a path of this site, or `remember` is not a boolean. `duplicate_cookie`: the request has two cookies with the same name"),
    (status = 404, description = "`not_found`: this provider is not configured"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
    (status = 503, description = "`unavailable`: the provider does not answer; retry after `Retry-After` seconds"),
))]
async fn start_provider_sign_in(
    app: App,
    context: Result<SignInContext>,
    browser: Result<OAuthBrowser>,
    Provider(config): Provider,
    headers: HeaderMap,
    Query(query): Query<AuthorizationQuery>,
) -> Response {
    let result = async { oauth::begin(&app, &context?, &browser?, &config, &query).await }.await;
    oauth::respond(&app, &headers, result)
}

fn main() -> Exit {
    serve(route())
}
