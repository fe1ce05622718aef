//! Bounds and parsers of the fields that class types, instructors, weekly classes
//! and occurrences have in common.
//!
//! The API description repeats the bounds (`#[schema(max_length = …)]`), because
//! attributes accept only literals. A test in the file of each form compares the two.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use chrono::{Datelike, NaiveDate, NaiveTime};
use http::Uri;
use http::uri::Authority;

use crate::runtime::config::StudioConfig;
use crate::values::form::{self, Problem};

/// The maximum length of a description or biography, in characters.
pub(super) const DESCRIPTION_MAX: usize = 5_000;

/// The maximum duration of a class, in minutes.
pub(super) const DURATION_MAX: i32 = 1_440;

/// The maximum number of spots in a class.
pub(super) const PARTICIPANTS_MAX: i32 = 1_000;

/// The maximum length of the name of a style, in characters.
pub(super) const STYLE_MAX: usize = 50;

/// The maximum number of entries in a list of styles, specialties or certifications.
pub(super) const LIST_MAX: usize = 20;

/// The maximum length of the name of a room, in characters.
pub(super) const ROOM_MAX: usize = 50;

/// The maximum length of a URL, in characters.
pub(super) const URL_MAX: usize = 2_000;

/// Parses a description or a biography, which may be empty.
pub(super) fn description(text: &str) -> Result<String, Problem> {
    form::paragraphs(text, DESCRIPTION_MAX)
}

/// Parses the duration of a class in minutes.
pub(super) fn duration(minutes: i32) -> Result<i32, Problem> {
    form::between(minutes, 1, DURATION_MAX)
}

/// Parses the number of spots in a class.
pub(super) fn participants(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, PARTICIPANTS_MAX)
}

/// Parses the name of a room.
pub(super) fn room(text: &str) -> Result<String, Problem> {
    form::required_line(text, ROOM_MAX)
}

/// Parses the name of a style and converts it to lower case.
pub(super) fn style(text: &str) -> Result<String, Problem> {
    // The text is converted before its length is checked, because `İ` becomes two characters in
    // lower case.
    form::required_line(&text.to_lowercase(), STYLE_MAX)
}

/// Parses a list of short strings and removes duplicates.
pub(super) fn list(
    texts: Vec<String>,
    parse: impl Fn(&str) -> Result<String, Problem>,
) -> Result<Vec<String>, Problem> {
    if texts.len() > LIST_MAX {
        return Err(format!("must not have more than {LIST_MAX} entries"));
    }
    let mut seen = BTreeSet::new();
    let mut entries = Vec::with_capacity(texts.len());
    for text in texts {
        let entry = parse(&text)?;
        if seen.insert(entry.clone()) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// Parses a time of day such as `19:00`.
pub(super) fn clock_time(text: &str) -> Result<NaiveTime, Problem> {
    // chrono also accepts single digits, such as `9:5`.
    let has_all_digits = text.len() == "19:00".len();
    let parsed = NaiveTime::parse_from_str(text, "%H:%M").ok();
    parsed
        .filter(|_| has_all_digits)
        .ok_or_else(|| "must be a time such as 19:00".to_owned())
}

/// Rejects dates outside the years 2000 to 2199. They are probably typing errors, and
/// some exceed what time zones, Postgres or calendars can represent.
pub(super) fn date(date: NaiveDate) -> Result<NaiveDate, Problem> {
    if (2000..2200).contains(&date.year()) {
        return Ok(date);
    }
    Err("must be a date between 2000 and 2199".to_owned())
}

/// Parses the HTTPS URL of a picture or a page.
pub(super) fn https_url(text: &str) -> Result<String, Problem> {
    let line = form::required_line(text, URL_MAX)?;
    let url: Option<Uri> = line.parse().ok();
    let is_allowed = |url: &Uri| {
        url.scheme_str() == Some("https")
            && url.authority().is_some_and(is_loadable_from)
            && !line.contains(char::is_whitespace)
    };
    if !url.as_ref().is_some_and(is_allowed) {
        return Err("must be an address such as https://example.com/a.jpg".to_owned());
    }
    Ok(line)
}

/// Returns a parser for the address of a picture: a path below `/img/` of the site, or an HTTPS
/// URL at `IMAGE_ORIGIN`. The pages do not load pictures from elsewhere.
pub(super) fn picture_url(studio: &StudioConfig) -> impl Fn(&str) -> Result<String, Problem> {
    |text| parse_picture_url(text, studio.image_origin.as_deref())
}

fn parse_picture_url(text: &str, image_origin: Option<&str>) -> Result<String, Problem> {
    let line = form::required_line(text, URL_MAX)?;
    if is_own_picture(&line) {
        return Ok(line);
    }
    let Some(origin) = image_origin else {
        return Err(format!("must be {OWN_PICTURE}"));
    };
    let problem = || format!("must be {OWN_PICTURE}, or an address that begins with {origin}/");
    let url = https_url(&line).map_err(|_| problem())?;
    let parsed: Uri = url.parse().map_err(|_| problem())?;
    let authority = parsed.authority().map_or("", Authority::as_str);
    if format!("https://{}", authority.to_ascii_lowercase()) != origin {
        return Err(problem());
    }
    Ok(url)
}

/// The studio's own pictures, in the words of an error.
const OWN_PICTURE: &str = "a picture of the site, such as /img/classes/salsa-foundations.svg";

/// Returns whether `path` can name a picture in the site's folder `/img/`.
fn is_own_picture(path: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let is_name =
        |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain);
    path.strip_prefix("/img/")
        .is_some_and(|rest| rest.split('/').all(is_name))
}

/// Returns whether a browser loads from exactly this host and port. Rejects user
/// names, passwords, and hosts that are neither a name nor an IP address.
fn is_loadable_from(authority: &Authority) -> bool {
    let host = authority.host();
    let is_host_character = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.chars().all(is_host_character)
                && form::is_host_as_written(host)
        }
    };
    is_host && form::port(authority, 443).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described::bound;
    use crate::values::schema::{HttpsUrl, PictureUrl};

    #[test]
    fn only_an_https_url_is_accepted() {
        for accepted in [
            " https://cdn.example.com/a%20b.jpg?w=1 ",
            "https://my_bucket.s3.amazonaws.com/a.jpg",
            "https://[2001:db8::1]/a.jpg",
            "https://www.tiktok.com/@salsa",
            "https://example.com:8443/a.jpg",
        ] {
            assert!(https_url(accepted).is_ok(), "{accepted}");
        }
        for rejected in [
            "",
            "http://example.com/a.jpg",
            "https://",
            "https:///a.jpg",
            "https://[]/a.jpg",
            "//example.com/a.jpg",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://user:secret@example.com/",
            "https://example.com/a b.jpg",
            "https://example.com/\u{0}",
            "https://example.com:a/",
            "https://example.com:65536/",
            "https://example.com:+80/",
            "https://[::1]0:0/a.jpg",
            "https://[::1]x:80/",
            "https://1.2.3/a.jpg",
        ] {
            assert!(https_url(rejected).is_err(), "{rejected:?}");
        }
    }

    #[test]
    fn a_picture_is_one_of_the_site_or_at_the_configured_origin() {
        let origin = Some("https://images.example");
        for path in ["/img/salsa.svg", " /img/classes/salsa_2.jpg "] {
            assert_eq!(parse_picture_url(path, None).unwrap(), path.trim());
            assert!(parse_picture_url(path, origin).is_ok(), "{path}");
        }
        for url in [
            "https://images.example/a.jpg?w=1",
            "https://Images.Example/",
        ] {
            assert!(parse_picture_url(url, origin).is_ok(), "{url}");
            assert!(parse_picture_url(url, None).is_err(), "{url}");
        }
        for rejected in [
            "/img/",
            "/img//a.svg",
            "/img/../api/auth/logout",
            "/img/.hidden",
            "/img/a.svg?x=1",
            "/img/a b.svg",
            "/images/a.svg",
            "//img/a.svg",
            "/\\img/a.svg",
            "img/a.svg",
            "https://other.example/a.jpg",
            "https://images.example.other.example/a.jpg",
            "https://images.example:8443/a.jpg",
            "https://images.example@other.example/a.jpg",
            "http://images.example/a.jpg",
            "javascript:alert(1)",
        ] {
            let problem = parse_picture_url(rejected, origin).unwrap_err();
            assert!(problem.contains("https://images.example/"), "{problem}");
            let problem = parse_picture_url(rejected, None).unwrap_err();
            assert!(problem.contains("/img/"), "{problem}");
        }
    }

    #[test]
    fn a_list_has_no_duplicates() {
        let texts = ["Salsa", "salsa ", "Mambo"].map(str::to_owned).to_vec();
        assert_eq!(list(texts, style).unwrap(), ["salsa", "mambo"]);
        assert!(list(vec![" ".to_owned()], style).is_err());
        assert!(list(vec!["x".to_owned(); LIST_MAX + 1], style).is_err());
    }

    #[test]
    fn the_api_description_states_the_maximum_length_of_a_url() {
        assert_eq!(bound::<HttpsUrl>("", "maxLength"), URL_MAX as i64);
        assert_eq!(bound::<PictureUrl>("", "maxLength"), URL_MAX as i64);
    }
}

#[cfg(test)]
mod properties {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use proptest::sample::select;
    use url::{ParseError, Url};

    use super::*;
    use crate::testing::arbitrary::{date_or_time_text, fits_column, text};
    use crate::values::time_zone::TimeZone;

    proptest! {
        #[test]
        fn a_browser_loads_an_accepted_url_from_the_host_that_it_names(
            input in prop_oneof![
                text(), "https://[!-~]{0,40}", "https:[/\\\\]{1,3}[a-z@:.\\[\\]#?]{0,20}",
                "https://\\[::1\\][a-z0-9:+]{0,6}/",
                "https://[a-z]{1,9}\\.example/[ -~é]{0,30}",
            ],
        ) {
            let Ok(accepted) = https_url(&input) else { return Ok(()) };
            assert!(fits_column(&accepted, URL_MAX));
            let url = match Url::parse(&accepted) {
                // No host can have this name, so nothing is loaded.
                Err(ParseError::IdnaError) => return Ok(()),
                parsed => parsed.unwrap(),
            };
            assert_eq!(url.scheme(), "https");
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
            let after_scheme = accepted["https://".len()..].to_ascii_lowercase();
            assert!(after_scheme.starts_with(&url.host_str().unwrap().to_ascii_lowercase()), "{url}");
        }

        #[test]
        fn numbers_outside_their_bounds_are_rejected(number in any::<i32>()) {
            assert_eq!(duration(number).is_ok(), (1..=1_440).contains(&number));
            assert_eq!(participants(number).is_ok(), (1..=1_000).contains(&number));
        }

        #[test]
        fn parsing_a_style_twice_changes_nothing(input in text()) {
            if let Ok(parsed) = style(&input) {
                assert!(fits_column(&parsed, STYLE_MAX), "{parsed}");
                assert_eq!(style(&parsed), Ok(parsed));
            }
        }

        #[test]
        fn a_class_can_take_place_at_every_accepted_date_and_time(
            date_text in date_or_time_text(),
            time_text in prop_oneof![date_or_time_text(), text(), "[0-9]{2}:[0-9]{2}"],
            number in any::<i32>(),
            zone in select(vec!["America/Denver", "Pacific/Apia", "America/Santiago"]),
        ) {
            let zone = TimeZone::named(zone).unwrap();
            let parsed = date_text.parse().ok().and_then(|parsed| date(parsed).ok());
            let (Some(date), Ok(time)) = (parsed, clock_time(&time_text)) else { return Ok(()) };
            let start = zone.resolve(date, time);
            let minutes = duration(number).unwrap_or(DURATION_MAX);
            let end = start + TimeDelta::minutes(i64::from(minutes));
            assert!((1999..=2200).contains(&start.year()) && end > start);
            // The class starts at the local time of the input, unless the clocks skipped it.
            let local = zone.local(start).naive_local();
            assert!(local >= date.and_time(time) && local - date.and_time(time) <= TimeDelta::days(1));
        }
    }
}
