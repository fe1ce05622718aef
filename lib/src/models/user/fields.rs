//! Parsers of a member's personal fields.

use chrono::{Datelike, NaiveDate};

use crate::values::form;
use crate::values::form::Problem;

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
    use crate::values::email::MAX_EMAIL;
    use crate::values::schema::{EmailAddress, PhoneNumber};

    #[test]
    fn the_schema_has_the_limits_of_the_parsers() {
        let email = serde_json::to_value(EmailAddress::schema()).unwrap();
        let phone = serde_json::to_value(PhoneNumber::schema()).unwrap();
        assert_eq!(email["maxLength"], MAX_EMAIL);
        assert_eq!(phone["maxLength"], MAX_PHONE);
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

    proptest! {
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
