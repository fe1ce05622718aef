//! What people type about themselves, read once, at the border.

use chrono::{Datelike, NaiveDate};
use email_address::{EmailAddress, Options};

use crate::values::form;
use crate::values::form::Problem;

/// An e-mail address, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads what somebody typed: `local@domain.tld`, at most 255 characters.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed it.
    pub fn parse(typed: &str) -> Result<Self, Problem> {
        let text = form::required_line(typed, 255)?.to_lowercase();
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = EmailAddress::parse_with_options(&text, options);
        // In quotes a name can hold anything: another address, or what the header
        // of a mail cannot. And `"ana"@` is `ana@`, which may have its account.
        match parsed {
            Ok(_) if !text.starts_with('"') => Ok(Self(text)),
            _ => Err("must look like ana@example.com".to_owned()),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What somebody is called.
///
/// # Errors
///
/// A sentence for the person who typed it; so for all that follow.
pub fn first_name(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 100)
}

/// The other name, which may be empty.
///
/// # Errors
///
/// As [`first_name`].
pub fn last_name(typed: &str) -> Result<String, Problem> {
    form::line(typed, 100)
}

/// Whom to call when something happens.
///
/// # Errors
///
/// As [`first_name`].
pub fn contact_name(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 200)
}

/// What a teacher should know.
///
/// # Errors
///
/// As [`first_name`].
pub fn medical_conditions(typed: &str) -> Result<String, Problem> {
    form::paragraphs(typed, 2_000)
}

/// A day on which somebody alive may have been born.
///
/// # Errors
///
/// As [`first_name`].
pub fn date_of_birth(date: NaiveDate, today: NaiveDate) -> Result<NaiveDate, Problem> {
    if date > today || date.year() < 1900 {
        return Err("must be a day between 1900 and today".to_owned());
    }
    Ok(date)
}

/// A telephone number as people write it.
///
/// # Errors
///
/// As [`first_name`].
pub fn phone(typed: &str) -> Result<String, Problem> {
    let text = form::required_line(typed, 20)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let written = |c: char| c.is_ascii_digit() || "+-(). /".contains(c);
    if digits < 5 || !text.chars().all(written) {
        return Err("must be a telephone number".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_lower_case_and_must_lead_somewhere() {
        assert_eq!(
            Email::parse(" Ana@Example.COM ").unwrap().as_str(),
            "ana@example.com"
        );
        for bad in [
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
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_telephone_number_has_digits_and_what_stands_between_them() {
        assert!(phone("+1 (303) 555-0100").is_ok());
        for bad in ["", "1234", "call me", "+1 303 555 0100 ext. 12345"] {
            assert!(phone(bad).is_err(), "{bad}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{fits_column, text};

    /// Addresses, nearly: parts of any length in letters of any kind.
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
        fn an_address_is_one_word_that_fits_its_column_and_is_read_again_as_it_is(typed in address()) {
            let Ok(email) = Email::parse(&typed) else { return Ok(()) };
            assert!(fits_column(email.as_str(), 255), "{}", email.as_str().chars().count());
            assert!(!email.as_str().contains(char::is_control), "{email:?}");
            let (local, domain) = email.as_str().rsplit_once('@').unwrap();
            assert!(!local.is_empty() && domain.contains('.'), "{email:?}");
            // Whoever has an account can be written to.
            let address = email.as_str().parse::<lettre::Address>();
            assert!(address.is_ok() || !domain.is_ascii(), "{email:?}");
            assert_eq!(Email::parse(email.as_str()), Ok(email));
        }

        #[test]
        fn an_ordinary_address_is_taken_in_any_case_and_between_blanks(
            typed in "[a-zA-Z0-9]{1,20}([.+_-][a-zA-Z0-9]{1,10}){0,2}@[a-zA-Z0-9]{1,20}(\\.[a-zA-Z]{2,9}){1,2}",
        ) {
            let read = Email::parse(&format!(" {typed}\t"));
            assert_eq!(read.unwrap().as_str(), typed.to_lowercase());
        }

        #[test]
        fn whatever_is_taken_of_a_person_fits_its_column(typed in text()) {
            for (read, max) in [
                (first_name as fn(&str) -> Result<String, Problem>, 100), (last_name, 100),
                (contact_name, 200), (phone, 20), (medical_conditions, 2_000),
            ] {
                assert!(read(&typed).is_err() || fits_column(&read(&typed).unwrap(), max));
            }
        }
    }
}
