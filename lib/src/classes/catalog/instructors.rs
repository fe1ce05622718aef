//! Listing, creating, changing and retiring instructors, for staff.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::maintenance::{self, ActiveQuery, RetirementView};
use super::query::IdQuery;
use super::view::StaffInstructorView;
use crate::classes::fields::{description, https_url, list as list_of, picture_url, style};
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::instructor::{Instructor, InstructorChanges, NewInstructor, SocialMediaLinks};
use crate::runtime::config::StudioConfig;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::{self, Form, Problem};
use crate::values::money::Money;
use crate::values::schema::{HttpsUrl, PictureUrl};
use crate::{App, BoxFuture};

/// The maximum length of an instructor's name, in characters.
const NAME_MAX: usize = 200;

/// The maximum length of a certification, in characters.
const CERTIFICATION_MAX: usize = 200;

/// The maximum number of years of experience.
const EXPERIENCE_MAX: i32 = 100;

/// The maximum number of social media links.
const LINKS_MAX: usize = 10;

/// The maximum length of the name of a social network, in characters.
const NETWORK_MAX: usize = 30;

/// An instructor to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInstructor {
    #[schema(min_length = 1, max_length = 200, examples("Marisol Vega"))]
    name: String,
    /// The id of the instructor's account. Null if there is no account.
    user_id: Option<Uuid>,
    #[serde(default)]
    #[schema(max_length = 5_000)]
    bio: String,
    /// Each specialty has at most 50 characters.
    #[serde(default)]
    #[schema(max_items = 20)]
    specialties: Vec<String>,
    /// Each certification has at most 200 characters.
    #[serde(default)]
    #[schema(max_items = 20)]
    certifications: Vec<String>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    experience_years: i32,
    /// The hourly rate, which only staff see. Null if none was agreed on.
    hourly_rate: Option<Money>,
    /// Null if there is no picture.
    #[schema(value_type = Option<PictureUrl>)]
    profile_image_url: Option<String>,
    /// At most 10 links. Each key is the name of a network, such as `instagram`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, HttpsUrl>)]
    social_media_links: SocialMediaLinks,
}

impl CreateInstructor {
    fn parse(self, studio: &StudioConfig) -> Result<NewInstructor> {
        let mut form = Form::default();
        let image_url = self.profile_image_url.as_deref();
        let new_instructor = NewInstructor {
            name: form.check("name", name(&self.name)).unwrap_or_default(),
            user_id: self.user_id,
            bio: form
                .check("bio", description(&self.bio))
                .unwrap_or_default(),
            specialties: form
                .check("specialties", list_of(self.specialties, style))
                .unwrap_or_default(),
            certifications: form
                .check(
                    "certifications",
                    list_of(self.certifications, certification),
                )
                .unwrap_or_default(),
            experience_years: form
                .check("experienceYears", experience(self.experience_years))
                .unwrap_or_default(),
            hourly_rate: form.check_given("hourlyRate", self.hourly_rate, |rate| {
                rate.check_currency(&studio.currency)
            }),
            profile_image_url: form.check_filled("profileImageUrl", image_url, picture_url(studio)),
            social_media_links: form
                .check("socialMediaLinks", links(self.social_media_links))
                .unwrap_or_default(),
        };
        form.finish()?;
        Ok(new_instructor)
    }
}

/// The changes to an instructor. Fields that are left out keep their values, and
/// null clears an optional field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateInstructor {
    id: Uuid,
    #[schema(min_length = 1, max_length = 200, examples("Marisol Vega"))]
    name: Option<String>,
    /// The id of the instructor's account. Null unlinks the account.
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
    #[schema(value_type = Option<PictureUrl>)]
    profile_image_url: Option<Option<String>>,
    /// Replaces all links.
    #[schema(value_type = Option<BTreeMap<String, HttpsUrl>>)]
    social_media_links: Option<SocialMediaLinks>,
    /// True reactivates a retired instructor.
    is_active: Option<bool>,
}

impl UpdateInstructor {
    fn parse(self, studio: &StudioConfig) -> Result<InstructorChanges> {
        let mut form = Form::default();
        let profile_image_url = self
            .profile_image_url
            .map(|url| form.check_filled("profileImageUrl", url.as_deref(), picture_url(studio)));
        let hourly_rate = self.hourly_rate.map(|rate| {
            form.check_given("hourlyRate", rate, |rate| {
                rate.check_currency(&studio.currency)
            })
        });
        let changes = InstructorChanges {
            name: form.check_given("name", self.name.as_deref(), name),
            user_id: self.user_id,
            bio: form.check_given("bio", self.bio.as_deref(), description),
            specialties: form.check_given("specialties", self.specialties, |specialties| {
                list_of(specialties, style)
            }),
            certifications: form.check_given(
                "certifications",
                self.certifications,
                |certifications| list_of(certifications, certification),
            ),
            experience_years: form.check_given(
                "experienceYears",
                self.experience_years,
                experience,
            ),
            hourly_rate,
            profile_image_url,
            social_media_links: form.check_given(
                "socialMediaLinks",
                self.social_media_links,
                links,
            ),
            is_active: self.is_active,
        };
        form.finish()?;
        Ok(changes)
    }
}

fn name(text: &str) -> Result<String, Problem> {
    form::required_line(text, NAME_MAX)
}

fn certification(text: &str) -> Result<String, Problem> {
    form::required_line(text, CERTIFICATION_MAX)
}

fn experience(years: i32) -> Result<i32, Problem> {
    form::between(years, 0, EXPERIENCE_MAX)
}

fn links(links: SocialMediaLinks) -> Result<SocialMediaLinks, Problem> {
    if links.len() > LINKS_MAX {
        return Err(format!("must not have more than {LINKS_MAX} entries"));
    }
    let is_network = |name: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        (1..=NETWORK_MAX).contains(&name.len()) && name.chars().all(is_allowed)
    };
    links
        .into_iter()
        .map(|(network, url)| {
            if !is_network(&network) {
                return Err(
                    "must have names of letters, digits, - and _, such as instagram".to_owned(),
                );
            }
            Ok((network, https_url(&url)?))
        })
        .collect()
}

/// Lists a page of instructors. By default, retired ones are included.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list(
    app: &App,
    query: ActiveQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<StaffInstructorView>>> {
    Box::pin(maintenance::list(
        app,
        query,
        page,
        StaffInstructorView::new,
    ))
}

/// Creates an instructor.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid), also if the account does not exist; 409
/// `instructor_linked`, `email_not_verified`.
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateInstructor,
) -> BoxFuture<'a, Result<StaffInstructorView>> {
    Box::pin(async move {
        let new_instructor = form.parse(&app.config().studio)?;
        maintenance::create(app, caller, staff, new_instructor, StaffInstructorView::new).await
    })
}

/// Changes an instructor.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid), also if the account does not exist;
/// [`Error::NotFound`](crate::Error::NotFound); 409 `instructor_linked`,
/// `email_not_verified`.
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateInstructor,
) -> BoxFuture<'a, Result<StaffInstructorView>> {
    Box::pin(async move {
        let (id, changes) = (form.id, form.parse(&app.config().studio)?);
        maintenance::update(app, caller, staff, id, changes, StaffInstructorView::new).await
    })
}

/// Retires an instructor. Their classes stay in the schedule.
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
        maintenance::retire::<Instructor>(app, caller, staff, id).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::fields::{DESCRIPTION_MAX, LIST_MAX};
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateInstructor>, bound::<UpdateInstructor>] {
            assert_eq!(bound_of("name", "maxLength"), NAME_MAX as i64);
            assert_eq!(bound_of("bio", "maxLength"), DESCRIPTION_MAX as i64);
            assert_eq!(bound_of("specialties", "maxItems"), LIST_MAX as i64);
            assert_eq!(bound_of("certifications", "maxItems"), LIST_MAX as i64);
            assert_eq!(
                bound_of("experienceYears", "maximum"),
                i64::from(EXPERIENCE_MAX)
            );
        }
    }
}
