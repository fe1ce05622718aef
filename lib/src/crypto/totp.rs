//! Codes of an authenticator app (TOTP, RFC 6238): six digits of SHA-1, a new one
//! every thirty seconds, which is what the apps understand.

use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Totp};

use crate::crypto::random;
use crate::error::{Error, Result};

/// A secret of 160 bits, as RFC 4226 § 4 recommends.
pub fn generate() -> [u8; 20] {
    random::bytes()
}

/// The step whose code this is: now, the one before, or the one after. `None`
/// when it is of none.
///
/// # Errors
///
/// [`Error::Internal`] for a secret that cannot be one.
pub fn step_of(secret: &[u8], code: &str, now: DateTime<Utc>) -> Result<Option<i64>> {
    let now = u64::try_from(now.timestamp()).unwrap_or_default();
    let step = totp(secret)?.check(code, now);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// The code of this moment, for whoever plays the app.
///
/// # Errors
///
/// As [`step_of`].
pub fn code_at(secret: &[u8], now: DateTime<Utc>) -> Result<String> {
    let now = u64::try_from(now.timestamp()).unwrap_or_default();
    Ok(totp(secret)?.generate(now).to_string())
}

/// What an app has to know.
pub struct Enrolment {
    /// The secret, in base32, for whoever types it.
    pub secret: String,
    /// The same for a link: `otpauth://totp/…`.
    pub uri: String,
    /// The same to be photographed, as SVG: dark on light, whatever the page.
    pub qr_code: String,
}

/// How an app is told of a secret: it shows it under the name of `issuer` and
/// the account.
///
/// # Errors
///
/// [`Error::Internal`] for a secret or a name that cannot be one.
pub fn enrol(secret: &[u8], issuer: &str, account: &str) -> Result<Enrolment> {
    let app = builder(secret)
        // It stands between the two in the label.
        .with_issuer(Some(issuer.replace(':', " ")))
        .with_account_name(account.replace(':', " "));
    let app = app.build().map_err(internal)?;
    let uri = app.to_url().map_err(internal)?;
    let code = QrCode::new(&uri).map_err(internal)?;
    Ok(Enrolment {
        secret: app.secret().to_base32(),
        qr_code: code
            .render::<svg::Color<'_>>()
            .min_dimensions(240, 240)
            .build(),
        uri,
    })
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(1)
        .with_step_duration(30)
}

/// The account does not matter for a code.
fn totp(secret: &[u8]) -> Result<Totp> {
    builder(secret)
        .with_account_name("-")
        .build()
        .map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("a second factor: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The secret and two of the codes of RFC 6238, appendix B, cut to six digits.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_code_is_good_in_its_step_and_in_the_two_beside_it() {
        assert_eq!(code_at(SECRET, at(59)).unwrap(), "287082");
        assert_eq!(code_at(SECRET, at(1_111_111_109)).unwrap(), "081804");
        for (seconds, step) in [(29, Some(1)), (59, Some(1)), (89, Some(1)), (90, None)] {
            assert_eq!(
                step_of(SECRET, "287082", at(seconds)).unwrap(),
                step,
                "{seconds}"
            );
        }
        for bad in ["", "28708", "2870820", "abcdef", "２８７０８２"] {
            assert_eq!(step_of(SECRET, bad, at(59)).unwrap(), None, "{bad}");
        }
    }

    #[test]
    fn an_app_is_told_the_secret_in_three_ways() {
        let told = enrol(SECRET, "Sabor: Flow", "ana+1@example.com").unwrap();
        assert_eq!(told.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(
            told.uri
                .starts_with("otpauth://totp/Sabor%20%20Flow:ana%2B1%40example.com?")
        );
        assert!(told.uri.contains(&format!("secret={}", told.secret)));
        assert!(told.qr_code.contains("<svg"));
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::models::user::Email;
    use crate::testing::arbitrary::text;

    proptest! {
        #[test]
        fn a_code_is_good_beside_its_own_time_and_nothing_else_is_a_code(
            secret in any::<[u8; 20]>(), now in 100..4_000_000_000_i64, typed in text(), steps in -3..4_i64,
        ) {
            let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
            let code = code_at(&secret, at(now)).unwrap();
            let then = step_of(&secret, &code, at(now + 30 * steps)).unwrap();
            if steps.abs() <= 1 {
                assert!(then.is_some());
            }
            if typed.len() != 6 || !typed.bytes().all(|byte| byte.is_ascii_digit()) {
                assert_eq!(step_of(&secret, &typed, at(now)).unwrap(), None, "{typed:?}");
            }
        }

        #[test]
        fn an_app_is_told_the_very_secret_whatever_the_account_is_called(
            secret in any::<[u8; 20]>(),
            typed in prop_oneof!["[!-~]{1,64}@[a-z]{1,9}\\.example", "[aé💃]{1,16}@[aé]{1,30}\\.example", text()],
        ) {
            let Ok(email) = Email::parse(&typed) else { return Ok(()) };
            let told = enrol(&secret, "Sabor con Flow", email.as_str()).unwrap();
            let uri = Url::parse(&told.uri).unwrap();
            let of = |name| uri.query_pairs().filter(move |(key, _)| key == name).map(|(_, value)| value);
            assert!(of("secret").eq([&*told.secret]), "{uri}");
            assert!(of("issuer").eq(["Sabor con Flow"]), "{uri}");
            assert!(uri.fragment().is_none() && uri.host_str() == Some("totp"), "{uri}");
        }
    }
}
