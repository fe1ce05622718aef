//! What staff do with instructors.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Activity, Retirement, Wanted, description, edit, https_url, lines, style};
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::instructor::{self, Changes, Instructor, Links, NewInstructor, ShownToStaff};
use crate::models::security_event::Kind;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::money::Money;
use crate::values::schema::HttpsUrl;
use crate::{App, BoxFuture};

/// What each change is noted as.
const KIND: Kind = Kind::InstructorChanged;

/// An instructor as they are entered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateInstructor)]
pub struct Entry {
    /// At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("Marisol Vega"))]
    name: String,
    /// Of a member; null: teaches here without an account.
    user_id: Option<Uuid>,
    /// At most 5000 characters.
    #[serde(default)]
    #[schema(max_length = 5_000)]
    bio: String,
    /// At most 20, of at most 50 characters.
    #[serde(default)]
    #[schema(max_items = 20)]
    specialties: Vec<String>,
    /// At most 20, of at most 200 characters.
    #[serde(default)]
    #[schema(max_items = 20)]
    certifications: Vec<String>,
    /// 0 to 100.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    experience_years: i32,
    /// Staff alone see it; null: not agreed on.
    hourly_rate: Option<Money>,
    /// By https; null: no picture.
    #[schema(value_type = Option<HttpsUrl>)]
    profile_image_url: Option<String>,
    /// Addresses by https, by the name of the network; at most 10.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, HttpsUrl>)]
    social_media_links: BTreeMap<String, String>,
}

impl Entry {
    fn read(self) -> Result<NewInstructor> {
        let mut check = Form::default();
        let picture = self.profile_image_url.as_deref();
        let new = NewInstructor {
            name: check.check("name", name(&self.name)).unwrap_or_default(),
            user_id: self.user_id,
            bio: check
                .check("bio", description(&self.bio))
                .unwrap_or_default(),
            specialties: check
                .check("specialties", lines(self.specialties, style))
                .unwrap_or_default(),
            certifications: check
                .check("certifications", lines(self.certifications, certificate))
                .unwrap_or_default(),
            experience_years: check
                .check("experienceYears", years(self.experience_years))
                .unwrap_or_default(),
            hourly_rate: self.hourly_rate,
            profile_image_url: check.check_filled("profileImageUrl", picture, https_url),
            social_media_links: check
                .check("socialMediaLinks", links(self.social_media_links))
                .unwrap_or_default(),
        };
        check.finish()?;
        Ok(new)
    }
}

/// What is to be changed of an instructor. A field that is left out stays as
/// it is; `null` empties one that may be empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateInstructor)]
pub struct Change {
    id: Uuid,
    #[schema(min_length = 1, max_length = 200, examples("Marisol Vega"))]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<Option<Uuid>>,
    #[schema(max_length = 5_000)]
    bio: Option<String>,
    #[schema(max_items = 20)]
    specialties: Option<Vec<String>>,
    #[schema(max_items = 20)]
    certifications: Option<Vec<String>>,
    #[schema(minimum = 0, maximum = 100)]
    experience_years: Option<i32>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Money>)]
    hourly_rate: Option<Option<Money>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<HttpsUrl>)]
    profile_image_url: Option<Option<String>>,
    /// All of them, in place of those before.
    #[schema(value_type = Option<BTreeMap<String, HttpsUrl>>)]
    social_media_links: Option<BTreeMap<String, String>>,
    /// True brings a retired one back.
    is_active: Option<bool>,
}

impl Change {
    fn read(self) -> Result<Changes> {
        let mut check = Form::default();
        let picture = self
            .profile_image_url
            .map(|url| check.check_filled("profileImageUrl", url.as_deref(), https_url));
        let changes = Changes {
            name: check.check_given("name", self.name.as_deref(), name),
            user_id: self.user_id,
            bio: check.check_given("bio", self.bio.as_deref(), description),
            specialties: check
                .check_given("specialties", self.specialties, |given| lines(given, style)),
            certifications: check.check_given("certifications", self.certifications, |given| {
                lines(given, certificate)
            }),
            experience_years: check.check_given("experienceYears", self.experience_years, years),
            hourly_rate: self.hourly_rate,
            profile_image_url: picture,
            social_media_links: check.check_given(
                "socialMediaLinks",
                self.social_media_links,
                links,
            ),
            is_active: self.is_active,
        };
        check.finish()?;
        Ok(changes)
    }
}

fn name(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 200)
}

fn certificate(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 200)
}

fn years(count: i32) -> Result<i32, Problem> {
    form::between(count, 0, 100)
}

fn links(given: Links) -> Result<Links, Problem> {
    const MOST: usize = 10;
    if given.len() > MOST {
        return Err(format!("must not have more than {MOST} entries"));
    }
    let named = |name: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        (1..=30).contains(&name.len()) && name.chars().all(known)
    };
    given
        .into_iter()
        .map(|(name, url)| {
            if !named(&name) {
                return Err("must be named by letters and digits, such as instagram".to_owned());
            }
            Ok((name, https_url(&url)?))
        })
        .collect()
}

/// A page of all instructors, retired ones too, with what they earn.
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
            .read(async move |client| instructor::all(client, active, &page).await)
            .await?;
        Ok(List::new(rows, page, Instructor::place, |row| {
            row.shown_to_staff(currency)
        }))
    })
}

/// Enters an instructor.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::Unavailable`].
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
            let entered = instructor::insert(tx, &new).await?;
            let id = entered.id();
            Ok((entered, Some(id)))
        });
        let entered = entered.await?;
        Ok(entered.shown_to_staff(&app.config().studio.currency))
    })
}

/// Changes what is kept of an instructor.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; [`crate::Error::Unavailable`].
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
            let changed = instructor::update(tx, id, &changes).await?;
            Ok((changed, Some(id)))
        });
        let changed = changed.await?;
        Ok(changed.shown_to_staff(&app.config().studio.currency))
    })
}

/// Retires an instructor; what they have in the timetable stays there. Once
/// more is as good as once.
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
            let retired = instructor::retire(tx, id, now).await?;
            let changed = retired.was_active.then_some(id);
            Ok((retired, changed))
        });
        Ok(retired.await?.into())
    })
}
