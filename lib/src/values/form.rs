//! Texts that people typed, and how a form's fields become values.

use std::net::Ipv4Addr;

use http::uri::Authority;
use unicode_normalization::UnicodeNormalization;

use crate::error::{Details, Error};

/// What is wrong with a field, for the person who filled it in.
pub type Problem = String;

/// One line: trimmed, in normal form C, without control characters, of at most
/// `max` characters. May be empty.
///
/// # Errors
///
/// A sentence for the person who typed it.
pub fn line(text: &str, max: usize) -> Result<String, Problem> {
    bounded(text, max, |c| c.is_control())
}

/// As [`line()`], but not empty.
///
/// # Errors
///
/// As [`line()`].
pub fn required_line(text: &str, max: usize) -> Result<String, Problem> {
    match line(text, max)? {
        empty if empty.is_empty() => Err("must not be empty".to_owned()),
        text => Ok(text),
    }
}

/// A name for programs and addresses: lower-case letters, digits and hyphens, at
/// least one and at most `max`.
///
/// # Errors
///
/// As [`line()`]; `example` is in the sentence.
pub fn slug(text: &str, max: usize, example: &str) -> Result<String, Problem> {
    let slug = text.trim();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || !slug.chars().all(known) {
        let rule = "must be of lower-case letters, digits and hyphens, such as";
        return Err(format!("{rule} {example}"));
    }
    line(slug, max)
}

/// As [`line()`], but line breaks stay.
///
/// # Errors
///
/// As [`line()`].
pub fn paragraphs(text: &str, max: usize) -> Result<String, Problem> {
    let text = text.replace("\r\n", "\n");
    bounded(&text, max, |c| c.is_control() && c != '\n' && c != '\t')
}

fn bounded(text: &str, max: usize, refused: impl Fn(char) -> bool) -> Result<String, Problem> {
    let text: String = text.trim().nfc().collect();
    if text.chars().any(refused) {
        return Err("must not contain control characters".to_owned());
    }
    if text.chars().count() > max {
        return Err(format!("must not be longer than {max} characters"));
    }
    Ok(text)
}

/// A whole number, both bounds allowed.
///
/// # Errors
///
/// As [`line()`].
pub fn between(number: i32, least: i32, most: i32) -> Result<i32, Problem> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("must be a whole number from {least} to {most}"))
}

/// Collects what is wrong with the fields of a form, so that all of it can be
/// said at once.
#[derive(Debug, Default)]
pub struct Form {
    /// What the names of its fields begin with.
    prefix: String,
    details: Details,
}

impl Form {
    /// A form that is the field `name` of another: its own fields are called
    /// `name.field`.
    #[must_use]
    pub fn part(name: &str) -> Self {
        Self {
            prefix: format!("{name}."),
            details: Details::default(),
        }
    }

    /// The value of a field, or `None` and a note of what is wrong with it.
    pub fn check<T>(&mut self, field: &str, parsed: Result<T, Problem>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(problem) => {
                self.refuse(field, &problem);
                None
            }
        }
    }

    /// Notes what is wrong with a field.
    pub fn refuse(&mut self, field: &str, problem: &str) {
        let name = format!("{}{field}", self.prefix);
        let problems = self.details.entry(name).or_default();
        problems.push(problem.to_owned());
    }

    /// As [`Form::check`], for a field that may be left out.
    pub fn check_given<G, T>(
        &mut self,
        field: &str,
        given: Option<G>,
        parse: impl FnOnce(G) -> Result<T, Problem>,
    ) -> Option<T> {
        self.check(field, given.map(parse).transpose()).flatten()
    }

    /// As [`Form::check_given`], for a text that may be left empty as well.
    pub fn check_filled<T>(
        &mut self,
        field: &str,
        given: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        let given = given.filter(|text| !text.trim().is_empty());
        self.check_given(field, given, parse)
    }

    /// Everything that was wrong, as the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when there was anything.
    pub fn finish(self) -> Result<(), Error> {
        if self.details.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.details))
        }
    }
}

/// The port behind a host, or `usual`; `None` where something else stands there,
/// or a name before the host.
pub(crate) fn port(authority: &Authority, usual: u16) -> Option<u16> {
    let behind = authority.as_str().strip_prefix(authority.host())?;
    match behind.strip_prefix(':') {
        None if behind.is_empty() => Some(usual),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// Whether a browser leaves a host as it stands, but for its case. One whose last
/// part is a number it takes for an address, and writes all four (WHATWG URL § 3.5).
pub(crate) fn is_host_as_written(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let last = host.strip_suffix('.').unwrap_or(&host).rsplit('.').next();
    let last = last.unwrap_or_default();
    let is_hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    !(is_hex || is_decimal) || host.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_normalised() {
        assert_eq!(line("  Jose\u{301}  ", 10).unwrap(), "Jos\u{e9}");
        assert!(line("a\u{0}b", 10).is_err());
        assert!(line("a\nb", 10).is_err());
        assert!(required_line("   ", 10).is_err());
    }

    #[test]
    fn the_bound_counts_characters_as_the_column_does() {
        assert!(line("ééé", 3).is_ok());
        assert!(line("éééé", 3).is_err());
    }

    #[test]
    fn paragraphs_keep_their_line_breaks() {
        assert_eq!(paragraphs("a\r\n\r\nb\n", 10).unwrap(), "a\n\nb");
        assert!(paragraphs("a\u{7}b", 10).is_err());
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use unicode_normalization::is_nfc;

    use super::*;
    use crate::testing::arbitrary::{fits_column, text};

    proptest! {
        #[test]
        fn what_is_taken_fits_its_column_and_is_taken_again_as_it_is(typed in text(), max in 0..300_usize) {
            for read in [line, required_line, paragraphs] {
                let Ok(taken) = read(&typed, max) else { continue };
                assert!(fits_column(&taken, max) && is_nfc(&taken), "{taken:?}");
                assert_eq!(read(&taken, max), Ok(taken));
            }
            if let Ok(line) = line(&typed, max) {
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }

        #[test]
        fn what_has_no_control_characters_and_is_short_enough_is_taken(typed in "\\PC{0,50}") {
            assert_eq!(line(&typed, 150).map(|line| line.nfd().to_string()), Ok(typed.trim().nfd().to_string()));
        }

        #[test]
        fn a_slug_needs_no_escaping_anywhere(typed in text(), good in " ?[a-z0-9-]{1,30} ?") {
            if let Ok(slug) = slug(&typed, 30, "salsa") {
                assert!(slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            }
            assert_eq!(slug(&good, 30, "salsa"), Ok(good.trim().to_owned()));
        }
    }
}
