//! The choice of a media type and of a language by the headers of a request (RFC 9110, section
//! 12.5).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_LANGUAGE};
use http::request::Parts;

use crate::App;
use crate::values::locale::Locale;
use crate::values::weighted_list::parse_weighted_list;

/// The representation of a resource that the caller prefers. JSON is the default. Browsers
/// name `text/html` when they open an address, but not when a script of a page sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// JSON, for programs.
    Json,
    /// A page in this language, for people.
    Html(Locale),
}

impl FromRequestParts<App> for Representation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(match prefers_html(&parts.headers) {
            true => Self::Html(accepted_locale(&parts.headers).unwrap_or_default()),
            false => Self::Json,
        })
    }
}

/// The language of a page that is never JSON.
#[derive(Clone, Copy, Debug)]
pub struct PageLocale(pub Locale);

impl FromRequestParts<App> for PageLocale {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(accepted_locale(&parts.headers).unwrap_or_default()))
    }
}

/// Returns whether `Accept` names this media type. A wildcard does not count, because
/// JSON is the default.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    weight(headers, media_type).is_some_and(|weight| weight > 0)
}

/// Returns whether the caller prefers HTML to JSON.
fn prefers_html(headers: &HeaderMap) -> bool {
    // The most specific range that includes JSON counts.
    let json = ["application/json", "application/*", "*/*"]
        .into_iter()
        .find_map(|range| weight(headers, range));
    weight(headers, "text/html") > Some(json.unwrap_or_default())
}

/// Returns the language of the site that the caller prefers. `None` if the caller accepts no
/// language of the site.
pub(super) fn accepted_locale(headers: &HeaderMap) -> Option<Locale> {
    Locale::accepted(headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// Returns the weight of a media range, if `Accept` names it.
fn weight(headers: &HeaderMap, media_range: &str) -> Option<u16> {
    let values = headers.get_all(ACCEPT).into_iter();
    let texts = values.map(|value| value.to_str().unwrap_or_default());
    texts
        .flat_map(parse_weighted_list)
        .filter(|(range, _)| range.eq_ignore_ascii_case(media_range))
        .map(|(_, weight)| weight)
        .max()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accept(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_a_caller_who_prefers_html_gets_it() {
        for html in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.9, Text/HTML;level=1",
            "*/*;q=0.5, text/html;q=0.51",
            "text/html, application/json;q=0, */*",
        ] {
            assert!(prefers_html(&accept(html)), "{html}");
        }
        for json in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "application/json, text/html",
            "text/html, */*",
            "text/html, application/*",
            "text/html;q=0",
            "text/html;q=none",
            "text/htmlx",
        ] {
            assert!(!prefers_html(&accept(json)), "{json}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn a_media_type_with_weight_0_is_not_accepted() {
        let headers = accept("application/json, text/calendar;q=0.1");
        assert!(accepts(&headers, "text/calendar"));
        let headers = accept("*/*, text/calendar;q=0");
        assert!(!accepts(&headers, "text/calendar"));
    }
}
