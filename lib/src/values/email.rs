//! E-mail addresses in one canonical form.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::values::form::{self, Problem};

/// The maximum length of an e-mail address, in characters.
pub const MAX_EMAIL: usize = 255;

const MALFORMED_MESSAGE: &str = "must look like ana@example.com";

const NOT_ASCII_MESSAGE: &str = "must have only letters from a to z, digits and punctuation before the @. \
    Mail servers do not deliver to other addresses";

/// An e-mail address in canonical form: in lower case, with an ASCII local part, and with
/// the domain in ASCII (UTS 46), so that `luz@münchen.de` and `luz@xn--mnchen-3ya.de` are
/// equal. Browsers send the second form when a person enters the first one into
/// `<input type=email>`.
///
/// The addresses of older accounts may have letters outside ASCII in the local part, see
/// [`Email::parse_existing`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Parses an address such as `local@domain.tld`.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn parse(input: &str) -> Result<Self, Problem> {
        let email = Self::parse_existing(input)?;
        if !email.0.is_ascii() {
            return Err(NOT_ASCII_MESSAGE.to_owned());
        }
        Ok(email)
    }

    /// Parses the address of an existing account. The local part may contain letters
    /// outside ASCII, so that the members of older accounts can still sign in.
    ///
    /// # Errors
    ///
    /// Fails with a message for the user.
    pub fn parse_existing(input: &str) -> Result<Self, Problem> {
        let malformed = || MALFORMED_MESSAGE.to_owned();
        let text = form::required_line(input, MAX_EMAIL)?;
        let (local, domain) = text.rsplit_once('@').ok_or_else(malformed)?;
        let domain = ascii_domain(domain).ok_or_else(malformed)?;
        let text = format!("{}@{domain}", local.to_lowercase());
        if text.chars().count() > MAX_EMAIL {
            return Err(format!("must not be longer than {MAX_EMAIL} characters"));
        }
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = EmailAddress::parse_with_options(&text, options);
        // A quoted local part may contain another address, or characters that a mail header
        // does not allow. Also, `"ana"@…` and `ana@…` are the same address.
        match parsed {
            Ok(_) if !text.starts_with('"') => Ok(Self(text)),
            _ => Err(malformed()),
        }
    }

    /// Returns the address in canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Converts the domain of an e-mail address to ASCII. Returns `None` if it is not a valid
/// host name.
pub fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    // The third and the fourth character of a label may both be hyphens, because such domains
    // exist.
    Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()
}

/// Converts the domain in a search word to its stored form:
/// `@münchen.de` becomes `@xn--mnchen-3ya.de`.
pub fn normalize_search_word(word: &str) -> String {
    match word.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => match ascii_domain(domain) {
            Some(domain) => format!("{local}@{domain}"),
            None => word.to_owned(),
        },
        _ => word.to_owned(),
    }
}

/// Returns the stored form of a search word that may be a domain in Unicode: `münchen.de`
/// becomes `xn--mnchen-3ya.de`. The word may also be a part of a name, such as `J.Núñez`.
pub fn ascii_search_domain(word: &str) -> Option<String> {
    let may_be_domain = !word.is_ascii() && word.contains('.') && !word.contains('@');
    let domain = may_be_domain.then(|| ascii_domain(word)).flatten();
    domain.map(Cow::into_owned)
}

/// Returns a canonical address as people read it, with its domain in Unicode.
pub fn readable(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    // Most domains are readable already.
    if !domain.contains("xn--") {
        return address.to_owned();
    }
    match idna::domain_to_unicode(domain) {
        (domain, Ok(())) => format!("{local}@{domain}"),
        (_, Err(_)) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "ana@-example.com",
            "ana@exa_mple.com",
            "ana@xn--a.com",
            "ana@example.com.",
        ] {
            assert!(Email::parse(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn all_spellings_of_a_domain_have_the_same_canonical_form() {
        for (written, canonical) in [
            ("luz@münchen.de", "luz@xn--mnchen-3ya.de"),
            ("luz@XN--MNCHEN-3YA.de", "luz@xn--mnchen-3ya.de"),
            ("Luz@MU\u{308}NCHEN.DE", "luz@xn--mnchen-3ya.de"),
            ("luz@mün\u{ad}chen。de", "luz@xn--mnchen-3ya.de"),
            ("luz@ｅｘａｍｐｌｅ.com", "luz@example.com"),
            ("luz@straße.de", "luz@xn--strae-oqa.de"),
            ("luz@r3--sn.example", "luz@r3--sn.example"),
        ] {
            assert_eq!(Email::parse(written).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn a_local_part_outside_ascii_is_rejected_except_at_sign_in() {
        for address in ["José@example.com", "иван@пример.рф"] {
            assert_eq!(Email::parse(address).unwrap_err(), NOT_ASCII_MESSAGE);
            assert!(Email::parse_existing(address).is_ok());
        }
        let existing = Email::parse_existing("JOSÉ@münchen.de").unwrap();
        assert_eq!(existing.as_str(), "josé@xn--mnchen-3ya.de");
    }

    #[test]
    fn a_readable_address_has_its_domain_in_unicode() {
        for (stored, shown) in [
            ("luz@xn--mnchen-3ya.de", "luz@münchen.de"),
            ("ana@example.com", "ana@example.com"),
            ("ana@xn--a.com", "ana@xn--a.com"),
            ("not an address", "not an address"),
        ] {
            assert_eq!(readable(stored), shown);
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{fits_column, text};

    /// Generates strings that look like e-mail addresses.
    fn address() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-zA-Z0-9._-]{1,66}",
            "[a-zé\u{130}ß💃\u{301}]{1,64}",
            "\"[ -~]{1,30}\"",
            text()
        ];
        let label = prop_oneof![
            "[a-z0-9-]{1,63}",
            "[a-z]{20,40}\u{130}{0,6}",
            "é{1,9}",
            "[a-zäöüßı\u{308}Ａ-Ｚ]{1,20}",
            "xn--[a-z0-9-]{1,12}",
        ];
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
            assert!(email.as_str().is_ascii() && !email.as_str().contains(char::is_control), "{email:?}");
            let (local, domain) = email.as_str().rsplit_once('@').unwrap();
            assert!(!local.is_empty() && domain.contains('.'), "{email:?}");
            // Every account must have an address to which e-mails can be sent.
            assert!(email.as_str().parse::<lettre::Address>().is_ok(), "{email:?}");
            assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
            assert_eq!(Email::parse_existing(&input), Ok(email.clone()));
            // A member who enters the address as a page shows it reaches the same account.
            assert_eq!(Email::parse(&readable(email.as_str())), Ok(email));
        }

        #[test]
        fn an_ordinary_address_is_accepted_in_any_case_and_with_surrounding_blanks(
            input in "[a-zA-Z0-9]{1,20}([.+_-][a-zA-Z0-9]{1,10}){0,2}@[a-zA-Z0-9]{1,20}(\\.[a-zA-Z]{2,9}){1,2}",
        ) {
            let parsed = Email::parse(&format!(" {input}\t"));
            assert_eq!(parsed.unwrap().as_str(), input.to_lowercase());
        }
    }
}
