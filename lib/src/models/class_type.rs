//! Class types: what the studio teaches, such as "Salsa Foundations".

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::catalog::{self, CatalogItem, LastChange, list_statement, retire_statement};
use super::security_event::SecurityEventKind;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;
use crate::values::tax_rate::TaxRate;

/// The dancing level that a class is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ClassLevel)]
pub enum Level {
    /// New dancers.
    Beginner,
    /// Dancers who know the basics.
    Intermediate,
    /// Advanced dancers.
    Advanced,
    /// Everyone.
    AllLevels,
}

impl Level {
    const ALL: [Self; 4] = [
        Self::Beginner,
        Self::Intermediate,
        Self::Advanced,
        Self::AllLevels,
    ];

    /// Returns the level's name in the table and in queries, such as `all-levels`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
            Self::AllLevels => "all-levels",
        }
    }

    /// Finds the level with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    pub(super) fn from_column(text: &str) -> Result<Self> {
        Self::from_name(text).ok_or_else(|| Error::internal("unknown class level"))
    }
}

/// A row of `class_types`.
#[derive(Clone, Debug)]
pub struct ClassType {
    /// The class type's id.
    pub id: Uuid,
    /// The name, which is unique without regard to case and spaces.
    pub name: String,
    /// The description. May be empty.
    pub description: String,
    /// The dance styles, in lower case.
    pub styles: Vec<String>,
    /// The level of the class type.
    pub level: Level,
    /// The duration of a new occurrence that does not set its own.
    pub duration_minutes: i32,
    /// The number of spots of a new occurrence that does not set its own.
    pub max_participants: i32,
    /// The price of an occurrence that does not set its own.
    pub price: Money,
    /// The tax that prices include.
    pub tax_rate: TaxRate,
    /// The URL of the picture. `None` if there is no picture.
    pub image_url: Option<String>,
    /// Whether the class type is active. `false` after retirement.
    pub is_active: bool,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The columns that [`ClassType::from_row`] reads, of class types `t`.
macro_rules! class_type_columns {
    () => {
        "t.id, t.name, t.description, t.styles, t.difficulty_level, t.duration_minutes,
        t.max_participants, t.price_per_class, t.tax_rate, t.image_url, t.is_active, t.created_at,
        t.updated_at"
    };
}

/// Selects class types; `None` matches all of them.
#[derive(Clone, Debug, Default)]
pub struct ClassTypeFilter {
    /// The level of the class type.
    pub level: Option<Level>,
    /// A dance style, in lower case.
    pub style: Option<String>,
    /// The id of an instructor who teaches the class type, in a weekly class or in an
    /// upcoming occurrence.
    pub instructor: Option<Uuid>,
}

static LIST_OFFERED: Statement = Statement::new(
    "class_type.list_offered",
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
              or s.effective_until >= $5)
            union all
            select c.class_type_id from scheduled_classes c
            where c.instructor_id = $3 and c.start_time > $4 and not c.is_cancelled))
          and ($6::timestamptz is null or (t.created_at, t.id) < ($6, $7))
        order by t.created_at desc, t.id desc limit $8"
    ),
);

/// Reads a page of the active class types, newest first. `now` and the studio's
/// current date, `today`, decide which weekly classes and occurrences are still to come.
pub async fn list_offered(
    client: &Client,
    filter: &ClassTypeFilter,
    now: DateTime<Utc>,
    today: NaiveDate,
    page: &Page,
) -> Result<Vec<ClassType>> {
    let (time, id) = page.after();
    let rows = LIST_OFFERED
        .all(
            client,
            &[
                &filter.level.map(Level::as_str),
                &filter.style,
                &filter.instructor,
                &now,
                &today,
                &time,
                &id,
                &page.row_limit(),
            ],
        )
        .await?;
    rows.iter().map(ClassType::from_row).collect()
}

static LIST_LAST_CHANGES: Statement = Statement::new(
    "class_type.list_last_changes",
    "select id, updated_at from class_types where is_active order by id limit $1",
);

/// Lists when the active class types were last changed.
pub async fn list_last_changes(client: &Client) -> Result<Vec<LastChange>> {
    catalog::list_last_changes(client, &LIST_LAST_CHANGES).await
}

static FIND_OFFERED: Statement = Statement::new(
    "class_type.find_offered",
    concat!(
        "select ",
        class_type_columns!(),
        " from class_types t where t.id = $1 and t.is_active"
    ),
);

/// Finds an active class type.
///
/// # Errors
///
/// [`Error::NotFound`] when no class type has this id or the class type is retired.
pub async fn find_offered(client: &Client, id: Uuid) -> Result<ClassType> {
    let row = FIND_OFFERED.opt(client, &[&id]).await?;
    ClassType::from_row(&row.ok_or(Error::NotFound)?)
}

/// A class type to create.
#[derive(Clone, Debug)]
pub struct NewClassType {
    /// The name. Not empty.
    pub name: String,
    /// The description. May be empty.
    pub description: String,
    /// The dance styles, in lower case.
    pub styles: Vec<String>,
    /// The level of the class type.
    pub level: Level,
    /// The duration of an occurrence. More than 0.
    pub duration_minutes: i32,
    /// The number of spots of a new occurrence. More than 0.
    pub max_participants: i32,
    /// The price of one occurrence.
    pub price: Money,
    /// The tax that prices include.
    pub tax_rate: TaxRate,
    /// The URL of the picture. `None` if there is no picture.
    pub image_url: Option<String>,
}

/// The changes to a class type. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ClassTypeChanges {
    /// The name. Not empty.
    pub name: Option<String>,
    /// The description. May be empty.
    pub description: Option<String>,
    /// The dance styles, in lower case.
    pub styles: Option<Vec<String>>,
    /// The level of the class type.
    pub level: Option<Level>,
    /// The duration of an occurrence. More than 0.
    pub duration_minutes: Option<i32>,
    /// The number of spots of a new occurrence. More than 0.
    pub max_participants: Option<i32>,
    /// The price of one occurrence.
    pub price: Option<Money>,
    /// The tax that prices include. Classes that are paid from now on have it on their receipts.
    pub tax_rate: Option<TaxRate>,
    /// The URL of the picture. `Some(None)` removes the picture.
    pub image_url: Option<Option<String>>,
    /// `false` retires the class type; `true` offers it again.
    pub is_active: Option<bool>,
}

static LIST: Statement =
    list_statement!("class_type.list", "class_types", "t", class_type_columns!());

static INSERT: Statement = Statement::new(
    "class_type.insert",
    concat!(
        "insert into class_types as t (id, name, description, styles, difficulty_level,
            duration_minutes, max_participants, price_per_class, image_url, tax_rate)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        returning ",
        class_type_columns!()
    ),
);

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
            is_active = coalesce($12, is_active),
            tax_rate = coalesce($13, tax_rate)
        where id = $1
        returning ",
        class_type_columns!()
    ),
);

static RETIRE: Statement = retire_statement!("class_type.retire", "class_types", "class_type_id");

const NAME_TAKEN: Error = Error::Conflict {
    code: ErrorCode::ClassTypeExists,
    message: "There is a class type with this name already",
};

impl CatalogItem for ClassType {
    type New = NewClassType;
    type Changes = ClassTypeChanges;

    const CHANGE_EVENT: SecurityEventKind = SecurityEventKind::ClassTypeChanged;

    fn list_statement() -> &'static Statement {
        &LIST
    }

    fn retire_statement() -> &'static Statement {
        &RETIRE
    }

    fn id(&self) -> Uuid {
        self.id
    }

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
            tax_rate: TaxRate::from_column(row.try_get("tax_rate")?),
            image_url: row.try_get("image_url")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Inserts a class type.
    ///
    /// # Errors
    ///
    /// 409 `class_type_exists`.
    async fn insert(client: &Client, new: &NewClassType) -> Result<Self> {
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
                    &new.tax_rate.as_column(),
                ],
            )
            .await
            .on_constraint("class_types_name_key", NAME_TAKEN)?;
        Self::from_row(&row)
    }

    /// Changes a class type. Existing occurrences keep their duration and their number
    /// of spots. A new price applies to occurrences that do not set their own.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; 409 `class_type_exists`.
    async fn update(client: &Client, id: Uuid, changes: &ClassTypeChanges) -> Result<Self> {
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
                    &changes.tax_rate.map(TaxRate::as_column),
                ],
            )
            .await
            .on_constraint("class_types_name_key", NAME_TAKEN)?;
        Self::from_row(&row.ok_or(Error::NotFound)?)
    }
}
