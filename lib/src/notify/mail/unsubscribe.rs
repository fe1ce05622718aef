//! The links in e-mails with which a member unsubscribes from a category, without signing in
//! (RFC 8058).
//!
//! The token of a link names the member and the category, and is signed. It can be used many times.
//! It does not expire, because e-mails are kept for years. It stops working when `SESSION_SECRET` no
//! longer lists the secret that has signed it. It can only turn one category off, and the member
//! can undo this on the account page.

use std::fmt;

use uuid::Uuid;

use crate::crypto::secret::Signer;
use crate::error::{Error, Result};
use crate::models::mail_preference::{self, MailCategory};
use crate::{App, BoxFuture};

/// The token of a link.
struct UnsubscribeToken(String);

impl fmt::Debug for UnsubscribeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnsubscribeToken(…)")
    }
}

impl UnsubscribeToken {
    /// Signs the token of a member and a category: `category.member.signature`.
    fn new(signer: &Signer, user_id: Uuid, category: MailCategory) -> Self {
        let subject = format!("{}.{user_id}", category.as_str());
        Self(format!("{subject}.{}", signer.sign(&subject)))
    }

    /// Returns the member and the category of a token. Returns `None` if the signature does not
    /// match.
    fn verify(text: &str, signer: &Signer) -> Option<(Uuid, MailCategory)> {
        let (subject, signature) = text.rsplit_once('.')?;
        if !signer.verify(subject, signature) {
            return None;
        }
        let (category, user_id) = subject.split_once('.')?;
        Some((user_id.parse().ok()?, MailCategory::parse(category)?))
    }

    /// Returns the URL to which mail programs send a POST request (RFC 8058, section 3.1).
    fn one_click_url(&self, site_url: &str) -> String {
        format!("{site_url}/api/auth/unsubscribe?token={}", self.0)
    }

    /// Returns the URL of the page that asks before it switches anything off. The token is in the
    /// fragment, which browsers do not send.
    fn page_url(&self, site_url: &str) -> String {
        format!("{site_url}/unsubscribe#token={}", self.0)
    }
}

/// The links of an e-mail of a category.
pub(super) struct UnsubscribeLinks {
    pub(super) category: MailCategory,
    /// For mail programs.
    pub(super) one_click: String,
    /// For the reader.
    pub(super) page: String,
}

impl UnsubscribeLinks {
    pub(super) fn new(app: &App, user_id: Uuid, category: MailCategory) -> Self {
        let token = UnsubscribeToken::new(app.unsubscribe_signer(), user_id, category);
        let site_url = &app.config().studio.site_url;
        Self {
            category,
            one_click: token.one_click_url(site_url),
            page: token.page_url(site_url),
        }
    }
}

/// Unsubscribes the member of a link from its category. Does nothing if the category is off, or if
/// the account is closed.
///
/// # Errors
///
/// [`Error::NotFound`] for a forged token.
pub fn unsubscribe<'a>(app: &'a App, token: &'a str) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let subject = UnsubscribeToken::verify(token, app.unsubscribe_signer());
        let (user_id, category) = subject.ok_or(Error::NotFound)?;
        app.db()
            .repeatable_write(async move |client| {
                mail_preference::mute(client, user_id, category).await
            })
            .await
    })
}

/// Returns the URL of the page on which the member confirms. The page reports a forged token.
/// Characters that no token has are left out, so that the token ends with the URL.
pub fn unsubscribe_page_url(app: &App, token: &str) -> String {
    let token = token
        .chars()
        .filter(|&c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    UnsubscribeToken(token.collect()).page_url(&app.config().studio.site_url)
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::crypto::secret::Secret;
    use crate::testing::arbitrary::{altered_text, character, text, uuid};

    fn signer(purpose: &'static str) -> Signer {
        Signer::derive(&[Secret::new("0123456789abcdef0123456789abcdef")], purpose)
    }

    proptest! {
        #[test]
        fn a_token_names_its_member_and_category_and_cannot_be_altered(
            user_id in uuid(), category in 0..MailCategory::ALL.len(), input in text(),
            position in any::<Index>(), replacement in character(),
        ) {
            let (signer, category) = (signer("unsubscribe link"), MailCategory::ALL[category]);
            let token = UnsubscribeToken::new(&signer, user_id, category).0;
            assert_eq!(UnsubscribeToken::verify(&token, &signer), Some((user_id, category)));
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)));
            assert!(UnsubscribeToken::verify(&input, &signer).is_none());
            if let Some(altered) = altered_text(&token, position, replacement) {
                assert!(UnsubscribeToken::verify(&altered, &signer).is_none());
            }
        }
    }

    #[test]
    fn a_signature_for_another_purpose_is_rejected() {
        let token =
            UnsubscribeToken::new(&signer("session cookie"), Uuid::nil(), MailCategory::Passes);
        assert!(UnsubscribeToken::verify(&token.0, &signer("unsubscribe link")).is_none());
        assert_eq!(format!("{token:?}"), "UnsubscribeToken(…)");
    }
}
