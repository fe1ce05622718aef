//! The categories of e-mails that members can switch off.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A category of e-mails that a member can switch off. E-mails about money, about the account,
/// and about cancellations are in no category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailCategory {
    /// Reminders of booked classes.
    Reminders,
    /// Confirmations of bookings.
    Bookings,
    /// Waitlists, and spots that become free.
    Waitlist,
    /// Classes that have another time, room, or instructor.
    Schedule,
    /// Passes that end soon.
    Passes,
}

impl MailCategory {
    /// All categories.
    pub const ALL: [Self; 5] = [
        Self::Reminders,
        Self::Bookings,
        Self::Waitlist,
        Self::Schedule,
        Self::Passes,
    ];

    /// Returns the category as the table and links store it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reminders => "reminders",
            Self::Bookings => "bookings",
            Self::Waitlist => "waitlist",
            Self::Schedule => "schedule",
            Self::Passes => "passes",
        }
    }

    /// Parses a category. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|category| category.as_str() == text)
    }
}

/// The categories that a member has muted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MutedCategories(Vec<MailCategory>);

impl MutedCategories {
    /// Reads the column. A category of a newer version of the program is left out.
    pub(in crate::models) fn from_column(texts: &[String]) -> Self {
        let categories = texts.iter().filter_map(|text| MailCategory::parse(text));
        Self(categories.collect())
    }

    /// Returns whether the member has muted a category.
    pub fn contains(&self, category: MailCategory) -> bool {
        self.0.contains(&category)
    }
}

static FIND: Statement = Statement::new(
    "mail_preference.find",
    "select muted_categories from users where id = $1",
);

/// Returns the categories that a member has muted.
///
/// # Errors
///
/// [`Error::NotFound`] if there is no such member.
pub async fn find(client: &Client, user_id: Uuid) -> Result<MutedCategories> {
    let row = FIND
        .opt(client, &[&user_id])
        .await?
        .ok_or(Error::NotFound)?;
    let texts: Vec<String> = row.try_get("muted_categories")?;
    Ok(MutedCategories::from_column(&texts))
}

static MUTE: Statement = Statement::new(
    "mail_preference.mute",
    "update users set muted_categories = muted_categories || $2::text
    where id = $1 and closed_at is null and not $2 = any (muted_categories)",
);

/// Mutes a category. Does nothing if it is muted, or if the account is closed.
pub async fn mute(client: &Client, user_id: Uuid, category: MailCategory) -> Result<()> {
    MUTE.execute(client, &[&user_id, &category.as_str()]).await
}

static UPDATE: Statement = Statement::new(
    "mail_preference.update",
    "update users set muted_categories = array(
        select distinct category from unnest(muted_categories || $2) category
        where category <> all ($3) order by category
    )
    where id = $1 and closed_at is null
    returning muted_categories",
);

/// Mutes categories and unmutes others. Returns those that are muted now, or `None` if the account
/// is closed or there is no such member.
pub async fn update(
    client: &Client,
    user_id: Uuid,
    muted: &[MailCategory],
    unmuted: &[MailCategory],
) -> Result<Option<MutedCategories>> {
    let texts = |categories: &[MailCategory]| -> Vec<String> {
        let texts = categories.iter().map(|category| category.as_str());
        texts.map(str::to_owned).collect()
    };
    let row = UPDATE
        .opt(client, &[&user_id, &texts(muted), &texts(unmuted)])
        .await?;
    row.map(|row| {
        let texts: Vec<String> = row.try_get("muted_categories")?;
        Ok(MutedCategories::from_column(&texts))
    })
    .transpose()
}
