//! Who teaches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::class_type::Retired;
use super::from_json;
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// Addresses by the name of the network that they are on.
pub type Links = BTreeMap<String, String>;

/// Somebody who teaches here, with all that staff know.
#[derive(Clone, Debug)]
pub struct Instructor {
    /// What everybody may know.
    pub profile: Shown,
    /// The account; `None`: without one.
    pub user_id: Option<Uuid>,
    /// What an hour is paid; `None`: not agreed on. Staff alone see it.
    pub hourly_rate: Option<Money>,
    /// Whether they still teach here.
    pub is_active: bool,
    /// When they were entered.
    pub created_at: DateTime<Utc>,
    /// When that was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An instructor as everybody may see them. What is not here is not told.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Instructor)]
pub struct Shown {
    id: Uuid,
    name: String,
    bio: String,
    specialties: Vec<String>,
    certifications: Vec<String>,
    experience_years: i32,
    profile_image_url: Option<String>,
    social_media_links: BTreeMap<String, String>,
}

/// An instructor as staff see them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffInstructor)]
pub struct ShownToStaff {
    #[serde(flatten)]
    profile: Shown,
    /// The account; null: without one.
    user_id: Option<Uuid>,
    /// Null: not agreed on.
    hourly_rate: Option<Money>,
    /// In ISO 4217.
    currency: String,
    /// False: retired, and teaches here no more.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The JSON that [`Shown`] reads, of an instructor `i`.
macro_rules! instructor_json {
    () => {
        "jsonb_build_object('id', i.id, 'name', i.name, 'bio', i.bio,
            'specialties', i.specialties, 'certifications', i.certifications,
            'experienceYears', i.experience_years, 'profileImageUrl', i.profile_image_url,
            'socialMediaLinks', i.social_media_links)"
    };
}
pub(super) use instructor_json;

/// The columns that [`Instructor::from_row`] reads, of instructors `i`.
macro_rules! instructor_columns {
    () => {
        concat!(
            instructor_json!(),
            " as profile, i.user_id, i.hourly_rate, i.is_active, i.created_at, i.updated_at"
        )
    };
}

impl Instructor {
    /// Reads the columns of `instructor_columns!`.
    fn from_row(row: &Row) -> Result<Self> {
        let rate: Option<Decimal> = row.try_get("hourly_rate")?;
        Ok(Self {
            profile: from_json(row.try_get("profile")?)?,
            user_id: row.try_get("user_id")?,
            hourly_rate: rate.map(Money::from_column),
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// By what a list of instructors is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.profile.id)
    }

    /// Their id.
    pub fn id(&self) -> Uuid {
        self.profile.id
    }

    /// As staff see them, with what they earn in `currency`.
    pub fn shown_to_staff(self, currency: &str) -> ShownToStaff {
        ShownToStaff {
            profile: self.profile,
            user_id: self.user_id,
            hourly_rate: self.hourly_rate,
            currency: currency.to_owned(),
            is_active: self.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

static ALL: Statement = Statement::new(
    "instructor.all",
    concat!(
        "select ",
        instructor_columns!(),
        " from instructors i
        where ($1::boolean is null or i.is_active = $1)
          and ($2::timestamptz is null or (i.created_at, i.id) < ($2, $3))
        order by i.created_at desc, i.id desc limit $4"
    ),
);

/// A page of all instructors, newest first; of the active or the retired ones
/// alone where `active` says so.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn all(client: &Client, active: Option<bool>, page: &Page) -> Result<Vec<Instructor>> {
    let (time, id) = page.after();
    let rows = ALL
        .all(client, &[&active, &time, &id, &page.fetch()])
        .await?;
    rows.iter().map(Instructor::from_row).collect()
}

/// An instructor to be entered.
#[derive(Clone, Debug)]
pub struct NewInstructor {
    /// Not empty; at most 200 characters.
    pub name: String,
    /// The account; `None`: without one.
    pub user_id: Option<Uuid>,
    /// May be empty.
    pub bio: String,
    /// What they teach.
    pub specialties: Vec<String>,
    /// What they can show for it.
    pub certifications: Vec<String>,
    /// 0 or more.
    pub experience_years: i32,
    /// `None`: not agreed on.
    pub hourly_rate: Option<Money>,
    /// `None`: no picture.
    pub profile_image_url: Option<String>,
    /// Where else they are to be found.
    pub social_media_links: Links,
}

fn unknown_account() -> Error {
    Error::field("userId", "must be the id of a member")
}

static INSERT: Statement = Statement::new(
    "instructor.insert",
    concat!(
        "insert into instructors as i (id, name, user_id, bio, specialties, certifications,
            experience_years, hourly_rate, profile_image_url, social_media_links)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        returning ",
        instructor_columns!()
    ),
);

/// Enters an instructor.
///
/// # Errors
///
/// [`Error::Invalid`] for an account that there is not; [`Error::Unavailable`].
pub async fn insert(client: &Client, new: &NewInstructor) -> Result<Instructor> {
    let row = INSERT
        .one(
            client,
            &[
                &random::id(),
                &new.name,
                &new.user_id,
                &new.bio,
                &new.specialties,
                &new.certifications,
                &new.experience_years,
                &new.hourly_rate.map(Money::as_column),
                &new.profile_image_url,
                &json!(new.social_media_links),
            ],
        )
        .await
        .on_constraint("instructors_user_id_fkey", unknown_account())?;
    Instructor::from_row(&row)
}

/// What is to be changed; `None` leaves a field as it is, and the inner `None`
/// of two empties it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Not empty; at most 200 characters.
    pub name: Option<String>,
    /// The account.
    pub user_id: Option<Option<Uuid>>,
    /// May be empty.
    pub bio: Option<String>,
    /// What they teach.
    pub specialties: Option<Vec<String>>,
    /// What they can show for it.
    pub certifications: Option<Vec<String>>,
    /// 0 or more.
    pub experience_years: Option<i32>,
    /// What an hour is paid.
    pub hourly_rate: Option<Option<Money>>,
    /// A picture.
    pub profile_image_url: Option<Option<String>>,
    /// Where else they are to be found.
    pub social_media_links: Option<Links>,
    /// Whether they still teach here.
    pub is_active: Option<bool>,
}

static UPDATE: Statement = Statement::new(
    "instructor.update",
    concat!(
        "update instructors i set
            name = coalesce($2, name),
            user_id = case when $3 then $4 else user_id end,
            bio = coalesce($5, bio),
            specialties = case when $6 then $7 else specialties end,
            certifications = case when $8 then $9 else certifications end,
            experience_years = coalesce($10, experience_years),
            hourly_rate = case when $11 then $12 else hourly_rate end,
            profile_image_url = case when $13 then $14 else profile_image_url end,
            social_media_links = case when $15 then $16 else social_media_links end,
            is_active = coalesce($17, is_active)
        where id = $1
        returning ",
        instructor_columns!()
    ),
);

/// Changes what is kept of an instructor.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Invalid`] for an account that there is not;
/// [`Error::Unavailable`].
pub async fn update(client: &Client, id: Uuid, changes: &Changes) -> Result<Instructor> {
    let row = UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.name,
                &changes.user_id.is_some(),
                &changes.user_id.flatten(),
                &changes.bio,
                &changes.specialties.is_some(),
                &changes.specialties.clone().unwrap_or_default(),
                &changes.certifications.is_some(),
                &changes.certifications.clone().unwrap_or_default(),
                &changes.experience_years,
                &changes.hourly_rate.is_some(),
                &changes.hourly_rate.flatten().map(Money::as_column),
                &changes.profile_image_url.is_some(),
                &changes.profile_image_url.clone().flatten(),
                &changes.social_media_links.is_some(),
                &json!(changes.social_media_links.clone().unwrap_or_default()),
                &changes.is_active,
            ],
        )
        .await
        .on_constraint("instructors_user_id_fkey", unknown_account())?
        .ok_or(Error::NotFound)?;
    Instructor::from_row(&row)
}

static RETIRE: Statement = Statement::new(
    "instructor.retire",
    "with before as (
        select id, is_active from instructors where id = $1 for no key update
    ), retired as (
        update instructors set is_active = false where id = $1 and is_active
    )
    select before.is_active as was_active,
        (select count(*) from scheduled_classes c where c.instructor_id = before.id
            and c.start_time > $2 and not c.is_cancelled) as coming_classes,
        (select count(*) from class_schedules s
            where s.instructor_id = before.id and s.is_active) as active_patterns
    from before",
);

/// Retires an instructor. What is in the timetable stays there, until somebody
/// else is found for it.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Unavailable`].
pub async fn retire(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<Retired> {
    let row = RETIRE.opt(client, &[&id, &now]).await?;
    Retired::from_row(&row.ok_or(Error::NotFound)?)
}
