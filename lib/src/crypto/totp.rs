//! Codes of an authenticator app (TOTP, RFC 6238). The parameters are those that
//! every app supports: SHA-1, six digits, thirty seconds.

use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Totp};

use crate::crypto::random;
use crate::error::{Error, Result};

/// Generates a secret of 160 bits, as RFC 4226 § 4 recommends.
pub fn generate_secret() -> [u8; 20] {
    random::bytes()
}

/// Returns the time step of a code: the current, the previous or the next step. Returns
/// `None` if the code is wrong.
///
/// # Errors
///
/// [`Error::Internal`] if the secret is too short.
pub fn find_step(secret: &[u8], code: &str, now: DateTime<Utc>) -> Result<Option<i64>> {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    let step = generator(secret)?.check(code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// Returns the code at a time, for tests without an authenticator app.
///
/// # Errors
///
/// [`Error::Internal`] if the secret is too short.
pub fn code_at(secret: &[u8], time: DateTime<Utc>) -> Result<String> {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    Ok(generator(secret)?.generate(seconds).to_string())
}

/// A secret in the three forms that an authenticator app accepts.
pub struct Enrollment {
    /// The secret in base32, to type into the app.
    pub secret: String,
    /// The `otpauth://totp/…` URI, to open as a link.
    pub uri: String,
    /// The URI as a QR code in SVG, dark on light.
    pub qr_code: String,
}

/// Creates the enrollment for a secret. The app shows the names of the issuer and the
/// account.
///
/// # Errors
///
/// [`Error::Internal`] if the secret is too short, or if a name is invalid.
pub fn enroll(secret: &[u8], issuer: &str, account: &str) -> Result<Enrollment> {
    let totp = builder(secret)
        // A colon separates the issuer and the account in the URI, so neither may
        // contain one.
        .with_issuer(Some(issuer.replace(':', " ")))
        .with_account_name(account.replace(':', " "));
    let totp = totp.build().map_err(internal)?;
    let uri = totp.to_url().map_err(internal)?;
    let qr_code = QrCode::new(&uri).map_err(internal)?;
    Ok(Enrollment {
        secret: totp.secret().to_base32(),
        qr_code: qr_code
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

/// Creates the generator of codes for a secret. The account name is required but does
/// not affect the codes.
fn generator(secret: &[u8]) -> Result<Totp> {
    builder(secret)
        .with_account_name("-")
        .build()
        .map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("invalid second factor: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The secret of RFC 6238, appendix B. The tests use the last six digits of its codes.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_code_is_valid_in_its_step_and_in_the_two_adjacent_ones() {
        assert_eq!(code_at(SECRET, at(59)).unwrap(), "287082");
        assert_eq!(code_at(SECRET, at(1_111_111_109)).unwrap(), "081804");
        for (seconds, step) in [(29, Some(1)), (59, Some(1)), (89, Some(1)), (90, None)] {
            assert_eq!(
                find_step(SECRET, "287082", at(seconds)).unwrap(),
                step,
                "{seconds}"
            );
        }
        for wrong in ["", "28708", "2870820", "abcdef", "２８７０８２"] {
            assert_eq!(find_step(SECRET, wrong, at(59)).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn an_enrollment_has_the_secret_in_three_forms() {
        let enrollment = enroll(SECRET, "Sabor: Flow", "ana+1@example.com").unwrap();
        assert_eq!(enrollment.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(
            enrollment
                .uri
                .starts_with("otpauth://totp/Sabor%20%20Flow:ana%2B1%40example.com?")
        );
        assert!(
            enrollment
                .uri
                .contains(&format!("secret={}", enrollment.secret))
        );
        assert!(enrollment.qr_code.contains("<svg"));
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
        fn a_code_is_valid_near_its_time_and_other_input_is_rejected(
            secret in any::<[u8; 20]>(), now in 100..4_000_000_000_i64, input in text(), steps in -3..4_i64,
        ) {
            let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
            let code = code_at(&secret, at(now)).unwrap();
            let step = find_step(&secret, &code, at(now + 30 * steps)).unwrap();
            if steps.abs() <= 1 {
                assert!(step.is_some());
            }
            if input.len() != 6 || !input.bytes().all(|byte| byte.is_ascii_digit()) {
                assert_eq!(find_step(&secret, &input, at(now)).unwrap(), None, "{input:?}");
            }
        }

        #[test]
        fn an_app_gets_the_same_secret_for_any_account_name(
            secret in any::<[u8; 20]>(),
            input in prop_oneof!["[!-~]{1,64}@[a-z]{1,9}\\.example", "[aé💃]{1,16}@[aé]{1,30}\\.example", text()],
        ) {
            let Ok(email) = Email::parse(&input) else { return Ok(()) };
            let enrollment = enroll(&secret, "Sabor con Flow", email.as_str()).unwrap();
            let uri = Url::parse(&enrollment.uri).unwrap();
            let values_of = |name| uri.query_pairs().filter(move |(key, _)| key == name).map(|(_, value)| value);
            assert!(values_of("secret").eq([&*enrollment.secret]), "{uri}");
            assert!(values_of("issuer").eq(["Sabor con Flow"]), "{uri}");
            assert!(uri.fragment().is_none() && uri.host_str() == Some("totp"), "{uri}");
        }
    }
}
