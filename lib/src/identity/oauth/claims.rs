//! What a provider tells of somebody.

use serde::{Deserialize, Deserializer};

use crate::models::user::{self, Email};

/// The claims that are looked at, by their names in OpenID Connect Core 1.0
/// § 5.1. What is of the wrong kind counts as not told, but for `sub`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    pub(super) email_verified: bool,
    #[serde(default, deserialize_with = "text")]
    pub(super) given_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) family_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) name: Option<String>,
}

/// Some providers write `"true"`; that anything else would count as true must
/// not be.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let told = serde_json::Value::deserialize(deserializer)?;
    Ok(told == true || told == "true")
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let told = serde_json::Value::deserialize(deserializer)?;
    Ok(told.as_str().map(str::to_owned))
}

/// Somebody as a provider knows them.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) provider: String,
    /// The provider's own name for them, which is never another's.
    pub(super) subject: String,
    /// As it was told, for its owner to recognise.
    pub(super) email: Option<String>,
    /// The address, if the provider vouches for it.
    pub(super) verified: Option<Email>,
    pub(super) first_name: String,
    pub(super) last_name: String,
}

impl Identity {
    pub(super) fn new(provider: &str, claims: Claims) -> Self {
        let email = claims.email.and_then(|told| Email::parse(&told).ok());
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

/// Both names, of what there is: nobody is refused for a name that we would
/// not have taken, for they can change it with us.
fn names(
    given: Option<&str>,
    family: Option<&str>,
    whole: Option<&str>,
    email: Option<&Email>,
) -> (String, String) {
    let split = whole.unwrap_or_default().trim();
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

    fn identity(told: serde_json::Value) -> Identity {
        Identity::new("acme", Claims::deserialize(told).unwrap())
    }

    #[test]
    fn only_an_address_that_is_vouched_for_counts_as_verified() {
        for (told, verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            let one =
                identity(json!({ "sub": "1", "email": "Ana@Example.com", "email_verified": told }));
            assert_eq!(one.verified.is_some(), verified, "{told}");
            assert_eq!(one.email.as_deref(), Some("ana@example.com"));
        }
        let none = identity(json!({ "sub": "1", "email": "nothing", "email_verified": true }));
        assert!(none.verified.is_none() && none.email.is_none());
    }

    #[test]
    fn a_name_is_made_of_what_there_is() {
        for (told, first, last) in [
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
            let mut told = told;
            told["sub"] = json!("1");
            told["email"] = json!("ana@example.com");
            let one = identity(told);
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
        fn whatever_a_provider_tells_somebody_has_a_name_and_an_address_that_fit(told in form(&json!({
            "sub": "1", "email": "ana@example.com", "email_verified": true,
            "given_name": "Ana", "family_name": "Reyes", "name": "Ana Reyes",
        }))) {
            let Ok(claims) = Claims::deserialize(&told) else {
                assert!(!told["sub"].is_string(), "{told}");
                return Ok(());
            };
            let one = Identity::new("acme", claims);
            assert!(!one.first_name.is_empty() && fits_column(&one.first_name, 100));
            assert!(fits_column(&one.last_name, 100));
            assert!(one.email.is_none_or(|email| fits_column(&email, 255)));
            let vouched = told["email_verified"] == true || told["email_verified"] == "true";
            assert!(vouched || one.verified.is_none(), "{told}");
        }
    }
}
