//! The languages of the site and of e-mails.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::weighted_list::parse_weighted_list;

/// A language of the site and of e-mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English, the default.
    #[default]
    En,
    /// Spanish.
    Es,
}

impl Locale {
    /// All languages. The first one is the default.
    pub const ALL: [Self; 2] = [Self::En, Self::Es];

    /// Returns the language tag, which is also the value in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// Finds the language of a tag, such as `es` or `es-MX`. Case is ignored.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        let mut all = Self::ALL.into_iter();
        all.find(|locale| locale.as_str().eq_ignore_ascii_case(primary))
    }

    /// Returns the language that the value of an `Accept-Language` header prefers (RFC 9110,
    /// section 12.5.4). `None` if it accepts no language of the site.
    pub fn accepted(header: &str) -> Option<Self> {
        let weighted = parse_weighted_list(header).filter_map(|(tag, weight)| {
            let locale = Self::from_tag(tag)?;
            (weight > 0).then_some((locale, weight))
        });
        // Of languages with the same weight, the first one counts.
        let best = weighted.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(locale, _)| locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_of_the_site_is_chosen() {
        for (header, expected) in [
            ("es", Some(Locale::Es)),
            ("es-MX,es;q=0.9,en;q=0.8", Some(Locale::Es)),
            ("fr-FR, fr;q=0.9, ES;q=0.4, en;q=0.3", Some(Locale::Es)),
            ("en-US,es;q=0.9", Some(Locale::En)),
            ("es;q=0.1, en;q=0.2", Some(Locale::En)),
            ("es;q=0, en;q=0.2", Some(Locale::En)),
            ("es;q=0", None),
            ("es;q=high", None),
            ("es; level=1; Q=0, en;q=0.2", Some(Locale::En)),
            ("es;q=0.5, en;q=0.5", Some(Locale::Es)),
            ("est, english", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Locale::accepted(header), expected, "{header}");
        }
    }
}
