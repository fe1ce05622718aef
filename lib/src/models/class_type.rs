//! What the studio offers, whoever teaches it and whenever it is.

mod details;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::details::{Details, details};
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// For whom a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ClassLevel)]
pub enum Level {
    /// For whoever is new to it.
    Beginner,
    /// For whoever knows the basics.
    Intermediate,
    /// For whoever needs no more lessons, and comes for them.
    Advanced,
    /// For everybody.
    AllLevels,
}

impl Level {
    /// As it stands in the table, and in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
            Self::AllLevels => "all-levels",
        }
    }

    /// The level of that name.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::Beginner,
            Self::Intermediate,
            Self::Advanced,
            Self::AllLevels,
        ]
        .into_iter()
        .find(|level| level.as_str() == name)
    }

    pub(super) fn from_column(text: &str) -> Result<Self> {
        Self::named(text).ok_or_else(|| Error::internal("a level that is not known"))
    }
}

/// Something that is taught here.
#[derive(Clone, Debug)]
pub struct ClassType {
    /// `class_types.id`
    pub id: Uuid,
    /// One of its kind.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// In lower case.
    pub styles: Vec<String>,
    /// For whom it is.
    pub level: Level,
    /// How long one class takes.
    pub duration_minutes: i32,
    /// How many may come, unless an occurrence says otherwise.
    pub max_participants: i32,
    /// For one class, unless an occurrence says otherwise.
    pub price: Money,
    /// `None`: no picture.
    pub image_url: Option<String>,
    /// Whether it is offered.
    pub is_active: bool,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The columns that [`ClassType::from_row`] reads, of class types `t`.
macro_rules! class_type_columns {
    () => {
        "t.id, t.name, t.description, t.styles, t.difficulty_level, t.duration_minutes,
        t.max_participants, t.price_per_class, t.image_url, t.is_active, t.created_at, t.updated_at"
    };
}

impl ClassType {
    /// Reads the columns of `class_type_columns!`.
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            styles: row.try_get("styles")?,
            level: Level::from_column(row.try_get("difficulty_level")?)?,
            duration_minutes: row.try_get("duration_minutes")?,
            max_participants: row.try_get("max_participants")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price_per_class")?),
            image_url: row.try_get("image_url")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// By what a list of class types is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// As visitors see it, with prices in `currency`.
    pub fn shown(self, currency: &str) -> Shown {
        Shown {
            id: self.id,
            name: self.name,
            description: self.description,
            styles: self.styles,
            level: self.level,
            duration_minutes: self.duration_minutes,
            max_participants: self.max_participants,
            price: self.price,
            currency: currency.to_owned(),
            image_url: self.image_url,
        }
    }

    /// As staff see it, with prices in `currency`.
    pub fn shown_to_staff(self, currency: &str) -> ShownToStaff {
        ShownToStaff {
            is_active: self.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
            class_type: self.shown(currency),
        }
    }
}

/// A class type as everybody may see it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClassType)]
pub struct Shown {
    id: Uuid,
    name: String,
    description: String,
    styles: Vec<String>,
    level: Level,
    duration_minutes: i32,
    max_participants: i32,
    /// For one class; an occurrence may have its own.
    price: Money,
    /// In ISO 4217.
    currency: String,
    image_url: Option<String>,
}

/// A class type as those see it who look after it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffClassType)]
pub struct ShownToStaff {
    #[serde(flatten)]
    class_type: Shown,
    /// False: retired, and offered no more.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Which class types are wanted; `None` asks for nothing in particular.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// For whom it is.
    pub level: Option<Level>,
    /// One of its styles, in lower case.
    pub style: Option<String>,
    /// Who teaches it: in a pattern that goes on, or in a class to come.
    pub instructor: Option<Uuid>,
}

static OFFERED: Statement = Statement::new(
    "class_type.offered",
    concat!(
        "select ",
        class_type_columns!(),
        " from class_types t
        where t.is_active
          and ($1::text is null or t.difficulty_level = $1)
          and ($2::text is null or $2 = any(t.styles))
          and ($3::uuid is null or t.id in (
            select s.class_type_id from class_schedules s
            where s.instructor_id = $3 and s.is_active and (s.effective_until is null
              or s.effective_until >= ($4::timestamptz at time zone $5)::date)
            union all
            select c.class_type_id from scheduled_classes c
            where c.instructor_id = $3 and c.start_time > $4 and not c.is_cancelled))
          and ($6::timestamptz is null or (t.created_at, t.id) < ($6, $7))
        order by t.created_at desc, t.id desc limit $8"
    ),
);

/// A page of what is offered at `now` in the studio's `time_zone`, newest first.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn offered(
    client: &Client,
    filter: &Filter,
    now: DateTime<Utc>,
    time_zone: &str,
    page: &Page,
) -> Result<Vec<ClassType>> {
    let (time, id) = page.after();
    let rows = OFFERED
        .all(
            client,
            &[
                &filter.level.map(Level::as_str),
                &filter.style,
                &filter.instructor,
                &now,
                &time_zone,
                &time,
                &id,
                &page.fetch(),
            ],
        )
        .await?;
    rows.iter().map(ClassType::from_row).collect()
}

static ALL: Statement = Statement::new(
    "class_type.all",
    concat!(
        "select ",
        class_type_columns!(),
        " from class_types t
        where ($1::boolean is null or t.is_active = $1)
          and ($2::timestamptz is null or (t.created_at, t.id) < ($2, $3))
        order by t.created_at desc, t.id desc limit $4"
    ),
);

/// A page of all class types, newest first; of the active or the retired ones
/// alone where `active` says so.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn all(client: &Client, active: Option<bool>, page: &Page) -> Result<Vec<ClassType>> {
    let (time, id) = page.after();
    let rows = ALL
        .all(client, &[&active, &time, &id, &page.fetch()])
        .await?;
    rows.iter().map(ClassType::from_row).collect()
}

/// A class type to be entered.
#[derive(Clone, Debug)]
pub struct NewClassType {
    /// Not empty; at most 100 characters.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// In lower case.
    pub styles: Vec<String>,
    /// For whom it is.
    pub level: Level,
    /// 1 to 1440.
    pub duration_minutes: i32,
    /// More than 0.
    pub max_participants: i32,
    /// For one class.
    pub price: Money,
    /// `None`: no picture.
    pub image_url: Option<String>,
}

const NAME_TAKEN: Error = Error::Conflict {
    code: "class_type_exists",
    message: "There is a class type with this name already",
};

static INSERT: Statement = Statement::new(
    "class_type.insert",
    concat!(
        "insert into class_types as t (id, name, description, styles, difficulty_level,
            duration_minutes, max_participants, price_per_class, image_url)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        returning ",
        class_type_columns!()
    ),
);

/// Enters a class type.
///
/// # Errors
///
/// 409 `class_type_exists`; [`Error::Unavailable`].
pub async fn insert(client: &Client, new: &NewClassType) -> Result<ClassType> {
    let row = INSERT
        .one(
            client,
            &[
                &random::id(),
                &new.name,
                &new.description,
                &new.styles,
                &new.level.as_str(),
                &new.duration_minutes,
                &new.max_participants,
                &new.price.as_column(),
                &new.image_url,
            ],
        )
        .await
        .on_constraint("class_types_name_key", NAME_TAKEN)?;
    ClassType::from_row(&row)
}

/// What is to be changed; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Not empty; at most 100 characters.
    pub name: Option<String>,
    /// May be empty.
    pub description: Option<String>,
    /// In lower case.
    pub styles: Option<Vec<String>>,
    /// For whom it is.
    pub level: Option<Level>,
    /// 1 to 1440.
    pub duration_minutes: Option<i32>,
    /// More than 0.
    pub max_participants: Option<i32>,
    /// For one class.
    pub price: Option<Money>,
    /// The inner `None` takes the picture away.
    pub image_url: Option<Option<String>>,
    /// Whether it is offered.
    pub is_active: Option<bool>,
}

static UPDATE: Statement = Statement::new(
    "class_type.update",
    concat!(
        "update class_types t set
            name = coalesce($2, name),
            description = coalesce($3, description),
            styles = case when $4 then $5 else styles end,
            difficulty_level = coalesce($6, difficulty_level),
            duration_minutes = coalesce($7, duration_minutes),
            max_participants = coalesce($8, max_participants),
            price_per_class = coalesce($9, price_per_class),
            image_url = case when $10 then $11 else image_url end,
            is_active = coalesce($12, is_active)
        where id = $1
        returning ",
        class_type_columns!()
    ),
);

/// Changes a class type. Classes that are in the timetable keep their places;
/// the price is that of its type, unless a class has its own.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `class_type_exists`; [`Error::Unavailable`].
pub async fn update(client: &Client, id: Uuid, changes: &Changes) -> Result<ClassType> {
    let row = UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.name,
                &changes.description,
                &changes.styles.is_some(),
                &changes.styles.clone().unwrap_or_default(),
                &changes.level.map(Level::as_str),
                &changes.duration_minutes,
                &changes.max_participants,
                &changes.price.map(Money::as_column),
                &changes.image_url.is_some(),
                &changes.image_url.clone().flatten(),
                &changes.is_active,
            ],
        )
        .await
        .on_constraint("class_types_name_key", NAME_TAKEN)?
        .ok_or(Error::NotFound)?;
    ClassType::from_row(&row)
}

/// What goes on under something that has been retired.
#[derive(Clone, Copy, Debug)]
pub struct Retired {
    /// Whether it was offered until now.
    pub was_active: bool,
    /// Classes to come that are not cancelled.
    pub coming_classes: i64,
    /// Patterns that make more of them.
    pub active_patterns: i64,
}

impl Retired {
    /// Reads `was_active`, `coming_classes` and `active_patterns`.
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            was_active: row.try_get("was_active")?,
            coming_classes: row.try_get("coming_classes")?,
            active_patterns: row.try_get("active_patterns")?,
        })
    }
}

static RETIRE: Statement = Statement::new(
    "class_type.retire",
    "with before as (
        select id, is_active from class_types where id = $1 for no key update
    ), retired as (
        update class_types set is_active = false where id = $1 and is_active
    )
    select before.is_active as was_active,
        (select count(*) from scheduled_classes c where c.class_type_id = before.id
            and c.start_time > $2 and not c.is_cancelled) as coming_classes,
        (select count(*) from class_schedules s
            where s.class_type_id = before.id and s.is_active) as active_patterns
    from before",
);

/// Offers a class type no more. What is in the timetable stays there.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Unavailable`].
pub async fn retire(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<Retired> {
    let row = RETIRE.opt(client, &[&id, &now]).await?;
    Retired::from_row(&row.ok_or(Error::NotFound)?)
}
