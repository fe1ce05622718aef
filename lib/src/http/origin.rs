//! The origin check (CSRF protection) and CORS.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::cookie::{self, CookiePurpose};
use super::partner;
use crate::error::{Error, ErrorCode, Result};
use crate::{App, Config};

const FOREIGN_ORIGIN: Error = Error::Forbidden {
    code: ErrorCode::ForeignOrigin,
    message: "Requests from this origin are not allowed",
};

/// The path of the callback to which a provider's page submits a form from the provider's
/// origin. The POST changes nothing: it redirects to GET, which checks the state and the
/// cookie.
const PROVIDER_CALLBACK_PATH: &str = "/api/auth/oauth/callback/{provider}";

/// Rejects unsafe requests from other sites.
///
/// `SameSite=Lax` alone does not protect against sites on the same registrable domain, and
/// old browsers ignore it. Requests with a bearer token are exempt, because a browser never
/// adds one by itself. Requests with `Basic` are checked, because a browser may add these
/// credentials by itself.
///
/// `tower_http::csrf` is more lenient and cannot be made stricter. It accepts a request with
/// neither `Origin` nor `Sec-Fetch-Site`, a request with `Sec-Fetch-Site: none`, and a
/// request whose `Origin` has the host of the request, even over plain HTTP. It can exempt
/// requests only by method and path, but exemptions here depend on `Authorization`.
pub(super) async fn check(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let path = request.extensions().get::<MatchedPath>();
    let is_exempt = path.is_some_and(|path| path.as_str() == PROVIDER_CALLBACK_PATH);
    let headers = request.headers();
    let has_bearer = headers.contains_key(header::AUTHORIZATION) && !partner::is_basic(headers);
    let has_cookie = [CookiePurpose::Session, CookiePurpose::Visitor]
        .iter()
        .any(|purpose| cookie::is_sent(&app, headers, *purpose));
    let uses_cookie = has_cookie && !has_bearer;
    // Other sites are rejected even without a cookie, because they could sign a member
    // in as someone else.
    let has_origin = headers.contains_key(header::ORIGIN) && !has_bearer;
    if !is_safe
        && !is_exempt
        && (uses_cookie || has_origin)
        && !is_own_origin(app.config(), headers)
    {
        return Err(FOREIGN_ORIGIN);
    }
    Ok(next.run(request).await)
}

fn is_own_origin(config: &Config, headers: &HeaderMap) -> bool {
    // Scripts cannot set headers whose names start with `Sec-`.
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

/// Returns whether the page is on this machine and the same port, for development. The
/// port cannot be configured, because `vercel dev` chooses it.
fn is_local(origin: &str, headers: &HeaderMap) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let is_local_host = matches!(origin.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    // `vercel dev` forwards requests with another host, and puts the browser's host in
    // `X-Forwarded-Host`. Another site cannot set that header, because its preflight is
    // rejected.
    let host = headers
        .get("x-forwarded-host")
        .or_else(|| headers.get(header::HOST))
        .and_then(|value| value.to_str().ok());
    is_local_host && origin.authority().map(|authority| authority.as_str()) == host
}

/// Allows exactly the configured origins.
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
        .expose_headers([super::response::REQUEST_ID, header::RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(60 * 60))
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::testing::arbitrary::{altered_text, character, config, header_value, text};

    fn headers(origin: &HeaderValue, host: &str) -> HeaderMap {
        let host = HeaderValue::from_str(host).unwrap();
        HeaderMap::from_iter([(header::ORIGIN, origin.clone()), (header::HOST, host)])
    }

    proptest! {
        #[test]
        fn only_the_configured_origins_are_allowed(
            value in header_value(), affix in text(),
            index in any::<Index>(), replacement in character(),
        ) {
            let config = config(&[]);
            let site = "https://sabor.example";
            let mut origins = vec![value, HeaderValue::from_static("null")];
            let altered = altered_text(site, index, replacement).filter(|text| text != site);
            let affix = affix.trim();
            let similar = [format!("{site}{affix}"), format!("{affix}{site}"), site[..20].to_owned()];
            let texts = altered.into_iter().chain(similar).filter(|text| text != site);
            origins.extend(texts.filter_map(|text| HeaderValue::from_str(&text).ok()));
            for origin in origins {
                assert!(!is_own_origin(&config, &headers(&origin, "sabor.example")), "{origin:?}");
            }
            assert!(is_own_origin(&config, &headers(&HeaderValue::from_static(site), "sabor.example")));
        }

        #[test]
        fn in_development_only_local_pages_on_the_same_port_are_allowed(
            text in "[!-$&-~]{0,30}", port in 1..u16::MAX, other_port in 1..u16::MAX,
        ) {
            let config = config(&[("SABOR_ENV", "development")]);
            let is_own = |origin: &str, host: &str| {
                is_own_origin(&config, &headers(&HeaderValue::from_str(origin).unwrap(), host))
            };
            let here = format!("localhost:{port}");
            assert!(is_own(&format!("http://{here}"), &here));
            assert!(port == other_port || !is_own(&format!("http://localhost:{other_port}"), &here));
            // The host as the WHATWG URL standard parses it.
            for origin in [text.clone(), format!("http://{text}"), format!("http://{here}{text}")] {
                let host = url::Url::parse(&origin).ok().and_then(|url| Some(url.host_str()?.to_owned()));
                let local = matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"));
                assert!(local || !is_own(&origin, &here), "{origin}");
            }
        }
    }
}
