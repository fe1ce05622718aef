//! Where a request comes from: the defence against what other sites make a
//! member's browser send.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::cookie::{self, CookiePurpose};
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
///
/// `tower_http::csrf` is more lenient and cannot be made stricter: it accepts a
/// request with neither `Origin` nor `Sec-Fetch-Site`, `Sec-Fetch-Site: none`,
/// and any `Origin` with the host of the request, even over plain HTTP. Its
/// exemptions see only method and path, and ours depend on `Authorization`.
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
    let by_cookie = cookie::read(&app, headers, CookiePurpose::Session).is_some() && !by_hand;
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
        .expose_headers([super::response::REQUEST_ID, header::RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(60 * 60))
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::testing::arbitrary::{altered_text, character, config, header_value, text};

    fn asked(origin: &HeaderValue, host: &str) -> HeaderMap {
        let host = HeaderValue::from_str(host).unwrap();
        HeaderMap::from_iter([(header::ORIGIN, origin.clone()), (header::HOST, host)])
    }

    proptest! {
        #[test]
        fn only_the_very_origins_are_own(
            told in header_value(), place in any::<Index>(), by in character(), around in text(),
        ) {
            let config = config(&[]);
            let site = "https://sabor.example";
            let mut tried = vec![told, HeaderValue::from_static("null")];
            let altered = altered_text(site, place, by).filter(|text| text != site);
            let around = around.trim();
            let longer = [format!("{site}{around}"), format!("{around}{site}"), site[..20].to_owned()];
            let texts = altered.into_iter().chain(longer).filter(|text| text != site);
            tried.extend(texts.filter_map(|text| HeaderValue::from_str(&text).ok()));
            for origin in tried {
                assert!(!is_own(&config, &asked(&origin, "sabor.example")), "{origin:?}");
            }
            assert!(is_own(&config, &asked(&HeaderValue::from_static(site), "sabor.example")));
        }

        #[test]
        fn in_development_a_page_of_this_machine_is_own_on_its_own_port_alone(
            told in "[!-$&-~]{0,30}", port in 1..u16::MAX, other in 1..u16::MAX,
        ) {
            let config = config(&[("SABOR_ENV", "development")]);
            let is_own = |origin: &str, host: &str| {
                is_own(&config, &asked(&HeaderValue::from_str(origin).unwrap(), host))
            };
            let here = format!("localhost:{port}");
            assert!(is_own(&format!("http://{here}"), &here));
            assert!(port == other || !is_own(&format!("http://localhost:{other}"), &here));
            // A page is where the URL standard says that its origin is.
            for origin in [told.clone(), format!("http://{told}"), format!("http://{here}{told}")] {
                let host = url::Url::parse(&origin).ok().and_then(|url| Some(url.host_str()?.to_owned()));
                let local = matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"));
                assert!(local || !is_own(&origin, &here), "{origin}");
            }
        }
    }
}
