//! What kind of answer a client asks for.

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether `Accept` names this media type: of functions that answer JSON unless
/// they are asked for something else, which a wildcard is not.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter();
    accepted.any(|value| {
        let kinds = value.to_str().unwrap_or_default();
        kinds.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case(media_type)
        })
    })
}
