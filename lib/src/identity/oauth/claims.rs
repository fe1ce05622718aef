//! The claims of a provider about a user.

use serde::{Deserialize, Deserializer};

use crate::models::user::{self, Email};

/// The claims that are used, with their names in OpenID Connect Core 1.0 § 5.1. A claim
/// of the wrong type counts as missing, except for `sub`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) email: Option<String>,
    #[serde(default, deserialize_with = "boolean")]
    pub(super) email_verified: bool,
    #[serde(default, deserialize_with = "text")]
    pub(super) given_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) family_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) name: Option<String>,
}

/// Accepts `true` and `"true"`, which some providers send. Everything else is false.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value == true || value == "true")
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

/// A user of a provider.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) provider: String,
    /// The provider's permanent and unique id of the user.
    pub(super) subject: String,
    /// The e-mail address, whether verified or not, for the member to recognize.
    pub(super) email: Option<String>,
    /// The e-mail address, if the provider has verified it.
    pub(super) verified: Option<Email>,
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
            verified: email.filter(|_| claims.email_verified),
            first_name,
            last_name,
        }
    }
}

/// Derives the first and last name from the claims. An invalid name is replaced and not
/// rejected, because the member can change it later.
fn names(
    given: Option<&str>,
    family: Option<&str>,
    full: Option<&str>,
    email: Option<&Email>,
) -> (String, String) {
    let split = full.unwrap_or_default().trim();
    let split = split.split_once(char::is_whitespace).unwrap_or((split, ""));
    let (first, last) = match given {
        Some(given) => (given, family.unwrap_or_default()),
        None => split,
    };
    let local = email.and_then(|email| email.as_str().split('@').next());
    let first = user::first_name(first)
        .or_else(|_| user::first_name(local.unwrap_or_default()))
        .unwrap_or_else(|_| "?".to_owned());
    (first, user::last_name(last).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(claims: serde_json::Value) -> Identity {
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
            let one = identity(
                json!({ "sub": "1", "email": "Ana@Example.com", "email_verified": claim }),
            );
            assert_eq!(one.verified.is_some(), verified, "{claim}");
            assert_eq!(one.email.as_deref(), Some("ana@example.com"));
        }
        let none = identity(json!({ "sub": "1", "email": "nothing", "email_verified": true }));
        assert!(none.verified.is_none() && none.email.is_none());
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
        ] {
            let mut claims = claims;
            claims["sub"] = json!("1");
            claims["email"] = json!("ana@example.com");
            let one = identity(claims);
            assert_eq!((&*one.first_name, &*one.last_name), (first, last));
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
        fn any_claims_result_in_a_name_and_an_address_that_fit_their_columns(sent in form(&json!({
            "sub": "1", "email": "ana@example.com", "email_verified": true,
            "given_name": "Ana", "family_name": "Reyes", "name": "Ana Reyes",
        }))) {
            let Ok(claims) = Claims::deserialize(&sent) else {
                assert!(!sent["sub"].is_string(), "{sent}");
                return Ok(());
            };
            let one = Identity::new("acme", claims);
            assert!(!one.first_name.is_empty() && fits_column(&one.first_name, user::MAX_NAME));
            assert!(fits_column(&one.last_name, user::MAX_NAME));
            assert!(one.email.is_none_or(|email| fits_column(&email, user::MAX_EMAIL)));
            let verified = sent["email_verified"] == true || sent["email_verified"] == "true";
            assert!(verified || one.verified.is_none(), "{sent}");
        }
    }
}
