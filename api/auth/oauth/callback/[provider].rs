//! GET, POST /api/auth/oauth/callback/{provider} — finish a sign-in through a provider.

use axum::http::HeaderMap;
use axum::response::Response;
use sabor::http::{Arrival, OAuthBrowser, Provider, ProviderAnswer};
use sabor::identity::oauth;
use sabor::identity::oauth::{Returned, SeeOther};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![finish_provider_sign_in, receive_provider_form]
}

/// Where the provider sends the browser. Signs in to the account that is linked,
/// links it or makes it; good once, in the browser that began.
#[utoipa::path(get, path = "/api/auth/oauth/callback/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "As in the list of providers"), Returned), responses(
    (status = 303, description = "Signed in, or linked: to the return path; `Set-Cookie` carries the session. Of a failure, for a browser: to `/#oauth=<code>`, or where a code is due to `/#two-factor=<return path>`"),
    (status = 400, description = "`oauth_state`: begun elsewhere, used, or too old; `oauth_refused`: no code, or no good one"),
    (status = 401, description = "`two_factor_required`, with `challenge`; `session_gone`, of a member who links"),
    (status = 403, description = "`access_denied` by its owner; `email_unverified` by the provider, or `email_not_verified` with us; `account_closed`"),
    (status = 404, description = "No such provider is configured"),
    (status = 409, description = "`account_exists`, whose address is not confirmed or has another link; `identity_taken` by another member; `identity_overtaken` by another request at the same moment, to be tried again"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
    (status = 503, description = "The provider does not answer; see `Retry-After`"),
))]
async fn finish_provider_sign_in(
    app: App,
    arrival: Arrival,
    browser: OAuthBrowser,
    Provider(config): Provider,
    headers: HeaderMap,
    told: ProviderAnswer,
) -> Response {
    let finished = oauth::finish(&app, &arrival, &browser, &config, &told).await;
    oauth::answer(&app, &headers, finished)
}

/// The same by a form, for providers that answer so.
#[utoipa::path(post, path = "/api/auth/oauth/callback/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "As in the list of providers")),
    request_body(content = Returned, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 303, description = "On to GET, with what came: only there the browser's cookies come along"),
    (status = 400, description = "It cannot be read"),
    (status = 404, description = "No such provider is configured"),
))]
async fn receive_provider_form(
    Provider(config): Provider,
    told: ProviderAnswer,
) -> Result<SeeOther> {
    Ok(oauth::receive(&config, &told))
}

fn main() -> Exit {
    serve(route())
}
