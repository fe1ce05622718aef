//! Listing, creating, changing and retiring class types, for staff.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::maintenance::{self, ActiveQuery, RetirementView};
use super::query::IdQuery;
use super::view::StaffClassTypeView;
use crate::classes::fields::{
    description, duration, list as list_of, participants, picture_url, style,
};
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::class_type::{ClassType, ClassTypeChanges, Level, NewClassType};
use crate::runtime::config::StudioConfig;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::{self, Form, Problem};
use crate::values::money::Money;
use crate::values::schema::PictureUrl;
use crate::values::tax_rate::TaxRate;
use crate::{App, BoxFuture};

/// The maximum length of the name of a class type, in characters.
const NAME_MAX: usize = 100;

/// A class type to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateClassType {
    /// No two class types have the same name. Case and spaces are ignored.
    #[schema(min_length = 1, max_length = 100, examples("Salsa Foundations"))]
    name: String,
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
    /// Each style has at most 50 characters.
    #[serde(default)]
    #[schema(max_items = 20, example = json!(["salsa"]))]
    styles: Vec<String>,
    /// The default is `all-levels`.
    level: Option<Level>,
    /// The default is 60.
    #[schema(minimum = 1, maximum = 1_440)]
    duration_minutes: Option<i32>,
    /// The number of spots. The default is 20.
    #[schema(minimum = 1, maximum = 1_000)]
    max_participants: Option<i32>,
    /// The price of one class.
    price: Money,
    /// The tax that the price includes. The default is 0.
    tax_rate: Option<TaxRate>,
    /// Null if there is no picture.
    #[schema(value_type = Option<PictureUrl>)]
    image_url: Option<String>,
}

impl CreateClassType {
    fn parse(self, studio: &StudioConfig) -> Result<NewClassType> {
        let mut form = Form::default();
        let new_class_type = NewClassType {
            name: form.check("name", name(&self.name)).unwrap_or_default(),
            description: form
                .check("description", description(&self.description))
                .unwrap_or_default(),
            styles: form
                .check("styles", list_of(self.styles, style))
                .unwrap_or_default(),
            level: self.level.unwrap_or(Level::AllLevels),
            duration_minutes: form
                .check(
                    "durationMinutes",
                    duration(self.duration_minutes.unwrap_or(60)),
                )
                .unwrap_or_default(),
            max_participants: form
                .check(
                    "maxParticipants",
                    participants(self.max_participants.unwrap_or(20)),
                )
                .unwrap_or_default(),
            price: form
                .check("price", self.price.check_currency(&studio.currency))
                .unwrap_or_default(),
            tax_rate: self.tax_rate.unwrap_or_default(),
            image_url: form.check_filled(
                "imageUrl",
                self.image_url.as_deref(),
                picture_url(studio),
            ),
        };
        form.finish()?;
        Ok(new_class_type)
    }
}

/// The changes to a class type. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateClassType {
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
    /// The tax that the price includes. It applies to classes that are paid from now on.
    tax_rate: Option<TaxRate>,
    /// Null removes the picture.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<PictureUrl>)]
    image_url: Option<Option<String>>,
    /// True offers a retired class type again.
    is_active: Option<bool>,
}

impl UpdateClassType {
    fn parse(self, studio: &StudioConfig) -> Result<ClassTypeChanges> {
        let mut form = Form::default();
        let image_url = self
            .image_url
            .map(|url| form.check_filled("imageUrl", url.as_deref(), picture_url(studio)));
        let changes = ClassTypeChanges {
            name: form.check_given("name", self.name.as_deref(), name),
            description: form.check_given("description", self.description.as_deref(), description),
            styles: form.check_given("styles", self.styles, |styles| list_of(styles, style)),
            level: self.level,
            duration_minutes: form.check_given("durationMinutes", self.duration_minutes, duration),
            max_participants: form.check_given(
                "maxParticipants",
                self.max_participants,
                participants,
            ),
            price: form.check_given("price", self.price, |price| {
                price.check_currency(&studio.currency)
            }),
            tax_rate: self.tax_rate,
            image_url,
            is_active: self.is_active,
        };
        form.finish()?;
        Ok(changes)
    }
}

fn name(text: &str) -> Result<String, Problem> {
    form::required_line(text, NAME_MAX)
}

/// Lists a page of class types. By default, retired ones are included.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list(
    app: &App,
    query: ActiveQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<StaffClassTypeView>>> {
    Box::pin(maintenance::list(app, query, page, StaffClassTypeView::new))
}

/// Creates a class type.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid); 409 `class_type_exists`.
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateClassType,
) -> BoxFuture<'a, Result<StaffClassTypeView>> {
    Box::pin(async move {
        let new_class_type = form.parse(&app.config().studio)?;
        maintenance::create(app, caller, staff, new_class_type, StaffClassTypeView::new).await
    })
}

/// Changes a class type.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound); 409 `class_type_exists`.
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateClassType,
) -> BoxFuture<'a, Result<StaffClassTypeView>> {
    Box::pin(async move {
        let (id, changes) = (form.id, form.parse(&app.config().studio)?);
        maintenance::update(app, caller, staff, id, changes, StaffClassTypeView::new).await
    })
}

/// Retires a class type, which is then no longer offered. Its classes stay in
/// the schedule.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound).
pub fn retire<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    query: IdQuery,
) -> BoxFuture<'a, Result<RetirementView>> {
    Box::pin(async move {
        let id = query.parse()?;
        maintenance::retire::<ClassType>(app, caller, staff, id).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::fields::{DESCRIPTION_MAX, DURATION_MAX, LIST_MAX, PARTICIPANTS_MAX};
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateClassType>, bound::<UpdateClassType>] {
            assert_eq!(bound_of("name", "maxLength"), NAME_MAX as i64);
            assert_eq!(bound_of("description", "maxLength"), DESCRIPTION_MAX as i64);
            assert_eq!(bound_of("styles", "maxItems"), LIST_MAX as i64);
            assert_eq!(
                bound_of("durationMinutes", "maximum"),
                i64::from(DURATION_MAX)
            );
            assert_eq!(
                bound_of("maxParticipants", "maximum"),
                i64::from(PARTICIPANTS_MAX)
            );
        }
    }
}
