//! The layout that all pages share: the head, the navigation, and the footer.

use serde_json::Value;

use super::address::absolute;
use super::structured_data;
use super::texts::PageTexts;
use crate::runtime::config::{StudioAddress, StudioConfig};
use crate::values::locale::Locale;

/// The maximum length of a description, in characters. Search engines and link previews cut
/// longer ones.
const DESCRIPTION_MAX: usize = 160;

/// The picture for link previews of pages that have none.
const DEFAULT_IMAGE: &str = "/preview.png";

/// What a page says about itself to search engines and link previews.
pub(super) struct Head {
    /// The title, without the studio's name.
    pub title: String,
    pub description: String,
    /// The path of the page of the site that this page stands for.
    pub path: String,
    /// The URL of a picture. A path such as `/img/…` is one of the site.
    pub image_url: Option<String>,
    /// The items of the page in the vocabulary of schema.org.
    pub data: Vec<Value>,
}

/// What the layout template shows.
pub(super) struct Layout<'a> {
    pub studio: &'a str,
    pub lang: &'static str,
    pub og_locale: &'static str,
    pub texts: &'static PageTexts,
    pub title: String,
    pub description: String,
    pub url: String,
    pub image_url: String,
    /// JSON that is safe inside of a `script` element.
    pub json_ld: String,
    /// The postal address on one line.
    pub address: Option<String>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(studio: &'a StudioConfig, locale: Locale, head: Head) -> Self {
        // Link previews do not show SVG.
        let image_url = head.image_url.filter(|url| !url.ends_with(".svg"));
        Self {
            studio: &studio.name,
            lang: locale.as_str(),
            og_locale: match locale {
                Locale::En => "en_US",
                Locale::Es => "es_ES",
            },
            texts: PageTexts::of(locale),
            title: format!("{} · {}", head.title, studio.name),
            description: head.description,
            url: absolute(studio, &head.path),
            image_url: absolute(studio, image_url.as_deref().unwrap_or(DEFAULT_IMAGE)),
            json_ld: structured_data::script(studio, head.data),
            address: studio.address.as_ref().map(StudioAddress::one_line),
        }
    }
}

/// Shortens a text to a description, at the end of a word.
pub(super) fn excerpt(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = text.char_indices().nth(DESCRIPTION_MAX) else {
        return text;
    };
    let end = text[..end].rfind(' ').unwrap_or(end);
    format!("{} …", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_ends_with_a_whole_word() {
        assert_eq!(excerpt(" One\n\n step. "), "One step.");
        let long = "ñandú ".repeat(40);
        let short = excerpt(&long);
        assert_eq!(short, format!("{} …", "ñandú ".repeat(26).trim()));
        assert_eq!(excerpt(&"x".repeat(200)).chars().count(), 162);
    }
}
