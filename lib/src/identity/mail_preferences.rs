//! The e-mails that a member wants.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::http::Member;
use crate::models::mail_preference::{self, MailCategory, MutedCategories};
use crate::session::demo;
use crate::{App, BoxFuture, session};

/// Which e-mails the member wants. E-mails about money, about the account, and about cancellations
/// are always sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailPreferences {
    /// Reminders of booked classes, a day before the start.
    reminders: bool,
    /// Confirmations of bookings.
    bookings: bool,
    /// Waitlists, and spots that become free.
    waitlist: bool,
    /// Booked classes that have another time, room, or instructor.
    schedule: bool,
    /// Passes that end within a week.
    passes: bool,
}

impl From<MutedCategories> for MailPreferences {
    fn from(muted: MutedCategories) -> Self {
        let is_wanted = |category| !muted.contains(category);
        Self {
            reminders: is_wanted(MailCategory::Reminders),
            bookings: is_wanted(MailCategory::Bookings),
            waitlist: is_wanted(MailCategory::Waitlist),
            schedule: is_wanted(MailCategory::Schedule),
            passes: is_wanted(MailCategory::Passes),
        }
    }
}

/// The changes to the e-mails that a member wants. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMailPreferences {
    reminders: Option<bool>,
    bookings: Option<bool>,
    waitlist: Option<bool>,
    schedule: Option<bool>,
    passes: Option<bool>,
}

impl UpdateMailPreferences {
    /// Returns the categories that change to `is_wanted`.
    fn changed_to(&self, is_wanted: bool) -> Vec<MailCategory> {
        let changes = [
            (MailCategory::Reminders, self.reminders),
            (MailCategory::Bookings, self.bookings),
            (MailCategory::Waitlist, self.waitlist),
            (MailCategory::Schedule, self.schedule),
            (MailCategory::Passes, self.passes),
        ];
        let changed = changes
            .iter()
            .filter(|(_, change)| *change == Some(is_wanted));
        changed.map(|(category, _)| *category).collect()
    }
}

/// Returns which e-mails the member wants.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub fn get(app: &App, member: Member) -> BoxFuture<'_, Result<MailPreferences>> {
    Box::pin(async move {
        if demo::is_demo(&member.user) {
            return Ok(MutedCategories::default().into());
        }
        let id = member.user.id;
        let muted = app
            .db()
            .read(async move |client| mail_preference::find(client, id).await)
            .await?;
        Ok(muted.into())
    })
}

/// Updates which e-mails the member wants. E-mails that are queued already are not sent if their
/// category is off when they would be.
///
/// # Errors
///
/// 403 `demo_account`; [`Error::SessionGone`].
pub fn update<'a>(
    app: &'a App,
    member: &'a Member,
    request: UpdateMailPreferences,
) -> BoxFuture<'a, Result<MailPreferences>> {
    Box::pin(async move {
        let (session_key, id) = (member.key()?, member.user.id);
        let (muted, unmuted) = (request.changed_to(false), request.changed_to(true));
        let transaction = app.transaction().run(async |tx| {
            session::lock_member(tx, session_key, id).await?;
            mail_preference::update(tx, id, &muted, &unmuted).await
        });
        let muted = transaction.await?;
        Ok(muted.ok_or(Error::SessionGone)?.into())
    })
}
