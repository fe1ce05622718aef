//! The data of a member that every request needs.

use chrono::serde::ts_microseconds;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::values::locale::Locale;

/// How experienced a dancer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExperienceLevel {
    /// New to dancing. This is the default.
    Beginner,
    /// Knows the basics.
    Intermediate,
    /// Dances at a high level.
    Advanced,
}

impl ExperienceLevel {
    /// Returns the value in the column `experience_level`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        }
    }

    pub(in crate::models) fn from_column(text: &str) -> Result<Self> {
        [Self::Beginner, Self::Intermediate, Self::Advanced]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| Error::internal("unknown experience level"))
    }
}

/// A member. The record of a session in Redis contains this data, so a request needs no
/// query for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The member's id.
    pub id: Uuid,
    /// The e-mail address in its canonical form: in lower case, with an ASCII domain.
    pub email: String,
    /// The first name. Not empty.
    pub first_name: String,
    /// The last name. May be empty.
    pub last_name: String,
    /// The phone number, if the member gave one.
    pub phone: Option<String>,
    /// How experienced the member is.
    pub experience_level: ExperienceLevel,
    /// The language of the site and of e-mails. `None` if the member has never chosen one. A
    /// record of an older version has none.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// Whether the member has the staff role, which manages classes and bookings. An
    /// administrator may do the same without it.
    pub is_staff: bool,
    /// Whether the member is an administrator.
    pub is_admin: bool,
    /// Whether the e-mail address is confirmed.
    pub email_verified: bool,
    /// Whether sign-in requires a code.
    pub has_second_factor: bool,
    /// When the account was created.
    #[serde(with = "ts_microseconds")]
    pub created_at: DateTime<Utc>,
}

/// The columns that [`User::from_row`] reads, from the table with this alias.
macro_rules! user_columns {
    ($alias:literal) => {
        concat!(
            $alias,
            ".id, ",
            $alias,
            ".email, ",
            $alias,
            ".first_name, ",
            $alias,
            ".last_name, ",
            $alias,
            ".phone, ",
            $alias,
            ".experience_level, ",
            $alias,
            ".locale, ",
            $alias,
            ".is_staff, ",
            $alias,
            ".is_admin, ",
            $alias,
            ".email_verified_at is not null as email_verified, ",
            $alias,
            ".totp_confirmed_at is not null as has_second_factor, ",
            $alias,
            ".created_at"
        )
    };
}
pub(crate) use user_columns;

impl User {
    /// Reads the columns of `user_columns!`.
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            phone: row.try_get("phone")?,
            experience_level: ExperienceLevel::from_column(row.try_get("experience_level")?)?,
            locale: locale_from_column(row.try_get("locale")?)?,
            is_staff: row.try_get("is_staff")?,
            is_admin: row.try_get("is_admin")?,
            email_verified: row.try_get("email_verified")?,
            has_second_factor: row.try_get("has_second_factor")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the first and last name, separated by a space.
    pub fn name(&self) -> String {
        full_name(&self.first_name, &self.last_name)
    }
}

/// Reads the column `locale`, which is null if the member has never chosen a language.
pub(in crate::models) fn locale_from_column(text: Option<&str>) -> Result<Option<Locale>> {
    text.map(|text| Locale::from_tag(text).ok_or_else(|| Error::internal("unknown locale")))
        .transpose()
}

/// Returns a first and a last name, separated by a space. The last name can be empty.
pub(in crate::models) fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim_end().to_owned()
}

/// Joins the first and the last name of somebody who may be unknown.
pub(in crate::models) fn optional_full_name(
    first: Option<&str>,
    last: Option<&str>,
) -> Option<String> {
    let names = first.zip(last);
    names.map(|(first, last)| full_name(first, last))
}
