//! Administration of organizations, for which members act at partner applications. Paths
//! and JSON fields call an organization an account.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{List, Member};
use crate::models::organization::{
    self, MAX_MEMBERS, Organization, OrganizationMember, OrganizationRole,
};
use crate::models::security_event::SecurityEventKind;
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::email;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::schema::Slug;
use crate::{App, BoxFuture};

/// The maximum length of a name, in characters.
const MAX_NAME: usize = 200;

/// The maximum length of a slug, in characters.
const MAX_SLUG: usize = 100;

/// The request to create an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrganization {
    /// The name of the organization.
    #[schema(min_length = 1, max_length = 200, examples("Casa Latina"))]
    name: String,
    /// The name of the organization in URLs: lower-case letters, digits and hyphens.
    #[schema(value_type = Slug)]
    slug: String,
    /// The initial members.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<SetOrganizationMember>,
}

/// A member's new role in an organization.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetOrganizationMember {
    user_id: Uuid,
    /// The role. Null removes the member from the organization.
    role: Option<OrganizationRole>,
}

/// The changes to an organization. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateOrganization {
    id: Uuid,
    /// The name of the organization.
    #[schema(min_length = 1, max_length = 200, examples("Casa Latina"))]
    name: Option<String>,
    /// The name of the organization in URLs: lower-case letters, digits and hyphens.
    #[schema(value_type = Option<Slug>)]
    slug: Option<String>,
    /// The members to add, change or remove. Other members are not changed.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<SetOrganizationMember>,
}

/// An organization and its members, as administrators see them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Organization)]
pub struct OrganizationView {
    id: Uuid,
    name: String,
    /// The name of the organization in URLs.
    slug: String,
    /// The members, in the order in which they joined. An organization has at most 100.
    members: Vec<OrganizationMemberView>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A member of an organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrganizationMember)]
struct OrganizationMemberView {
    user_id: Uuid,
    email: String,
    role: OrganizationRole,
    /// When the member joined the organization.
    since: DateTime<Utc>,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        let members = organization.members.into_iter();
        Self {
            id: organization.id,
            name: organization.name,
            slug: organization.slug,
            members: members.map(OrganizationMemberView::from).collect(),
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

impl From<OrganizationMember> for OrganizationMemberView {
    fn from(member: OrganizationMember) -> Self {
        Self {
            user_id: member.user_id,
            email: email::readable(&member.email),
            role: member.role,
            since: member.since,
        }
    }
}

fn parse_name(text: &str) -> Result<String, Problem> {
    form::required_line(text, MAX_NAME)
}

fn parse_slug(text: &str) -> Result<String, Problem> {
    form::slug(text, MAX_SLUG, "casa-latina")
}

type MemberRoles = Vec<(Uuid, Option<OrganizationRole>)>;

fn check_members(members: &[SetOrganizationMember]) -> Result<MemberRoles, Problem> {
    if members.len() > MAX_MEMBERS {
        return Err(format!("must not have more than {MAX_MEMBERS} entries"));
    }
    let ids: BTreeSet<Uuid> = members.iter().map(|member| member.user_id).collect();
    if ids.len() < members.len() {
        return Err("must not contain a member twice".to_owned());
    }
    let roles = members.iter().map(|member| (member.user_id, member.role));
    Ok(roles.collect())
}

/// Lists organizations with their members, newest first.
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<OrganizationView>>> {
    Box::pin(async move {
        let read = app
            .db()
            .read(async move |client| organization::list(client, &page).await);
        let rows = read.await?;
        Ok(List::new(
            rows,
            page,
            Organization::position,
            OrganizationView::from,
        ))
    })
}

/// Creates an organization.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; 409 `slug_taken`; [`crate::Error::SessionGone`];
/// [`crate::Error::Unavailable`].
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    request: CreateOrganization,
) -> BoxFuture<'a, Result<OrganizationView>> {
    Box::pin(async move {
        let action = StaffAction::by_admin(admin, caller)?;
        let mut form = Form::default();
        let name = form
            .check("name", parse_name(&request.name))
            .unwrap_or_default();
        let slug = form
            .check("slug", parse_slug(&request.slug))
            .unwrap_or_default();
        let members = form.check("members", check_members(&request.members));
        form.finish()?;
        let members = members.unwrap_or_default();
        let created = app.transaction().authorize(&action).run(async |tx| {
            let id = organization::insert(tx, &name, &slug).await?;
            organization::set_members(tx, id, &members).await?;
            record(&action, tx, id, "create").await?;
            organization::find(tx, id).await
        });
        created.await.map(OrganizationView::from)
    })
}

/// Updates an organization and its members. Tokens that a removed member holds for the
/// organization are invalid until the member is added again.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; 409 `slug_taken` or `account_full`;
/// [`crate::Error::SessionGone`]; [`crate::Error::Unavailable`].
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    request: UpdateOrganization,
) -> BoxFuture<'a, Result<OrganizationView>> {
    Box::pin(async move {
        let action = StaffAction::by_admin(admin, caller)?;
        let mut form = Form::default();
        let name = request.name.as_deref().map(parse_name).transpose();
        let name = form.check("name", name).flatten();
        let slug = request.slug.as_deref().map(parse_slug).transpose();
        let slug = form.check("slug", slug).flatten();
        let members = form.check("members", check_members(&request.members));
        form.finish()?;
        let (id, members) = (request.id, members.unwrap_or_default());
        let updated = app.transaction().authorize(&action).run(async |tx| {
            organization::update(tx, id, name.as_deref(), slug.as_deref()).await?;
            organization::set_members(tx, id, &members).await?;
            record(&action, tx, id, "change").await?;
            organization::find(tx, id).await
        });
        updated.await.map(OrganizationView::from)
    })
}

async fn record(action: &StaffAction, tx: &Tx, id: Uuid, change: &str) -> Result<()> {
    let detail = json!({ "account": id, "action": change });
    action
        .record(tx, SecurityEventKind::PartnerAccountChanged, None, detail)
        .await
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_schema_has_the_limits_of_the_parsers() {
        let create = serde_json::to_value(CreateOrganization::schema()).unwrap();
        let update = serde_json::to_value(UpdateOrganization::schema()).unwrap();
        for schema in [create, update] {
            let properties = &schema["properties"];
            assert_eq!(properties["name"]["maxLength"], MAX_NAME);
            assert_eq!(properties["members"]["maxItems"], MAX_MEMBERS);
        }
        let slug = serde_json::to_value(Slug::schema()).unwrap();
        assert_eq!(slug["maxLength"], MAX_SLUG);
    }
}
