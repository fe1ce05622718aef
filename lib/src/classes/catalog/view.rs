//! The JSON of class types and instructors.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::classes::occurrence_view::OccurrenceView;
use crate::models::class_type::{ClassType, Level};
use crate::models::instructor::{Instructor, SocialMediaLinks};
use crate::values::money::Amount;
use crate::values::tax_rate::TaxRate;

/// A class type, as visitors see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClassType)]
pub struct ClassTypeView {
    pub(in crate::classes) id: Uuid,
    pub(in crate::classes) name: String,
    pub(in crate::classes) description: String,
    /// The styles, in lower case.
    pub(in crate::classes) styles: Vec<String>,
    pub(in crate::classes) level: Level,
    pub(in crate::classes) duration_minutes: i32,
    /// The default number of spots in a class of this type.
    pub(in crate::classes) max_participants: i32,
    /// The default price of a class of this type.
    pub(in crate::classes) price: Amount,
    /// ISO 4217 code.
    pub(in crate::classes) currency: String,
    pub(in crate::classes) image_url: Option<String>,
}

impl ClassTypeView {
    /// Creates the view of a class type, with prices in `currency`.
    pub fn new(class_type: ClassType, currency: &str) -> Self {
        Self {
            id: class_type.id,
            name: class_type.name,
            description: class_type.description,
            styles: class_type.styles,
            level: class_type.level,
            duration_minutes: class_type.duration_minutes,
            max_participants: class_type.max_participants,
            price: class_type.price.in_currency(currency),
            currency: currency.to_owned(),
            image_url: class_type.image_url,
        }
    }
}

/// A class type, as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffClassType)]
pub struct StaffClassTypeView {
    #[serde(flatten)]
    class_type: ClassTypeView,
    /// The tax that the price includes.
    tax_rate: TaxRate,
    /// False if the class type is retired.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl StaffClassTypeView {
    /// Creates the view of a class type, with prices in `currency`.
    pub fn new(class_type: ClassType, currency: &str) -> Self {
        Self {
            tax_rate: class_type.tax_rate,
            is_active: class_type.is_active,
            created_at: class_type.created_at,
            updated_at: class_type.updated_at,
            class_type: ClassTypeView::new(class_type, currency),
        }
    }
}

/// A class type with its instructors and its next classes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassTypeDetails {
    /// The class type itself.
    #[serde(flatten)]
    pub class_type: ClassTypeView,
    /// The instructors of its weekly classes and of its upcoming classes.
    pub instructors: Vec<InstructorView>,
    /// The next twenty classes that are not cancelled.
    pub upcoming_classes: Vec<OccurrenceView>,
}

/// An instructor, as visitors see them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Instructor)]
pub struct InstructorView {
    pub(in crate::classes) id: Uuid,
    pub(in crate::classes) name: String,
    pub(in crate::classes) bio: String,
    pub(in crate::classes) specialties: Vec<String>,
    pub(in crate::classes) certifications: Vec<String>,
    pub(in crate::classes) experience_years: i32,
    pub(in crate::classes) profile_image_url: Option<String>,
    /// Links. Each key is the name of a network, such as `instagram`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub(in crate::classes) social_media_links: SocialMediaLinks,
}

impl From<Instructor> for InstructorView {
    fn from(instructor: Instructor) -> Self {
        Self {
            id: instructor.id,
            name: instructor.name,
            bio: instructor.bio,
            specialties: instructor.specialties,
            certifications: instructor.certifications,
            experience_years: instructor.experience_years,
            profile_image_url: instructor.profile_image_url,
            social_media_links: instructor.social_media_links,
        }
    }
}

/// An instructor with their next classes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstructorDetails {
    /// The instructor's profile.
    #[serde(flatten)]
    pub instructor: InstructorView,
    /// The next twenty classes that are not cancelled.
    pub upcoming_classes: Vec<OccurrenceView>,
}

/// An instructor, as staff see them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffInstructor)]
pub struct StaffInstructorView {
    #[serde(flatten)]
    profile: InstructorView,
    /// The id of the instructor's account. Null if there is no account.
    user_id: Option<Uuid>,
    /// The hourly rate. Null if none was agreed on.
    hourly_rate: Option<Amount>,
    /// ISO 4217 code.
    currency: String,
    /// False if the instructor is retired.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl StaffInstructorView {
    /// Creates the view of an instructor, with the hourly rate in `currency`.
    pub fn new(instructor: Instructor, currency: &str) -> Self {
        Self {
            user_id: instructor.user_id,
            hourly_rate: instructor
                .hourly_rate
                .map(|rate| rate.in_currency(currency)),
            currency: currency.to_owned(),
            is_active: instructor.is_active,
            created_at: instructor.created_at,
            updated_at: instructor.updated_at,
            profile: instructor.into(),
        }
    }
}
