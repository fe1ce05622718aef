//! What staff do with class types.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Activity, Retirement, Wanted, description, edit, https_url, lines, minutes, places, style,
};
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::class_type::{self, Changes, ClassType, Level, NewClassType, ShownToStaff};
use crate::models::security_event::Kind;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::money::Money;
use crate::values::schema::HttpsUrl;
use crate::{App, BoxFuture};

/// What each change is noted as.
const KIND: Kind = Kind::ClassTypeChanged;

/// A class type as it is entered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateClassType)]
pub struct Entry {
    /// At most 100 characters; no two class types have the same.
    #[schema(min_length = 1, max_length = 100, examples("Salsa Foundations"))]
    name: String,
    /// At most 5000 characters.
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
    /// At most 20, of at most 50 characters.
    #[serde(default)]
    #[schema(max_items = 20, examples(json!(["salsa"])))]
    styles: Vec<String>,
    /// `all-levels` unless given.
    level: Option<Level>,
    /// 1 to 1440; 60 unless given.
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    /// 1 to 1000; 20 unless given.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    /// For one class.
    price: Money,
    /// By https; null: no picture.
    #[schema(value_type = Option<HttpsUrl>)]
    image_url: Option<String>,
}

impl Entry {
    fn read(self) -> Result<NewClassType> {
        let mut check = Form::default();
        let new = NewClassType {
            name: check.check("name", name(&self.name)).unwrap_or_default(),
            description: check
                .check("description", description(&self.description))
                .unwrap_or_default(),
            styles: check
                .check("styles", lines(self.styles, style))
                .unwrap_or_default(),
            level: self.level.unwrap_or(Level::AllLevels),
            duration_minutes: check
                .check(
                    "durationMinutes",
                    minutes(self.duration_minutes.unwrap_or(60)),
                )
                .unwrap_or_default(),
            max_participants: check
                .check(
                    "maxParticipants",
                    places(self.max_participants.unwrap_or(20)),
                )
                .unwrap_or_default(),
            price: self.price,
            image_url: check.check_filled("imageUrl", self.image_url.as_deref(), https_url),
        };
        check.finish()?;
        Ok(new)
    }
}

/// What is to be changed of a class type. A field that is left out stays as
/// it is; `null` takes the picture away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateClassType)]
pub struct Change {
    id: Uuid,
    #[schema(min_length = 1, max_length = 100, examples("Salsa Foundations"))]
    name: Option<String>,
    #[schema(max_length = 5_000)]
    description: Option<String>,
    #[schema(max_items = 20)]
    styles: Option<Vec<String>>,
    level: Option<Level>,
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    price: Option<Money>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<HttpsUrl>)]
    image_url: Option<Option<String>>,
    /// True offers a retired one again.
    is_active: Option<bool>,
}

impl Change {
    fn read(self) -> Result<Changes> {
        let mut check = Form::default();
        let picture = self
            .image_url
            .map(|url| check.check_filled("imageUrl", url.as_deref(), https_url));
        let changes = Changes {
            name: check.check_given("name", self.name.as_deref(), name),
            description: check.check_given("description", self.description.as_deref(), description),
            styles: check.check_given("styles", self.styles, |given| lines(given, style)),
            level: self.level,
            duration_minutes: check.check_given("durationMinutes", self.duration_minutes, minutes),
            max_participants: check.check_given("maxParticipants", self.max_participants, places),
            price: self.price,
            image_url: picture,
            is_active: self.is_active,
        };
        check.finish()?;
        Ok(changes)
    }
}

fn name(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 100)
}

/// A page of all class types, retired ones too.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::Unavailable`].
pub fn list(
    app: &App,
    activity: Activity,
    page: Page,
) -> BoxFuture<'_, Result<List<ShownToStaff>>> {
    Box::pin(async move {
        let active = activity.read()?;
        let currency = &app.config().studio.currency;
        let rows = app
            .db()
            .read(async move |client| class_type::all(client, active, &page).await)
            .await?;
        Ok(List::new(rows, page, ClassType::place, |row| {
            row.shown_to_staff(currency)
        }))
    })
}

/// Enters a class type.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; 409 `class_type_exists`; [`crate::Error::Unavailable`].
pub fn enter<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    entry: Entry,
) -> BoxFuture<'a, Result<ShownToStaff>> {
    Box::pin(async move {
        let act = StaffAction::by_staff(staff, caller)?;
        let new = entry.read()?;
        let entered = edit(app, act, KIND, "create", async |tx| {
            let entered = class_type::insert(tx, &new).await?;
            let id = entered.id;
            Ok((entered, Some(id)))
        });
        let entered = entered.await?;
        Ok(entered.shown_to_staff(&app.config().studio.currency))
    })
}

/// Changes a class type.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; 409
/// `class_type_exists`; [`crate::Error::Unavailable`].
pub fn change<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    change: Change,
) -> BoxFuture<'a, Result<ShownToStaff>> {
    Box::pin(async move {
        let act = StaffAction::by_staff(staff, caller)?;
        let (id, changes) = (change.id, change.read()?);
        let changed = edit(app, act, KIND, "change", async |tx| {
            let changed = class_type::update(tx, id, &changes).await?;
            Ok((changed, Some(id)))
        });
        let changed = changed.await?;
        Ok(changed.shown_to_staff(&app.config().studio.currency))
    })
}

/// Retires a class type: it is offered no more, and what is in the timetable
/// stays there. Once more is as good as once.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; [`crate::Error::Unavailable`].
pub fn retire<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    wanted: Wanted,
) -> BoxFuture<'a, Result<Retirement>> {
    Box::pin(async move {
        let act = StaffAction::by_staff(staff, caller)?;
        let (id, now) = (wanted.read()?, app.clock().now());
        let retired = edit(app, act, KIND, "retire", async |tx| {
            let retired = class_type::retire(tx, id, now).await?;
            let changed = retired.was_active.then_some(id);
            Ok((retired, changed))
        });
        Ok(retired.await?.into())
    })
}
