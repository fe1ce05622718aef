//! Parsing of form fields.

use std::net::Ipv4Addr;

use http::uri::Authority;

use crate::error::{Details, Error};
use crate::values::text::{TextProblem, clean};

/// The problem of a field, as a message for the user.
pub type Problem = String;

/// Parses a line of at most `max` characters, such as a name or a title: trims it,
/// normalizes it to NFC, removes invisible characters without a meaning, and rejects what
/// [`clean`] rejects. The line may be empty.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn line(text: &str, max: usize) -> Result<String, Problem> {
    parse_bounded(text, max, |_| false)
}

/// Parses a line that must not be empty.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn required_line(text: &str, max: usize) -> Result<String, Problem> {
    match line(text, max)? {
        empty if empty.is_empty() => Err("must not be empty".to_owned()),
        text => Ok(text),
    }
}

/// Parses a slug: 1 to `max` lowercase letters, digits and hyphens.
///
/// # Errors
///
/// Fails with a message for the user, which quotes `example`.
pub fn slug(text: &str, max: usize, example: &str) -> Result<String, Problem> {
    let slug = text.trim();
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || !slug.chars().all(is_allowed) {
        let rule = "must consist of lowercase letters, digits and hyphens, such as";
        return Err(format!("{rule} {example}"));
    }
    line(slug, max)
}

/// Parses a string like [`line()`], but allows tabs and line breaks. A line break becomes `\n`,
/// also if it is CRLF, U+2028 or U+2029.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn paragraphs(text: &str, max: usize) -> Result<String, Problem> {
    let text = text
        .replace("\r\n", "\n")
        .replace(['\u{2028}', '\u{2029}'], "\n");
    parse_bounded(&text, max, |c| c == '\n' || c == '\t')
}

fn parse_bounded(
    text: &str,
    max: usize,
    is_allowed_control: impl Fn(char) -> bool,
) -> Result<String, Problem> {
    let text = clean(text, is_allowed_control).map_err(|problem| match problem {
        TextProblem::Forbidden => "must not contain control characters or invisible characters",
        TextProblem::TooManyMarks => "must not have more than four accents on one character",
        TextProblem::Blank => "must contain a visible character",
    })?;
    if text.chars().count() > max {
        return Err(format!("must not be longer than {max} characters"));
    }
    Ok(text)
}

/// Checks that a number is between `min` and `max`, inclusive.
///
/// # Errors
///
/// Fails with a message for the user.
pub fn between(number: i32, min: i32, max: i32) -> Result<i32, Problem> {
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(format!("must be a whole number from {min} to {max}"))
}

/// Collects the problems of a form's fields, so that a response can report all of
/// them.
#[derive(Debug, Default)]
pub struct Form {
    /// The prefix of the fields' names.
    prefix: String,
    details: Details,
}

impl Form {
    /// Creates a form for the object in the field `name` of another form. The object's
    /// fields are reported as `name.field`.
    #[must_use]
    pub fn part(name: &str) -> Self {
        Self {
            prefix: format!("{name}."),
            details: Details::default(),
        }
    }

    /// Returns the value of a field, or records its problem and returns `None`.
    pub fn check<T>(&mut self, field: &str, parsed: Result<T, Problem>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(problem) => {
                self.add_problem(field, &problem);
                None
            }
        }
    }

    /// Records a problem of a field.
    pub fn add_problem(&mut self, field: &str, problem: &str) {
        let name = format!("{}{field}", self.prefix);
        let problems = self.details.entry(name).or_default();
        problems.push(problem.to_owned());
    }

    /// Checks a field that may be absent.
    pub fn check_given<G, T>(
        &mut self,
        field: &str,
        given: Option<G>,
        parse: impl FnOnce(G) -> Result<T, Problem>,
    ) -> Option<T> {
        self.check(field, given.map(parse).transpose()).flatten()
    }

    /// Checks a string that may be absent. A blank string counts as absent.
    pub fn check_filled<T>(
        &mut self,
        field: &str,
        given: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        let given = given.filter(|text| !text.trim().is_empty());
        self.check_given(field, given, parse)
    }

    /// Returns an error if any field has a problem.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Invalid`], which lists all problems.
    pub fn finish(self) -> Result<(), Error> {
        if self.details.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.details))
        }
    }
}

/// Returns the port of an authority, or `default` if it has none. Returns `None` if
/// the port is malformed or there is a user name.
pub(crate) fn port(authority: &Authority, default: u16) -> Option<u16> {
    let rest = authority.as_str().strip_prefix(authority.host())?;
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some(default),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// Returns whether a browser keeps a host as written, except for its case. Browsers read
/// a host whose last part is a number as an IPv4 address, and rewrite it (WHATWG URL,
/// section 3.5).
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
    fn a_line_is_trimmed_and_normalized() {
        assert_eq!(line("  Jose\u{301}  ", 10).unwrap(), "Jos\u{e9}");
        assert!(line("a\u{0}b", 10).is_err());
        assert!(line("a\nb", 10).is_err());
        assert!(required_line("   ", 10).is_err());
    }

    #[test]
    fn the_limit_counts_characters_as_postgres_does() {
        assert!(line("ééé", 3).is_ok());
        assert!(line("éééé", 3).is_err());
    }

    #[test]
    fn paragraphs_keep_their_line_breaks() {
        assert_eq!(paragraphs("a\r\n\r\nb\n", 10).unwrap(), "a\n\nb");
        assert_eq!(paragraphs("a\u{2028}b\tc", 10).unwrap(), "a\nb\tc");
        for invalid in ["a\u{7}b", "a\u{202e}b", "a\u{3164}b", "\u{301}\n"] {
            assert!(paragraphs(invalid, 10).is_err(), "{invalid:?}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use unicode_normalization::char::is_combining_mark;
    use unicode_normalization::{UnicodeNormalization, is_nfc};

    use super::*;
    use crate::testing::arbitrary::{fits_column, text};

    /// Generates strings of characters from both sides of the limits of the rule for names.
    fn tricky_text() -> impl Strategy<Value = String> {
        let ranges = prop_oneof![
            proptest::char::range('\u{300}', '\u{30f}'),
            proptest::char::range('\u{115e}', '\u{1161}'),
            proptest::char::range('\u{2000}', '\u{2070}'),
            proptest::char::range('\u{27ff}', '\u{2801}'),
            proptest::char::range('\u{3163}', '\u{3165}'),
            proptest::char::range('\u{fdcf}', '\u{fdf0}'),
            proptest::char::range('\u{feff}', '\u{ffa0}'),
            proptest::char::range('\u{e0000}', '\u{e0100}'),
            proptest::char::range('a', 'e'),
            any::<char>(),
        ];
        proptest::collection::vec(ranges, 0..12).prop_map(String::from_iter)
    }

    /// Repeats the rule for names as ranges of code points, independently of the
    /// implementation.
    fn may_be_in_a_name(c: char) -> bool {
        let forbidden = [
            0..=0x1f,
            0x7f..=0x9f,
            0xad..=0xad,
            0x61c..=0x61c,
            0x115f..=0x1160,
            0x200b..=0x200b,
            0x200e..=0x200f,
            0x202a..=0x202e,
            0x2066..=0x2069,
            0x2800..=0x2800,
            0x3164..=0x3164,
            0xe000..=0xf8ff,
            0xfdd0..=0xfdef,
            0xfeff..=0xfeff,
            0xffa0..=0xffa0,
            0xe0000..=0xe007f,
            0xf_0000..=0x10_ffff,
        ];
        let code_point = u32::from(c);
        code_point % 0x1_0000 < 0xfffe && !forbidden.iter().any(|range| range.contains(&code_point))
    }
    proptest! {
        #[test]
        fn a_parsed_text_fits_its_column_and_parses_to_itself(input in text(), max in 0..300_usize) {
            for parse in [line, required_line, paragraphs] {
                let Ok(parsed) = parse(&input, max) else { continue };
                assert!(fits_column(&parsed, max) && is_nfc(&parsed), "{parsed:?}");
                assert_eq!(parse(&parsed, max), Ok(parsed));
            }
        }

        #[test]
        fn a_name_has_a_visible_character_and_no_hidden_ones(input in prop_oneof![text(), tricky_text()]) {
            let Ok(name) = required_line(&input, 300) else { return Ok(()) };
            assert!(name.chars().all(may_be_in_a_name), "{name:?}");
            assert!(name.contains(|c: char| {
                !c.is_whitespace() && !is_combining_mark(c) && !"\u{200c}\u{200d}".contains(c)
            }), "{name:?}");
            let characters: Vec<char> = name.chars().collect();
            assert!(!characters.windows(5).any(|five| five.iter().all(|c| is_combining_mark(*c))), "{name:?}");
            for word in name.split(char::is_whitespace) {
                assert!(!word.starts_with(['\u{200c}', '\u{200d}']), "{name:?}");
                assert!(!word.ends_with(['\u{200c}', '\u{200d}']), "{name:?}");
            }
            assert_eq!(required_line(&name, 300), Ok(name.clone()));
            assert_eq!(paragraphs(&name, 300), Ok(name));
        }

        #[test]
        fn a_short_text_of_letters_digits_and_symbols_is_accepted(
            input in "[\\p{L}\\p{N}\\p{P}\\p{Sc}\\p{Sm} ]{0,50}",
        ) {
            prop_assume!(!input.contains(['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}']));
            let parsed = line(&input, 250).map(|line| line.nfd().to_string());
            assert_eq!(parsed, Ok(input.trim().nfd().to_string()));
        }

        #[test]
        fn a_slug_needs_no_escaping(input in text(), valid in " ?[a-z0-9-]{1,30} ?") {
            if let Ok(parsed) = slug(&input, 30, "salsa") {
                assert!(parsed.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            }
            assert_eq!(slug(&valid, 30, "salsa"), Ok(valid.trim().to_owned()));
        }
    }
}
