//! GET, POST /api/auth/oauth/callback/{provider} — completes a sign-in through a provider.

use axum::http::HeaderMap;
use axum::response::Response;
use sabor::http::{CallbackResponse, OAuthBrowser, Provider, SignInContext};
use sabor::identity::oauth;
use sabor::identity::oauth::{CallbackParams, SeeOther};
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    // Providers add parameters of their own. A provider's page submits the form from the provider's
    // origin. The POST changes nothing: it redirects to GET, which checks the state and the cookie.
    routes![finish_provider_sign_in, receive_provider_form]
        .with_other_query_params()
        .with_any_origin()
}

/// Completes a sign-in when the provider redirects the browser back. Signs in
/// to the linked account, links the provider to the signed-in member, or creates
/// an account. A sign-in can be completed once, in the browser that started it.
#[utoipa::path(get, path = "/api/auth/oauth/callback/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "The provider's name, from the list of providers"), CallbackParams), responses(
    (status = 303, description = "Redirect to the return path. `Set-Cookie` carries the session, unless the provider was linked to the signed-in member. If the request fails, a browser is redirected to `/account#oauth=<error code>`, or to `/account#two-factor=<return path>` when a second-factor code is needed. Any other client gets the responses below"),
    (status = 400, description = "`oauth_state`: the sign-in was started in another browser, has already been completed, or has expired. `oauth_refused`: the provider's response is not valid, or the provider refused the sign-in. `duplicate_cookie`: the request has two cookies with the same name"),
    (status = 401, description = "`two_factor_required`: a second-factor code is needed; see `challenge`. `session_gone`: the session of the member who is linking the provider has ended"),
    (status = 403, description = "`access_denied`: the user refused access. `email_unverified`: the provider has not verified the address of the account there. `email_not_verified`: the member of this site has not confirmed their address. `account_closed`: the account is deactivated. `sign_in_again`: to link a provider, the member must have signed in within the last ten minutes"),
    (status = 404, description = "`not_found`: this provider is not configured"),
    (status = 409, description = "`account_exists`: a member has this e-mail address and has linked another account at this provider. `identity_taken`: another member has linked this provider account. `identity_overtaken`: another request changed the link at the same time; try again"),
    (status = 429, description = "`too_many_requests`: too many attempts; wait for `Retry-After` seconds"),
    (status = 503, description = "`unavailable`: the provider does not answer; retry after `Retry-After` seconds"),
))]
async fn finish_provider_sign_in(
    app: App,
    context: Result<SignInContext>,
    browser: Result<OAuthBrowser>,
    Provider(config): Provider,
    headers: HeaderMap,
    provider_response: CallbackResponse,
) -> Response {
    let finished =
        async { oauth::finish(&app, &context?, &browser?, &config, &provider_response).await }
            .await;
    oauth::respond(&app, &headers, finished)
}

/// Receives the callback of a provider that sends it as a form.
#[utoipa::path(post, path = "/api/auth/oauth/callback/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "The provider's name, from the list of providers")),
    request_body(content = CallbackParams, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 303, description = "Redirect to the GET endpoint with the same parameters; the browser sends its cookies only there"),
    (status = 404, description = "`not_found`: this provider is not configured"),
))]
async fn receive_provider_form(
    Provider(config): Provider,
    provider_response: CallbackResponse,
) -> Result<SeeOther> {
    Ok(oauth::redirect_to_callback(&config, &provider_response))
}

fn main() -> Exit {
    serve(route())
}
