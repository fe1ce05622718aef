//! Members and their memberships, as responses contain them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::organization::{Membership, OrganizationRole};
use crate::models::user::{ExperienceLevel, User};
use crate::values::email;
use crate::values::locale::Locale;

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    id: Uuid,
    /// The e-mail address, with its domain in Unicode.
    email: String,
    first_name: String,
    last_name: String,
    /// The first and last name, separated by a space.
    name: String,
    phone: Option<String>,
    experience_level: ExperienceLevel,
    /// The language of the site and of e-mails. Null if the member has never chosen one.
    /// E-mails are then in English.
    locale: Option<Locale>,
    /// Whether the member may manage classes and bookings. True for administrators.
    is_staff: bool,
    is_admin: bool,
    email_verified: bool,
    created_at: DateTime<Utc>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name(),
            id: user.id,
            email: email::readable(&user.email),
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            experience_level: user.experience_level,
            locale: user.locale,
            // The role of an administrator includes that of staff.
            is_staff: user.is_staff || user.is_admin,
            is_admin: user.is_admin,
            email_verified: user.email_verified,
            created_at: user.created_at,
        }
    }
}

/// An organization that the member belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrganizationMembership)]
pub struct MembershipView {
    id: Uuid,
    name: String,
    /// The name of the organization in URLs.
    slug: String,
    /// The role of the member in the organization.
    role: OrganizationRole,
}

impl From<Membership> for MembershipView {
    fn from(membership: Membership) -> Self {
        Self {
            id: membership.id,
            name: membership.name,
            slug: membership.slug,
            role: membership.role,
        }
    }
}
