//! The layout of an e-mail, as plain text and as HTML.

use askama::Template;

use super::unsubscribe::UnsubscribeLinks;
use crate::error::Result;
use crate::values::locale::Locale;

/// An e-mail as plain text and as HTML.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// The name and address for replies. `None` when replies go to the sender.
    pub(super) reply_to: Option<(String, String)>,
    /// The URL that switches e-mails of the same category off. `None` if they cannot be switched
    /// off.
    pub(super) unsubscribe_url: Option<String>,
}

/// The content of an e-mail. It has no markup: the HTML template escapes everything.
pub(super) struct Content<'a> {
    pub(super) language: Locale,
    pub(super) studio: &'a str,
    pub(super) subject: String,
    pub(super) headline: String,
    pub(super) greeting: String,
    pub(super) paragraphs: Vec<String>,
    pub(super) facts: Vec<(&'static str, String)>,
    /// The label and the address of each link. The first one is a button.
    pub(super) links: Vec<(&'static str, String)>,
    pub(super) footer: String,
    /// The label and the addresses of the link that switches e-mails of the same category off.
    pub(super) unsubscribe: Option<(&'static str, UnsubscribeLinks)>,
}

#[derive(Template)]
#[template(path = "mail/message.html")]
struct Html<'a> {
    content: &'a Content<'a>,
}

#[derive(Template)]
#[template(path = "mail/message.txt")]
struct Text<'a> {
    content: &'a Content<'a>,
}

impl Content<'_> {
    pub(super) fn render(self, reply_to: Option<(String, String)>) -> Result<Message> {
        Ok(Message {
            text: Text { content: &self }.render()?,
            html: Html { content: &self }.render()?,
            subject: one_line(&self.subject),
            unsubscribe_url: self.unsubscribe.map(|(_, links)| links.one_click),
            reply_to: reply_to.map(|(name, address)| (one_line(&name), address)),
        })
    }
}

/// Replaces control characters with spaces, because a line break would start another
/// header.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}
