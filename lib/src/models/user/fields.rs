//! Parsers of a member's personal fields.

use chrono::{Datelike, NaiveDate};
use email_address::{EmailAddress, Options};

use crate::values::form;
use crate::values::form::Problem;

/// The maximum length of an e-mail address, in characters.
pub const MAX_EMAIL: usize = 255;

/// The maximum length of a first name, and of a last name, in characters.
pub const MAX_NAME: usize = 100;

/// The maximum length of an emergency contact's name, in characters.
pub const MAX_CONTACT_NAME: usize = 200;

/// The maximum length of a phone number, in characters.
pub const MAX_PHONE: usize = 20;

/// The minimum number of digits of a phone number.
const MIN_PHONE_DIGITS: usize = 5;

/// The maximum length of the medical conditions, in characters.
pub const MAX_MEDICAL_CONDITIONS: usize = 2_000;

/// An e-mail address in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Parses an address such as `local@domain.tld`.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn parse(input: &str) -> Result<Self, Problem> {
        let text = form::required_line(input, MAX_EMAIL)?.to_lowercase();
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = EmailAddress::parse_with_options(&text, options);
        // A quoted local part may contain another address, or characters that a mail header
        // does not allow. Also, `"ana"@…` and `ana@…` are the same address.
        match parsed {
            Ok(_) if !text.starts_with('"') => Ok(Self(text)),
            _ => Err("must look like ana@example.com".to_owned()),
        }
    }

    /// Returns the address as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parses a first name.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn first_name(input: &str) -> Result<String, Problem> {
    form::required_line(input, MAX_NAME)
}

/// Parses a last name, which may be empty.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn last_name(input: &str) -> Result<String, Problem> {
    form::line(input, MAX_NAME)
}

/// Parses the name of an emergency contact.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn contact_name(input: &str) -> Result<String, Problem> {
    form::required_line(input, MAX_CONTACT_NAME)
}

/// Parses medical conditions, which may have several lines.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn medical_conditions(input: &str) -> Result<String, Problem> {
    form::paragraphs(input, MAX_MEDICAL_CONDITIONS)
}

/// Checks a date of birth: from 1900 to today.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn date_of_birth(date: NaiveDate, today: NaiveDate) -> Result<NaiveDate, Problem> {
    if date > today || date.year() < 1900 {
        return Err("must be a day between 1900 and today".to_owned());
    }
    Ok(date)
}

/// Parses a phone number, with the usual punctuation.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn phone(input: &str) -> Result<String, Problem> {
    let text = form::required_line(input, MAX_PHONE)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_allowed = |character: char| character.is_ascii_digit() || "+-(). /".contains(character);
    if digits < MIN_PHONE_DIGITS || !text.chars().all(is_allowed) {
        return Err("must be a phone number".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;
    use crate::values::schema::{EmailAddress, PhoneNumber};

    #[test]
    fn the_schema_has_the_limits_of_the_parsers() {
        let email = serde_json::to_value(EmailAddress::schema()).unwrap();
        let phone = serde_json::to_value(PhoneNumber::schema()).unwrap();
        assert_eq!(email["maxLength"], MAX_EMAIL);
        assert_eq!(phone["maxLength"], MAX_PHONE);
    }

    #[test]
    fn an_address_is_in_lower_case_and_must_have_a_domain() {
        assert_eq!(
            Email::parse(" Ana@Example.COM ").unwrap().as_str(),
            "ana@example.com"
        );
        for invalid in [
            "",
            "ana",
            "ana@",
            "@example.com",
            "ana@localhost",
            "a b@example.com",
            "Ana <ana@example.com>",
            "ana@[192.0.2.1]",
            "\"ana\"@example.com",
            "\"luz@example.com,ana\"@example.com",
        ] {
            assert!(Email::parse(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn a_phone_number_has_digits_and_punctuation() {
        assert!(phone("+1 (303) 555-0100").is_ok());
        for invalid in ["", "1234", "call me", "+1 303 555 0100 ext. 12345"] {
            assert!(phone(invalid).is_err(), "{invalid}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{fits_column, text};

    /// Generates texts that look like e-mail addresses.
    fn address() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-zA-Z0-9._-]{1,66}",
            "[a-zé\u{130}ß💃\u{301}]{1,64}",
            "\"[ -~]{1,30}\"",
            text()
        ];
        let label = prop_oneof!["[a-z0-9-]{1,63}", "[a-z]{20,40}\u{130}{0,6}", "é{1,9}"];
        let domain = proptest::collection::vec(label, 1..6).prop_map(|labels| labels.join("."));
        prop_oneof![
            8 => (part, domain).prop_map(|(part, domain)| format!("{part}@{domain}")),
            1 => text(),
        ]
    }

    proptest! {
        #[test]
        fn a_parsed_address_fits_its_column_and_parses_to_itself(input in address()) {
            let Ok(email) = Email::parse(&input) else { return Ok(()) };
            assert!(fits_column(email.as_str(), MAX_EMAIL), "{}", email.as_str().chars().count());
            assert!(!email.as_str().contains(char::is_control), "{email:?}");
            let (local, domain) = email.as_str().rsplit_once('@').unwrap();
            assert!(!local.is_empty() && domain.contains('.'), "{email:?}");
            // Every account must have an address that mail can be sent to.
            let address = email.as_str().parse::<lettre::Address>();
            assert!(address.is_ok() || !domain.is_ascii(), "{email:?}");
            assert_eq!(Email::parse(email.as_str()), Ok(email));
        }

        #[test]
        fn an_ordinary_address_is_accepted_in_any_case_and_with_surrounding_blanks(
            input in "[a-zA-Z0-9]{1,20}([.+_-][a-zA-Z0-9]{1,10}){0,2}@[a-zA-Z0-9]{1,20}(\\.[a-zA-Z]{2,9}){1,2}",
        ) {
            let parsed = Email::parse(&format!(" {input}\t"));
            assert_eq!(parsed.unwrap().as_str(), input.to_lowercase());
        }

        #[test]
        fn a_parsed_field_fits_its_column(input in text()) {
            for (parse, max) in [
                (first_name as fn(&str) -> Result<String, Problem>, MAX_NAME), (last_name, MAX_NAME),
                (contact_name, MAX_CONTACT_NAME), (phone, MAX_PHONE),
                (medical_conditions, MAX_MEDICAL_CONDITIONS),
            ] {
                assert!(parse(&input).is_err() || fits_column(&parse(&input).unwrap(), max));
            }
        }
    }
}
