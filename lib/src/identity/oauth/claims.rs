//! The claims of a provider about a user.

use serde::{Deserialize, Deserializer};

use crate::models::user::{self, Email};
use crate::values::form;

/// The claims that Sabor uses, with their names in OpenID Connect Core 1.0 § 5.1. A claim
/// of the wrong type counts as missing, except for two: `email_verified` then counts as
/// false, and a `sub` of the wrong type is an error.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    #[serde(default, deserialize_with = "string")]
    pub(super) email: Option<String>,
    #[serde(default, deserialize_with = "boolean")]
    pub(super) email_verified: Option<bool>,
    #[serde(default, deserialize_with = "string")]
    pub(super) given_name: Option<String>,
    #[serde(default, deserialize_with = "string")]
    pub(super) family_name: Option<String>,
    #[serde(default, deserialize_with = "string")]
    pub(super) name: Option<String>,
}

/// Reads `true` and the string `"true"`, which some providers send, as true. `null` counts as
/// missing, and any other value as false.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok((!value.is_null()).then(|| value == true || value == "true"))
}

fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

impl Claims {
    /// Returns whether `email` or `email_verified` is missing. The userinfo endpoint may have
    /// the missing claim.
    pub(super) fn needs_userinfo(&self) -> bool {
        self.email.is_none() || self.email_verified.is_none()
    }

    /// Adds the claims of the userinfo endpoint. If they include an address, `email_verified`
    /// is taken from there as well, because it refers to the address in the same response.
    pub(super) fn add_userinfo(self, userinfo: Self) -> Self {
        let (email, email_verified) = match userinfo.email {
            Some(email) => (Some(email), userinfo.email_verified),
            None => (self.email, self.email_verified.or(userinfo.email_verified)),
        };
        Self {
            sub: self.sub,
            email,
            email_verified,
            given_name: userinfo.given_name.or(self.given_name),
            family_name: userinfo.family_name.or(self.family_name),
            name: userinfo.name.or(self.name),
        }
    }
}

/// A user of a provider.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) provider: String,
    /// The permanent and unique id of the user at the provider.
    pub(super) subject: String,
    /// The e-mail address, verified or not. It is shown to the member.
    pub(super) email: Option<String>,
    /// The e-mail address, if the provider has verified it.
    pub(super) verified_email: Option<Email>,
    pub(super) first_name: String,
    pub(super) last_name: String,
}

impl Identity {
    pub(super) fn new(provider: &str, claims: Claims) -> Self {
        let email = claims.email.and_then(|email| Email::parse(&email).ok());
        let (first_name, last_name) = names(
            claims.given_name.as_deref(),
            claims.family_name.as_deref(),
            claims.name.as_deref(),
            email.as_ref(),
        );
        Self {
            provider: provider.to_owned(),
            subject: claims.sub,
            email: email.as_ref().map(|email| email.as_str().to_owned()),
            verified_email: email.filter(|_| claims.email_verified == Some(true)),
            first_name,
            last_name,
        }
    }
}

/// Derives the first and last name from the claims. An invalid name is replaced instead of
/// rejected, because the member can change it later.
fn names(
    given: Option<&str>,
    family: Option<&str>,
    full: Option<&str>,
    email: Option<&Email>,
) -> (String, String) {
    // The full name is cleaned before it is split, so that no part consists of invisible
    // characters.
    let full = form::line(full.unwrap_or_default(), 2 * user::MAX_NAME).unwrap_or_default();
    let split = full.split_once(char::is_whitespace).unwrap_or((&full, ""));
    let (first, last) = match given {
        Some(given) => (given, family.unwrap_or_default()),
        None => split,
    };
    let local_part = email.and_then(|email| email.as_str().split('@').next());
    let first = user::first_name(first)
        .or_else(|_| user::first_name(local_part.unwrap_or_default()))
        .unwrap_or_else(|_| "?".to_owned());
    (first, user::last_name(last).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity_from(claims: serde_json::Value) -> Identity {
        Identity::new("acme", Claims::deserialize(claims).unwrap())
    }

    #[test]
    fn only_an_address_that_the_provider_has_verified_counts_as_verified() {
        for (claim, verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            let identity = identity_from(
                json!({ "sub": "1", "email": "Ana@Example.com", "email_verified": claim }),
            );
            assert_eq!(identity.verified_email.is_some(), verified, "{claim}");
            assert_eq!(identity.email.as_deref(), Some("ana@example.com"));
        }
        let unicode = json!({ "sub": "1", "email": "Luz@münchen.de", "email_verified": true });
        let identity = identity_from(unicode);
        assert_eq!(identity.email.as_deref(), Some("luz@xn--mnchen-3ya.de"));
        let invalid = json!({ "sub": "1", "email": "nothing", "email_verified": true });
        let identity = identity_from(invalid);
        assert!(identity.verified_email.is_none() && identity.email.is_none());
    }

    #[test]
    fn a_name_is_derived_from_the_claims_that_are_present() {
        for (claims, first, last) in [
            (
                json!({ "given_name": "Ana", "family_name": "Reyes" }),
                "Ana",
                "Reyes",
            ),
            (json!({ "name": "Ana de los Reyes" }), "Ana", "de los Reyes"),
            (json!({ "name": "Ana" }), "Ana", ""),
            (json!({ "name": 7 }), "ana", ""),
            (json!({ "given_name": "a\u{7}" }), "ana", ""),
            (json!({ "given_name": "\u{3164}" }), "ana", ""),
            (json!({ "name": "\u{200b} Ana Reyes" }), "Ana", "Reyes"),
        ] {
            let mut claims = claims;
            claims["sub"] = json!("1");
            claims["email"] = json!("ana@example.com");
            let identity = identity_from(claims);
            assert_eq!((&*identity.first_name, &*identity.last_name), (first, last));
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testing::arbitrary::{fits_column, form};

    proptest! {
        #[test]
        fn any_claims_result_in_a_name_and_an_address_that_fit_their_columns(claims_json in form(&json!({
            "sub": "1", "email": "ana@example.com", "email_verified": true,
            "given_name": "Ana", "family_name": "Reyes", "name": "Ana Reyes",
        }))) {
            let Ok(claims) = Claims::deserialize(&claims_json) else {
                assert!(!claims_json["sub"].is_string(), "{claims_json}");
                return Ok(());
            };
            let identity = Identity::new("acme", claims);
            assert!(!identity.first_name.is_empty() && fits_column(&identity.first_name, user::MAX_NAME));
            assert!(fits_column(&identity.last_name, user::MAX_NAME));
            assert!(identity.email.is_none_or(|email| fits_column(&email, user::MAX_EMAIL)));
            let verified = claims_json["email_verified"] == true || claims_json["email_verified"] == "true";
            assert!(verified || identity.verified_email.is_none(), "{claims_json}");
        }
    }
}
