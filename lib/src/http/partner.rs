//! Authentication of partner applications by `Authorization: Basic`.

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::Member;
use crate::App;
use crate::error::{Error, Result};
pub use crate::models::partner_app::Partner;
use crate::session::Token;

/// Reads the name and the secret of a partner. RFC 6749 requires form encoding before
/// base64, but it does not change any character of a valid name or secret.
fn read(headers: &HeaderMap) -> Option<Partner> {
    if !is_basic(headers) {
        return None;
    }
    let (_, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (name, secret) = decoded.split_once(':')?;
    Some(Partner {
        // Postgres cannot store a NUL.
        name: (!name.contains('\0')).then(|| name.to_owned())?,
        secret: Token::parse(secret)?,
    })
}

impl FromRequestParts<App> for Partner {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        read(&parts.headers).ok_or(Error::UnknownPartner)
    }
}

/// Returns whether the request uses Basic authentication.
pub(super) fn is_basic(headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    value
        .and_then(|value| value.get(..6))
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
}

/// A member, or a partner application if the request uses Basic authentication.
#[derive(Debug)]
pub enum MemberOrPartner {
    /// A signed-in member.
    Member(Box<Member>),
    /// A partner application. Its secret has not been verified yet.
    Partner(Partner),
}

impl FromRequestParts<App> for MemberOrPartner {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if is_basic(&parts.headers) {
            let partner = Partner::from_request_parts(parts, app).await?;
            return Ok(Self::Partner(partner));
        }
        let member = Member::from_request_parts(parts, app).await?;
        Ok(Self::Member(Box::new(member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Partner> {
        let value = HeaderValue::from_str(value).unwrap();
        super::read(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    #[test]
    fn only_a_well_formed_name_and_secret_are_read() {
        let secret = "0123456789abcdef".repeat(4);
        let credentials = BASE64.encode(format!("ticket-shop:{secret}"));
        for scheme in ["Basic", "basic", "BASIC"] {
            let partner = read(&format!("{scheme} {credentials}")).unwrap();
            assert_eq!(partner.name, "ticket-shop");
        }
        let encoded = |text: &str| format!("Basic {}", BASE64.encode(text));
        for rejected in [
            "Basic".to_owned(),
            "Basic !".to_owned(),
            format!("Bearer {credentials}"),
            encoded("ticket-shop"),
            encoded("ticket-shop:short"),
            encoded(&format!("ticket\0shop:{secret}")),
            encoded(&format!("a:b:{secret}")),
        ] {
            assert!(read(&rejected).is_none(), "{rejected}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::testing::arbitrary::{altered_text, bytes, character, header_value, text};

    fn read(value: &[u8]) -> Option<Partner> {
        let value = HeaderValue::from_bytes(value).ok()?;
        super::read(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    proptest! {
        #[test]
        fn any_name_and_secret_are_read_back(
            scheme in "[Bb][Aa][Ss][Ii][Cc]", blanks in " {0,2}", name in text(), secret in "[0-9a-f]{64}",
        ) {
            let encoded = BASE64.encode(format!("{name}:{secret}"));
            let partner = read(format!("{scheme} {blanks}{encoded}{blanks}").as_bytes());
            // A colon ends the name (RFC 7617, section 2), and a NUL is rejected.
            let credentials = partner.map(|partner| (partner.name, partner.secret.expose().to_owned()));
            let is_valid = !name.contains([':', '\0']);
            assert_eq!(credentials, is_valid.then_some((name, secret)));
        }

        #[test]
        fn any_other_header_is_rejected(
            value in header_value(), decoded in bytes(), secret in "[0-9a-f]{64}",
            index in any::<Index>(), replacement in character(),
        ) {
            assert!(read(value.as_bytes()).is_none());
            assert!(read(format!("Basic {}", BASE64.encode(decoded)).as_bytes()).is_none());
            let altered = altered_text(&secret, index, replacement).filter(|text| Token::parse(text).is_none());
            for secret in altered.into_iter().chain([secret[..index.index(64)].to_owned()]) {
                let encoded = BASE64.encode(format!("ticket-shop:{secret}"));
                assert!(read(format!("Basic {encoded}").as_bytes()).is_none(), "{secret:?}");
            }
        }
    }
}
