//! Partner applications that call: name and secret, by `Authorization: Basic`.

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::Member;
use crate::App;
use crate::error::{Error, Result};
pub use crate::models::app::Partner;
use crate::session::Token;

/// Names and secrets are of letters, digits and hyphens, which the form
/// encoding that RFC 6749 wants before base64 leaves as they are.
fn read(headers: &HeaderMap) -> Option<Partner> {
    if !is_basic(headers) {
        return None;
    }
    let (_, told) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let told = String::from_utf8(BASE64.decode(told.trim()).ok()?).ok()?;
    let (name, secret) = told.split_once(':')?;
    Some(Partner {
        // Postgres would refuse the whole statement.
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

/// Whether a request says who it is by name and secret, right or wrong.
pub(super) fn is_basic(headers: &HeaderMap) -> bool {
    let told = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    told.and_then(|told| told.get(..6))
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
}

/// A member, or a partner application: whoever comes with `Basic` is no member.
#[derive(Debug)]
pub enum MemberOrPartner {
    /// Signed in.
    Member(Box<Member>),
    /// By name and secret.
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
    fn name_and_secret_are_read_and_nothing_else_is() {
        let secret = "0123456789abcdef".repeat(4);
        let good = BASE64.encode(format!("ticket-shop:{secret}"));
        for scheme in ["Basic", "basic", "BASIC"] {
            let partner = read(&format!("{scheme} {good}")).unwrap();
            assert_eq!(partner.name, "ticket-shop");
        }
        let encoded = |text: &str| format!("Basic {}", BASE64.encode(text));
        for bad in [
            "Basic".to_owned(),
            "Basic !".to_owned(),
            format!("Bearer {good}"),
            encoded("ticket-shop"),
            encoded("ticket-shop:short"),
            encoded(&format!("ticket\0shop:{secret}")),
            encoded(&format!("a:b:{secret}")),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
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
        fn any_name_and_secret_come_back(
            scheme in "[Bb][Aa][Ss][Ii][Cc]", blanks in " {0,2}", name in text(), secret in "[0-9a-f]{64}",
        ) {
            let encoded = BASE64.encode(format!("{name}:{secret}"));
            let partner = read(format!("{scheme} {blanks}{encoded}{blanks}").as_bytes());
            // A colon ends the name (RFC 7617 § 2), and Postgres takes no NUL.
            let told = partner.map(|partner| (partner.name, partner.secret.expose().to_owned()));
            let possible = !name.contains([':', '\0']);
            assert_eq!(told, possible.then_some((name, secret)));
        }

        #[test]
        fn nothing_else_is_a_partner(
            told in header_value(), inside in bytes(), secret in "[0-9a-f]{64}",
            place in any::<Index>(), by in character(),
        ) {
            assert!(read(told.as_bytes()).is_none());
            assert!(read(format!("Basic {}", BASE64.encode(inside)).as_bytes()).is_none());
            let altered = altered_text(&secret, place, by).filter(|text| Token::parse(text).is_none());
            for secret in altered.into_iter().chain([secret[..place.index(64)].to_owned()]) {
                let encoded = BASE64.encode(format!("ticket-shop:{secret}"));
                assert!(read(format!("Basic {encoded}").as_bytes()).is_none(), "{secret:?}");
            }
        }
    }
}
