//! Where a request comes from: the defence against what other sites make a
//! member's browser send.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::cookie::{self, Purpose};
use super::partner;
use crate::error::{Error, Result};
use crate::{App, Config};

const FOREIGN: Error = Error::Forbidden {
    code: "foreign_origin",
    message: "This request did not come from a page that may send it",
};

/// Where a sign-in provider's page sends a form, from an origin of its own. It
/// changes nothing, but leads on to GET with what came, where the state and a
/// cookie have to fit each other.
const ANSWERED_BY_FORM: &str = "/api/auth/oauth/callback/{provider}";

/// Lets a request that may change something with a member's cookie come from
/// known pages only.
///
/// `SameSite=Lax` alone leaves out sites on the same registrable domain, and
/// old browsers. Without a cookie there is nothing to abuse, and a request
/// with a bearer is judged by that alone, which no browser adds by itself; a
/// name and a password (`Basic`) it might.
pub(super) async fn check(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let path = request.extensions().get::<MatchedPath>();
    let exempt = path.is_some_and(|path| path.as_str() == ANSWERED_BY_FORM);
    let headers = request.headers();
    let by_hand = headers.contains_key(header::AUTHORIZATION) && !partner::is_basic(headers);
    let by_cookie = cookie::presented(&app, headers, Purpose::Session).is_some() && !by_hand;
    // A page of another site that says where it is from has no business here even
    // without a cookie: it could sign somebody out, or in as somebody else.
    let says_foreign = headers.contains_key(header::ORIGIN) && !by_hand;
    if !safe && !exempt && (by_cookie || says_foreign) && !is_own(app.config(), headers) {
        return Err(FOREIGN);
    }
    Ok(next.run(request).await)
}

fn is_own(config: &Config, headers: &HeaderMap) -> bool {
    // No script can set a header whose name begins with `Sec-`.
    if headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "same-origin")
    {
        return true;
    }
    let Some(origin) = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    config.origins.contains(origin) || (config.development && is_local(origin, headers))
}

/// In development the port is not known beforehand: `vercel dev` takes one of
/// its own. The page and the function have the same one.
fn is_local(origin: &str, headers: &HeaderMap) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let local = matches!(origin.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    // `vercel dev` passes requests on under a host of its own making, and puts
    // the browser's here. No page of another site can: it would be asked for
    // by a preflight, which is refused.
    let host = headers
        .get("x-forwarded-host")
        .or_else(|| headers.get(header::HOST))
        .and_then(|value| value.to_str().ok());
    local && origin.authority().map(|authority| authority.as_str()) == host
}

/// Answers exactly the known origins, and no other.
pub(super) fn cors(config: &Config) -> CorsLayer {
    let origins = config
        .origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([super::answer::REQUEST_ID, header::RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(60 * 60))
}
