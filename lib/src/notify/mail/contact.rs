//! The e-mail that forwards a message from the contact form to the studio.

use super::message::{Content, Message};
use crate::error::Result;
use crate::models::contact::ContactSubmission;
use crate::runtime::config::StudioConfig;
use crate::values::email;
use crate::values::locale::Locale;

/// Composes the e-mail. Replies go to the visitor.
pub(super) fn compose(submission: &ContactSubmission, studio: &StudioConfig) -> Result<Message> {
    let mut facts = vec![
        ("From", submission.name.clone()),
        ("E-mail", email::readable(&submission.email)),
    ];
    facts.extend(submission.phone.clone().map(|phone| ("Phone", phone)));
    facts.push(("Subject", submission.subject.clone()));
    let content = Content {
        language: Locale::En,
        studio: &studio.name,
        subject: format!("Contact: {}", submission.subject),
        headline: format!("Message from {}", submission.name),
        greeting: "A message from the contact form:".to_owned(),
        paragraphs: vec![submission.message.clone()],
        facts,
        links: Vec::new(),
        footer: format!(
            "Reply to this e-mail to answer {}. It was sent from the contact form at {}.",
            submission.name, studio.site_url
        ),
        unsubscribe: None,
    };
    content.render(Some((submission.name.clone(), submission.email.clone())))
}

#[cfg(test)]
mod properties {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::testing::arbitrary::{config, text};

    proptest! {
        #[test]
        fn text_from_a_visitor_is_never_markup(words in prop_oneof![text(), "[<>&\"'/a-z!=-]{0,60}"]) {
            let compose_from = |words: &str| {
                let submission = ContactSubmission {
                    id: Uuid::nil(), name: words.to_owned(), email: words.to_owned(), phone: Some(words.to_owned()),
                    subject: words.to_owned(), message: words.to_owned(), is_processed: false,
                    processed_at: None, processed_by: None, created_at: DateTime::default(),
                };
                compose(&submission, &config(&[]).studio).unwrap()
            };
            let (message, plain) = (compose_from(&words), compose_from("Ana"));
            let count_brackets = |html: &str| html.matches(['<', '>']).count();
            // A line break in the text becomes `<br>`.
            let breaks = message.html.matches("<br>").count() - plain.html.matches("<br>").count();
            assert_eq!(
                count_brackets(&message.html), count_brackets(&plain.html) + 2 * breaks, "{}", message.html,
            );
            assert!(!message.subject.contains(char::is_control), "{:?}", message.subject);
        }
    }
}
