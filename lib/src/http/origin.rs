//! The origin check (CSRF protection) and CORS.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri};

use super::cookie::{self, CookiePurpose};
use super::partner;
use super::routes::Routes;
use crate::error::{Error, ErrorCode, Result};
use crate::{App, Config};

const FOREIGN_ORIGIN: Error = Error::Forbidden {
    code: ErrorCode::ForeignOrigin,
    message: "Requests from this origin are not allowed",
};

/// Returns the paths that accept requests from every origin.
pub(super) fn any_origin_paths(routes: &[Routes]) -> Arc<[String]> {
    let open = routes.iter().filter(|routes| routes.accepts_any_origin());
    open.map(|routes| routes.path().to_owned()).collect()
}

/// Rejects unsafe requests from other sites, except to `any_origin_paths`.
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
pub(super) fn check(app: &App, any_origin_paths: &[String], request: &Request) -> Result<()> {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let path = request.extensions().get::<MatchedPath>();
    let is_exempt =
        path.is_some_and(|path| any_origin_paths.iter().any(|open| open == path.as_str()));
    let headers = request.headers();
    let has_bearer = headers.contains_key(header::AUTHORIZATION) && !partner::is_basic(headers);
    let has_cookie = [CookiePurpose::Session, CookiePurpose::Visitor]
        .iter()
        .any(|purpose| cookie::is_sent(app, headers, *purpose));
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
    Ok(())
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

/// The values of the CORS headers.
const TRUE: HeaderValue = HeaderValue::from_static("true");
const VARY: HeaderValue = HeaderValue::from_static("origin");
const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("content-type,authorization,idempotency-key,last-event-id");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("x-request-id,retry-after");
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");

/// Lets pages of exactly the configured origins read responses, with the session cookie.
pub(super) struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(super) fn new(config: &Config) -> Self {
        let origins = config.origins.iter();
        let origins = origins.filter_map(|origin| HeaderValue::from_str(origin).ok());
        Self {
            origins: origins.collect(),
        }
    }

    /// Returns the response to `OPTIONS`, by which a browser asks whether it may send a
    /// request of `origin`.
    pub(super) fn preflight(&self, origin: Option<HeaderValue>) -> Response {
        let mut response = Response::default();
        let headers = response.headers_mut();
        self.allow(origin, headers);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    }

    /// Adds the headers of the response to any other request of `origin`.
    pub(super) fn add_headers(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        self.allow(origin, headers);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }

    fn allow(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        // A response may vary by other headers, too.
        headers.append(header::VARY, VARY);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        if let Some(origin) = origin.filter(|origin| self.origins.contains(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use axum::body::Body;
    use http::HeaderName;
    use tower::{Layer, ServiceExt, service_fn};
    use tower_http::cors::{AllowOrigin, CorsLayer};

    use super::super::response::REQUEST_ID;
    use super::*;
    use crate::testing::arbitrary::config;

    /// The rules of [`Cors`] in the words of another implementation.
    fn reference(origins: &[HeaderValue]) -> CorsLayer {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.to_vec()))
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
            .expose_headers([REQUEST_ID, header::RETRY_AFTER])
            .max_age(Duration::from_secs(60 * 60))
    }

    async fn route(_: Request) -> Result<Response, Infallible> {
        let mut response = Response::new(Body::from("body"));
        let vary = HeaderValue::from_static("accept");
        response.headers_mut().insert(header::VARY, vary);
        Ok(response)
    }

    #[tokio::test]
    async fn the_headers_are_those_of_another_implementation() {
        let cors = Cors::new(&config(&[]));
        let origins = [
            None,
            Some("https://sabor.example"),
            Some("https://evil.example"),
            Some("null"),
        ];
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            for origin in origins.map(|origin| origin.map(HeaderValue::from_static)) {
                let mut request = Request::new(Body::empty());
                *request.method_mut() = method.clone();
                request
                    .headers_mut()
                    .extend(origin.clone().map(|origin| (header::ORIGIN, origin)));
                let expected = reference(&cors.origins).layer(service_fn(route));
                let expected = expected.oneshot(request).await.unwrap();

                let response = if method == Method::OPTIONS {
                    cors.preflight(origin.clone())
                } else {
                    let mut response = route(Request::default()).await.unwrap();
                    cors.add_headers(origin.clone(), response.headers_mut());
                    response
                };
                assert_eq!(response.status(), expected.status());
                assert_eq!(
                    response.headers(),
                    expected.headers(),
                    "{method} {origin:?}"
                );
            }
        }
    }
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
