//! Members, staff and administrators: one table.

pub mod administration;
mod credentials;
mod proof;
pub mod second_factor;
mod typed;

pub use self::credentials::{
    Credentials, Reauthentication, credentials, credentials_of, deactivate, forget_stranger,
    reauthentication, rehash, require_epoch, reset_password, set_password, verify_email,
};
pub use self::proof::Proof;
pub use self::typed::{
    Email, contact_name, date_of_birth, first_name, last_name, medical_conditions, phone,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How well somebody dances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExperienceLevel {
    /// New to it; what everybody is who says nothing.
    Beginner,
    /// Knows the basics.
    Intermediate,
    /// Needs no more lessons, and comes for them.
    Advanced,
}

impl ExperienceLevel {
    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        }
    }

    fn from_column(text: &str) -> Result<Self> {
        [Self::Beginner, Self::Intermediate, Self::Advanced]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| Error::internal("an experience level that is not known"))
    }
}

/// A member as every request knows them; it is part of the session's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// `users.id`
    pub id: Uuid,
    /// In lower case.
    pub email: String,
    /// What they are called.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// `None`: not told.
    pub phone: Option<String>,
    /// How well they dance.
    pub experience_level: ExperienceLevel,
    /// May look after classes and bookings.
    pub is_staff: bool,
    /// May do everything.
    pub is_admin: bool,
    /// Whether the address has been confirmed.
    pub email_verified: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`User::from_row`] reads, of the table of this alias.
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
            ".is_staff, ",
            $alias,
            ".is_admin, ",
            $alias,
            ".email_verified_at is not null as email_verified, ",
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
            is_staff: row.try_get("is_staff")?,
            is_admin: row.try_get("is_admin")?,
            email_verified: row.try_get("email_verified")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Both names, as one would say them.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
            .trim_end()
            .to_owned()
    }
}

/// A member as others may see them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct Shown {
    id: Uuid,
    email: String,
    first_name: String,
    last_name: String,
    /// Both names, as one would say them.
    name: String,
    phone: Option<String>,
    experience_level: ExperienceLevel,
    is_staff: bool,
    is_admin: bool,
    email_verified: bool,
    created_at: DateTime<Utc>,
}

impl From<User> for Shown {
    fn from(user: User) -> Self {
        Self {
            name: user.name(),
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            experience_level: user.experience_level,
            // An administrator may do whatever staff may.
            is_staff: user.is_staff || user.is_admin,
            is_admin: user.is_admin,
            email_verified: user.email_verified,
            created_at: user.created_at,
        }
    }
}

/// What is known of a member beyond [`User`]: theirs to see, and on the roster
/// of a class that they come to, staff's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// `None`, here and below: not told.
    pub date_of_birth: Option<NaiveDate>,
    /// Whom to call when something happens.
    pub emergency_contact_name: Option<String>,
    /// And where.
    pub emergency_contact_phone: Option<String>,
    /// What a teacher should know; encrypted in the table.
    pub medical_conditions: Option<String>,
    /// Whether news may be mailed.
    pub marketing_consent: bool,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Where mail goes, and how they sign in.
    pub email: Email,
    /// Whether it is known to be theirs.
    pub email_verified: bool,
    /// Not empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// `None`: not told.
    pub phone: Option<String>,
    /// How well they dance.
    pub experience_level: ExperienceLevel,
    /// The rest.
    pub profile: Profile,
}

/// The code of the refusal of an address that has an account.
pub(crate) const EMAIL_TAKEN_CODE: &str = "email_taken";

pub(crate) const EMAIL_TAKEN: Error = Error::Conflict {
    code: EMAIL_TAKEN_CODE,
    message: "User with this email already exists",
};

/// Not 401, which would tell a page that the session is gone.
pub const WRONG_PASSWORD: Error = Error::Forbidden {
    code: "wrong_password",
    message: "This is not your password",
};

/// Where the encrypted text of a row belongs, and nowhere else.
fn medical_place(id: Uuid) -> String {
    format!("users.medical_conditions:{id}")
}

static INSERT: Statement = Statement::new(
    "user.insert",
    concat!(
        "insert into users as u (id, email, password_hash, first_name, last_name, phone,
            experience_level, date_of_birth, emergency_contact_name, emergency_contact_phone,
            medical_conditions, marketing_consent, email_verified_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, case when $13 then now() end)
        returning ",
        user_columns!("u")
    ),
);

/// Makes an account. The hash comes from [`crate::crypto::password::Hasher::hash`];
/// without one it is signed in to through a provider only.
///
/// # Errors
///
/// 409 `email_taken`; [`Error::Unavailable`].
pub async fn insert(
    client: &Client,
    keys: &Keyring,
    new: &NewUser,
    password_hash: Option<&str>,
) -> Result<User> {
    let id = random::id();
    let profile = &new.profile;
    let medical = seal_medical(keys, id, profile.medical_conditions.as_deref())?;
    let row = INSERT
        .one(
            client,
            &[
                &id,
                &new.email.as_str(),
                &password_hash,
                &new.first_name,
                &new.last_name,
                &new.phone,
                &new.experience_level.as_str(),
                &profile.date_of_birth,
                &profile.emergency_contact_name,
                &profile.emergency_contact_phone,
                &medical,
                &profile.marketing_consent,
                &new.email_verified,
            ],
        )
        .await
        .on_constraint("users_email_key", EMAIL_TAKEN)?;
    User::from_row(&row)
}

fn seal_medical(keys: &Keyring, id: Uuid, text: Option<&str>) -> Result<Option<Vec<u8>>> {
    text.map(|text| keys.seal(&medical_place(id), text))
        .transpose()
}

/// The text of a column that was encrypted for this member.
///
/// # Errors
///
/// [`Error::Internal`] when it does not open.
pub(crate) fn open_medical(
    keys: &Keyring,
    id: Uuid,
    sealed: Option<Vec<u8>>,
) -> Result<Option<String>> {
    sealed
        .map(|sealed| keys.open(&medical_place(id), &sealed))
        .transpose()
}

static PROFILE: Statement = Statement::new(
    "user.profile",
    "select date_of_birth, emergency_contact_name, emergency_contact_phone,
        medical_conditions, marketing_consent
    from users where id = $1",
);

/// The rest of what is known of a member.
///
/// # Errors
///
/// [`Error::Unavailable`]; [`Error::Internal`] when what is encrypted does not
/// open.
pub async fn profile(client: &Client, keys: &Keyring, id: Uuid) -> Result<Profile> {
    let row = PROFILE
        .opt(client, &[&id])
        .await?
        .ok_or(Error::SessionGone)?;
    profile_from_row(&row, keys, id)
}

fn profile_from_row(row: &Row, keys: &Keyring, id: Uuid) -> Result<Profile> {
    let medical: Option<Vec<u8>> = row.try_get("medical_conditions")?;
    Ok(Profile {
        date_of_birth: row.try_get("date_of_birth")?,
        emergency_contact_name: row.try_get("emergency_contact_name")?,
        emergency_contact_phone: row.try_get("emergency_contact_phone")?,
        medical_conditions: open_medical(keys, id, medical)?,
        marketing_consent: row.try_get("marketing_consent")?,
    })
}

/// What a member changes about themselves. The outer `None` leaves a field as
/// it is; the inner one empties it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Not empty.
    pub first_name: Option<String>,
    /// May be empty.
    pub last_name: Option<String>,
    /// See [`phone`].
    pub phone: Option<Option<String>>,
    /// In the past.
    pub date_of_birth: Option<Option<NaiveDate>>,
    /// Whom to call.
    pub emergency_contact_name: Option<Option<String>>,
    /// And where.
    pub emergency_contact_phone: Option<Option<String>>,
    /// How well they dance.
    pub experience_level: Option<ExperienceLevel>,
    /// What a teacher should know.
    pub medical_conditions: Option<Option<String>>,
    /// Whether news may be mailed.
    pub marketing_consent: Option<bool>,
}

static UPDATE: Statement = Statement::new(
    "user.update",
    concat!(
        "update users u set
            first_name = coalesce($2, first_name),
            last_name = coalesce($3, last_name),
            phone = case when $4 then $5 else phone end,
            date_of_birth = case when $6 then $7 else date_of_birth end,
            emergency_contact_name = case when $8 then $9 else emergency_contact_name end,
            emergency_contact_phone = case when $10 then $11 else emergency_contact_phone end,
            experience_level = coalesce($12, experience_level),
            medical_conditions = case when $13 then $14 else medical_conditions end,
            marketing_consent = coalesce($15, marketing_consent)
        where id = $1
        returning date_of_birth, emergency_contact_name, emergency_contact_phone,
            medical_conditions, marketing_consent, ",
        user_columns!("u")
    ),
);

/// Changes what a member may change about themselves.
///
/// # Errors
///
/// [`Error::Unavailable`]; [`Error::Internal`] when what is encrypted does not
/// open.
pub async fn update(
    client: &Client,
    keys: &Keyring,
    id: Uuid,
    changes: &Changes,
) -> Result<(User, Profile)> {
    let medical = changes.medical_conditions.clone().flatten();
    let medical = seal_medical(keys, id, medical.as_deref())?;
    let row = UPDATE
        .one(
            client,
            &[
                &id,
                &changes.first_name,
                &changes.last_name,
                &changes.phone.is_some(),
                &changes.phone.clone().flatten(),
                &changes.date_of_birth.is_some(),
                &changes.date_of_birth.flatten(),
                &changes.emergency_contact_name.is_some(),
                &changes.emergency_contact_name.clone().flatten(),
                &changes.emergency_contact_phone.is_some(),
                &changes.emergency_contact_phone.clone().flatten(),
                &changes.experience_level.map(ExperienceLevel::as_str),
                &changes.medical_conditions.is_some(),
                &medical,
                &changes.marketing_consent,
            ],
        )
        .await?;
    Ok((User::from_row(&row)?, profile_from_row(&row, keys, id)?))
}

static GRANT_ADMIN: Statement = Statement::new(
    "user.grant_admin",
    "with granted as (
        update users set is_admin = true where email = lower($1) and is_active returning id
    )
    insert into security_events (id, user_id, kind, detail)
    select $2, id, 'admin_granted', '{\"by\": \"command line\"}' from granted
    returning user_id",
);

/// Makes an active member an administrator: `cargo dev admin grant`. `false`
/// when there is no such member. Whoever is signed in keeps the old roles in
/// Redis for up to five minutes, or until they sign in again.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn grant_admin(client: &Client, email: &str) -> Result<bool> {
    let row = GRANT_ADMIN.opt(client, &[&email, &random::id()]).await?;
    Ok(row.is_some())
}
