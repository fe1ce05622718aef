//! The profile fields that members may change themselves.

use chrono::NaiveDate;
use tokio_postgres::Row;
use uuid::Uuid;

use super::member::{ExperienceLevel, User, user_columns};
use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result, chain};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::email::Email;
use crate::values::locale::Locale;

/// The personal details of a member that [`User`] does not contain. The member sees all of
/// them. Staff see the date of birth and the emergency contact on the roster of a class that
/// the member has booked, and can request the medical conditions (see
/// [`crate::bookings::medical_notes`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The date of birth, if the member gave it.
    pub date_of_birth: Option<NaiveDate>,
    /// The name of the emergency contact.
    pub emergency_contact_name: Option<String>,
    /// The phone number of the emergency contact.
    pub emergency_contact_phone: Option<String>,
    /// Medical conditions that an instructor should know about. They are encrypted in the
    /// table.
    pub medical_conditions: Option<String>,
    /// Whether the stored medical conditions cannot be decrypted.
    pub medical_conditions_unreadable: bool,
    /// Whether the studio may send news by e-mail.
    pub marketing_consent: bool,
}

/// An account to create.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The e-mail address with which the member signs in.
    pub email: Email,
    /// Whether the address is known to belong to the member.
    pub email_verified: bool,
    /// The first name. Not empty.
    pub first_name: String,
    /// The last name. May be empty.
    pub last_name: String,
    /// The phone number, if the member gave one.
    pub phone: Option<String>,
    /// How experienced the member is.
    pub experience_level: ExperienceLevel,
    /// The language of the site and of e-mails. `None` if the member has not chosen one.
    pub locale: Option<Locale>,
    /// The other personal details.
    pub profile: Profile,
}

static INSERT: Statement = Statement::new(
    "user.insert",
    concat!(
        "insert into users as u (id, email, password_hash, first_name, last_name, phone,
            experience_level, date_of_birth, emergency_contact_name, emergency_contact_phone,
            medical_conditions, marketing_consent, email_verified_at, locale)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, case when $13 then now() end, $14)
        returning ",
        user_columns!("u")
    ),
);

/// Creates an account. The hash comes from [`crate::crypto::password::Hasher::hash`].
/// A member without a hash can sign in only through a provider.
///
/// # Errors
///
/// 409 `email_taken` if there is an account with this e-mail address.
pub async fn insert(
    client: &Client,
    keys: &Keyring,
    new_user: &NewUser,
    password_hash: Option<&str>,
) -> Result<User> {
    let id = random::id();
    let profile = &new_user.profile;
    let sealed_conditions = seal_medical(keys, id, profile.medical_conditions.as_deref())?;
    let row = INSERT
        .one(
            client,
            &[
                &id,
                &new_user.email.as_str(),
                &password_hash,
                &new_user.first_name,
                &new_user.last_name,
                &new_user.phone,
                &new_user.experience_level.as_str(),
                &profile.date_of_birth,
                &profile.emergency_contact_name,
                &profile.emergency_contact_phone,
                &sealed_conditions,
                &profile.marketing_consent,
                &new_user.email_verified,
                &new_user.locale.map(Locale::as_str),
            ],
        )
        .await
        .on_constraint("users_email_key", Error::EmailTaken)?;
    User::from_row(&row)
}

/// Returns the additional authenticated data of a member's medical conditions.
fn medical_aad(id: Uuid) -> String {
    format!("users.medical_conditions:{id}")
}

fn seal_medical(keys: &Keyring, id: Uuid, text: Option<&str>) -> Result<Option<Vec<u8>>> {
    text.map(|text| keys.seal(&medical_aad(id), text))
        .transpose()
}

/// Medical conditions as they were read from a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MedicalConditions {
    /// The member entered none.
    #[default]
    None,
    /// The decrypted text.
    Text(String),
    /// The value cannot be decrypted, because `ENCRYPTION_KEY` no longer lists the key that
    /// encrypted it, or because the value was altered. One such value must not make a whole
    /// response fail.
    Unreadable,
}

impl MedicalConditions {
    /// Decrypts the column `medical_conditions` of a member. Logs a value that cannot be
    /// decrypted.
    pub(crate) fn open(keys: &Keyring, id: Uuid, sealed: Option<Vec<u8>>) -> Self {
        match sealed.map(|sealed| keys.open(&medical_aad(id), &sealed)) {
            None => Self::None,
            Some(Ok(text)) => Self::Text(text),
            Some(Err(error)) => {
                tracing::error!(user = %id, error = %chain(&error), "failed to decrypt medical conditions");
                Self::Unreadable
            }
        }
    }

    /// Returns the text, and whether the stored value cannot be decrypted.
    pub fn into_parts(self) -> (Option<String>, bool) {
        match self {
            Self::None => (None, false),
            Self::Text(text) => (Some(text), false),
            Self::Unreadable => (None, true),
        }
    }
}

static FIND_PROFILE: Statement = Statement::new(
    "user.profile",
    "select date_of_birth, emergency_contact_name, emergency_contact_phone,
        medical_conditions, marketing_consent
    from users where id = $1",
);

/// Returns the profile of a member.
///
/// # Errors
///
/// [`Error::SessionGone`] if the account no longer exists, because its sessions ended with
/// it.
pub async fn find_profile(client: &Client, keys: &Keyring, id: Uuid) -> Result<Profile> {
    let row = FIND_PROFILE
        .opt(client, &[&id])
        .await?
        .ok_or(Error::SessionGone)?;
    profile_from_row(&row, keys, id)
}

fn profile_from_row(row: &Row, keys: &Keyring, id: Uuid) -> Result<Profile> {
    let sealed_conditions: Option<Vec<u8>> = row.try_get("medical_conditions")?;
    let conditions = MedicalConditions::open(keys, id, sealed_conditions);
    let (medical_conditions, medical_conditions_unreadable) = conditions.into_parts();
    Ok(Profile {
        date_of_birth: row.try_get("date_of_birth")?,
        emergency_contact_name: row.try_get("emergency_contact_name")?,
        emergency_contact_phone: row.try_get("emergency_contact_phone")?,
        medical_conditions,
        medical_conditions_unreadable,
        marketing_consent: row.try_get("marketing_consent")?,
    })
}

/// The changes to a member's profile. An outer `None` leaves the field as it is, and
/// an inner `None` clears it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The first name. Not empty.
    pub first_name: Option<String>,
    /// The last name. May be empty.
    pub last_name: Option<String>,
    /// The phone number.
    pub phone: Option<Option<String>>,
    /// The date of birth, not in the future.
    pub date_of_birth: Option<Option<NaiveDate>>,
    /// The name of the emergency contact.
    pub emergency_contact_name: Option<Option<String>>,
    /// The phone number of the emergency contact.
    pub emergency_contact_phone: Option<Option<String>>,
    /// How experienced the member is.
    pub experience_level: Option<ExperienceLevel>,
    /// Medical conditions that an instructor should know about.
    pub medical_conditions: Option<Option<String>>,
    /// Whether the studio may send news by e-mail.
    pub marketing_consent: Option<bool>,
    /// The language of the site and of e-mails.
    pub locale: Option<Locale>,
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
            marketing_consent = coalesce($15, marketing_consent),
            locale = coalesce($16, locale)
        where id = $1
        returning date_of_birth, emergency_contact_name, emergency_contact_phone,
            medical_conditions, marketing_consent, ",
        user_columns!("u")
    ),
);

/// Updates the profile of a member.
pub async fn update(
    client: &Client,
    keys: &Keyring,
    id: Uuid,
    changes: &Changes,
) -> Result<(User, Profile)> {
    let conditions = changes.medical_conditions.clone().flatten();
    let sealed_conditions = seal_medical(keys, id, conditions.as_deref())?;
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
                &sealed_conditions,
                &changes.marketing_consent,
                &changes.locale.map(Locale::as_str),
            ],
        )
        .await?;
    Ok((User::from_row(&row)?, profile_from_row(&row, keys, id)?))
}
