//! Instructors.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::catalog::{self, CatalogItem, LastChange, list_statement, retire_statement};
use super::security_event::SecurityEventKind;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// Links to social media pages, by the name of the network, such as `instagram`.
pub type SocialMediaLinks = BTreeMap<String, String>;

/// A row of `instructors`.
#[derive(Clone, Debug)]
pub struct Instructor {
    /// The instructor's id.
    pub id: Uuid,
    /// The display name.
    pub name: String,
    /// The id of the instructor's user account. `None` if there is no account.
    pub user_id: Option<Uuid>,
    /// The biography. May be empty.
    pub bio: String,
    /// The dance styles that the instructor teaches.
    pub specialties: Vec<String>,
    /// The instructor's certificates.
    pub certifications: Vec<String>,
    /// The years of experience, 0 or more.
    pub experience_years: i32,
    /// The hourly rate, which only staff may see. `None` if no rate was agreed on.
    pub hourly_rate: Option<Money>,
    /// The URL of the profile picture. `None` if there is no picture.
    pub profile_image_url: Option<String>,
    /// Links to the instructor's social media pages.
    pub social_media_links: SocialMediaLinks,
    /// Whether the instructor is active. `false` after retirement.
    pub is_active: bool,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The columns that [`Instructor::from_row`] reads from an instructor `i`.
macro_rules! instructor_columns {
    () => {
        "i.id, i.name, i.user_id, i.bio, i.specialties, i.certifications, i.experience_years,
        i.hourly_rate, i.profile_image_url, i.social_media_links, i.is_active, i.created_at,
        i.updated_at"
    };
}

static LIST_TEACHING: Statement = Statement::new(
    "instructor.list_teaching",
    concat!(
        "select ",
        instructor_columns!(),
        " from instructors i where i.is_active and i.id in (
            select s.instructor_id from class_schedules s
            where s.class_type_id = $1 and s.is_active and (s.effective_until is null
              or s.effective_until >= $3)
            union all
            select c.instructor_id from scheduled_classes c
            where c.class_type_id = $1 and c.start_time > $2 and not c.is_cancelled
        ) order by i.name, i.id"
    ),
);

/// Lists the active instructors who teach a class type in a weekly class or an upcoming
/// occurrence, sorted by name. `today` is the studio's current date.
pub async fn list_teaching(
    client: &Client,
    class_type_id: Uuid,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<Vec<Instructor>> {
    let rows = LIST_TEACHING
        .all(client, &[&class_type_id, &now, &today])
        .await?;
    rows.iter().map(Instructor::from_row).collect()
}

static LIST_LAST_CHANGES: Statement = Statement::new(
    "instructor.list_last_changes",
    "select id, updated_at from instructors where is_active order by id limit $1",
);

/// Lists when the active instructors were last changed.
pub async fn list_last_changes(client: &Client) -> Result<Vec<LastChange>> {
    catalog::list_last_changes(client, &LIST_LAST_CHANGES).await
}

static FIND_ACTIVE: Statement = Statement::new(
    "instructor.find_active",
    concat!(
        "select ",
        instructor_columns!(),
        " from instructors i where i.id = $1 and i.is_active"
    ),
);

/// Finds an active instructor.
///
/// # Errors
///
/// [`Error::NotFound`] when no instructor has this id or the instructor is retired.
pub async fn find_active(client: &Client, id: Uuid) -> Result<Instructor> {
    let row = FIND_ACTIVE.opt(client, &[&id]).await?;
    Instructor::from_row(&row.ok_or(Error::NotFound)?)
}

static LOCK_ACTIVE: Statement = Statement::new(
    "instructor.lock_active",
    "select is_active from instructors where id = $1 for share",
);

/// Checks that an instructor can be given a class. `form` is the name of the object in the
/// request body that has the field `instructorId`, for the error message.
///
/// Must be called in a transaction. The instructor cannot be retired until the
/// transaction ends.
///
/// # Errors
///
/// [`Error::Invalid`] when the instructor does not exist or is retired.
pub async fn lock_active(client: &Client, id: Uuid, form: &str) -> Result<()> {
    let problem = match LOCK_ACTIVE.opt(client, &[&id]).await? {
        None => "there is no such instructor",
        Some(row) if row.try_get("is_active")? => return Ok(()),
        Some(_) => "this instructor is retired; choose another one",
    };
    Err(Error::field(&format!("{form}.instructorId"), problem))
}

/// An instructor to create.
#[derive(Clone, Debug)]
pub struct NewInstructor {
    /// The display name. Not empty.
    pub name: String,
    /// The id of the instructor's user account. `None` if there is no account.
    pub user_id: Option<Uuid>,
    /// The biography. May be empty.
    pub bio: String,
    /// The dance styles that the instructor teaches.
    pub specialties: Vec<String>,
    /// The instructor's certificates.
    pub certifications: Vec<String>,
    /// The years of experience, 0 or more.
    pub experience_years: i32,
    /// The hourly rate. `None` if no rate was agreed on.
    pub hourly_rate: Option<Money>,
    /// The URL of the profile picture. `None` if there is no picture.
    pub profile_image_url: Option<String>,
    /// Links to the instructor's social media pages.
    pub social_media_links: SocialMediaLinks,
}

/// The changes to an instructor. `None` leaves a field as it is, and
/// `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct InstructorChanges {
    /// The display name. Not empty.
    pub name: Option<String>,
    /// The id of the instructor's user account.
    pub user_id: Option<Option<Uuid>>,
    /// The biography. May be empty.
    pub bio: Option<String>,
    /// The dance styles that the instructor teaches.
    pub specialties: Option<Vec<String>>,
    /// The instructor's certificates.
    pub certifications: Option<Vec<String>>,
    /// The years of experience, 0 or more.
    pub experience_years: Option<i32>,
    /// The hourly rate.
    pub hourly_rate: Option<Option<Money>>,
    /// The URL of the profile picture.
    pub profile_image_url: Option<Option<String>>,
    /// Links to the instructor's social media pages.
    pub social_media_links: Option<SocialMediaLinks>,
    /// `false` retires the instructor, and `true` reinstates them.
    pub is_active: Option<bool>,
}

static LIST: Statement =
    list_statement!("instructor.list", "instructors", "i", instructor_columns!());

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

static RETIRE: Statement = retire_statement!("instructor.retire", "instructors", "instructor_id");

fn unknown_account() -> Error {
    Error::field("userId", "must be the id of a member")
}

const INSTRUCTOR_LINKED: Error = Error::Conflict {
    code: ErrorCode::InstructorLinked,
    message: "This member is linked to another instructor; unlink the other one first",
};

const NOT_CONFIRMED: Error = Error::Conflict {
    code: ErrorCode::EmailNotVerified,
    message: "This member has not confirmed their e-mail address, so it may not be theirs",
};

static FIND_ACCOUNT: Statement = Statement::new(
    "instructor.find_account",
    "select email_verified_at is not null as is_confirmed from users
    where id = $1 and is_active for share",
);

/// Checks that an instructor may be linked to an account. The account gives access to the
/// rosters of the instructor, so its address must be confirmed.
async fn require_confirmed_account(client: &Client, user_id: Uuid) -> Result<()> {
    let row = FIND_ACCOUNT.opt(client, &[&user_id]).await?;
    match row.ok_or_else(unknown_account)?.try_get("is_confirmed")? {
        true => Ok(()),
        false => Err(NOT_CONFIRMED),
    }
}

impl CatalogItem for Instructor {
    type New = NewInstructor;
    type Changes = InstructorChanges;

    const CHANGE_EVENT: SecurityEventKind = SecurityEventKind::InstructorChanged;

    fn list_statement() -> &'static Statement {
        &LIST
    }

    fn retire_statement() -> &'static Statement {
        &RETIRE
    }

    fn id(&self) -> Uuid {
        self.id
    }

    /// Reads the columns of `instructor_columns!`.
    fn from_row(row: &Row) -> Result<Self> {
        let links: Value = row.try_get("social_media_links")?;
        let hourly_rate: Option<Decimal> = row.try_get("hourly_rate")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            user_id: row.try_get("user_id")?,
            bio: row.try_get("bio")?,
            specialties: row.try_get("specialties")?,
            certifications: row.try_get("certifications")?,
            experience_years: row.try_get("experience_years")?,
            hourly_rate: hourly_rate.map(Money::from_column),
            profile_image_url: row.try_get("profile_image_url")?,
            social_media_links: serde_json::from_value(links)
                .map_err(|error| Error::Internal(Box::new(error)))?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Inserts an instructor.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the account does not exist or is deactivated; 409
    /// `email_not_verified`, `instructor_linked`.
    async fn insert(client: &Client, instructor: &NewInstructor) -> Result<Self> {
        if let Some(user_id) = instructor.user_id {
            require_confirmed_account(client, user_id).await?;
        }
        let row = INSERT
            .one(
                client,
                &[
                    &random::id(),
                    &instructor.name,
                    &instructor.user_id,
                    &instructor.bio,
                    &instructor.specialties,
                    &instructor.certifications,
                    &instructor.experience_years,
                    &instructor.hourly_rate.map(Money::as_column),
                    &instructor.profile_image_url,
                    &json!(instructor.social_media_links),
                ],
            )
            .await
            .on_constraint("instructors_user_id_fkey", unknown_account())
            .on_constraint("instructors_user_key", INSTRUCTOR_LINKED)?;
        Self::from_row(&row)
    }

    async fn update(client: &Client, id: Uuid, changes: &InstructorChanges) -> Result<Self> {
        if let Some(user_id) = changes.user_id.flatten() {
            require_confirmed_account(client, user_id).await?;
        }
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
            .on_constraint("instructors_user_id_fkey", unknown_account())
            .on_constraint("instructors_user_key", INSTRUCTOR_LINKED)?;
        Self::from_row(&row.ok_or(Error::NotFound)?)
    }
}
