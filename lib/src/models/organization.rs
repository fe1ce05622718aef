//! Organizations on whose behalf members act at partner applications. The table is
//! `accounts`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::from_json;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// The maximum number of members of an organization. The number is limited because every
/// list of organizations includes their members.
pub const MAX_MEMBERS: usize = 100;

/// The role of a member in an organization. Each partner application decides what a role
/// allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrganizationRole {
    /// Owns the organization.
    Owner,
    /// Manages the organization.
    Admin,
    /// Belongs to the organization.
    Member,
}

impl OrganizationRole {
    fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

/// An organization that a member belongs to.
#[derive(Clone, Debug, Deserialize)]
pub struct Membership {
    /// The organization's id.
    pub id: Uuid,
    /// The name of the organization.
    pub name: String,
    /// The name of the organization in URLs.
    pub slug: String,
    /// The member's role.
    pub role: OrganizationRole,
}

/// The JSON of a [`Membership`], from an account `a` and a membership `m`.
macro_rules! membership_json {
    () => {
        "jsonb_build_object('id', a.id, 'name', a.name, 'slug', a.slug, 'role', m.role)"
    };
}
pub(crate) use membership_json;

/// An organization and its members.
#[derive(Clone, Debug)]
pub struct Organization {
    /// The organization's id.
    pub id: Uuid,
    /// The name of the organization.
    pub name: String,
    /// The name of the organization in URLs.
    pub slug: String,
    /// The members, in the order in which they joined.
    pub members: Vec<OrganizationMember>,
    /// When the organization was created.
    pub created_at: DateTime<Utc>,
    /// When the organization was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A member of an organization.
#[derive(Clone, Debug, Deserialize)]
pub struct OrganizationMember {
    /// The member's id.
    pub user_id: Uuid,
    /// The member's e-mail address.
    pub email: String,
    /// The member's role.
    pub role: OrganizationRole,
    /// When the member joined.
    pub since: DateTime<Utc>,
}

/// The columns that [`Organization::from_row`] reads from an account `a`.
macro_rules! organization_columns {
    () => {
        "a.id, a.name, a.slug, a.created_at, a.updated_at, coalesce((
            select jsonb_agg(jsonb_build_object('user_id', m.user_id, 'email', u.email,
                'role', m.role, 'since', m.created_at) order by m.created_at, m.user_id)
            from account_members m join users u on u.id = m.user_id
            where m.account_id = a.id), '[]') as members"
    };
}

impl Organization {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            slug: row.try_get("slug")?,
            members: from_json(row.try_get("members")?)?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// Returns the organization's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = Statement::new(
    "organization.list",
    concat!(
        "select ",
        organization_columns!(),
        " from accounts a
        where $1::timestamptz is null or (a.created_at, a.id) < ($1, $2)
        order by a.created_at desc, a.id desc limit $3"
    ),
);

/// Lists a page of organizations, newest first. Returns one row more than the page holds
/// if there is a next page.
pub async fn list(client: &Client, page: &Page) -> Result<Vec<Organization>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(Organization::from_row).collect()
}

static FIND: Statement = Statement::new(
    "organization.find",
    concat!(
        "select ",
        organization_columns!(),
        " from accounts a where a.id = $1"
    ),
);

/// Returns an organization.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find(client: &Client, id: Uuid) -> Result<Organization> {
    let row = FIND.opt(client, &[&id]).await?;
    Organization::from_row(&row.ok_or(Error::NotFound)?)
}

static LIST_OF_MEMBER: Statement = Statement::new(
    "organization.of_member",
    concat!(
        "select ",
        membership_json!(),
        " as membership from account_members m join accounts a on a.id = m.account_id
        where m.user_id = $1 order by a.name, a.id limit 100"
    ),
);

/// Lists the organizations that a member belongs to, at most a hundred, sorted by name.
pub async fn list_of_member(client: &Client, user_id: Uuid) -> Result<Vec<Membership>> {
    let rows = LIST_OF_MEMBER.all(client, &[&user_id]).await?;
    let memberships = rows.iter().map(|row| from_json(row.try_get("membership")?));
    memberships.collect()
}

const SLUG_TAKEN: Error = Error::Conflict {
    code: ErrorCode::SlugTaken,
    message: "An organization with this slug already exists",
};

static INSERT: Statement = Statement::new(
    "organization.insert",
    "insert into accounts (id, name, slug) values ($1, $2, $3)",
);

/// Creates an organization without members. Returns its id.
///
/// # Errors
///
/// 409 `slug_taken`.
pub async fn insert(client: &Client, name: &str, slug: &str) -> Result<Uuid> {
    let id = random::id();
    INSERT
        .execute(client, &[&id, &name, &slug])
        .await
        .on_constraint("accounts_slug_key", SLUG_TAKEN)?;
    Ok(id)
}

// This runs even if neither name nor slug is given, because it locks the row against
// concurrent changes to the members.
static UPDATE: Statement = Statement::new(
    "organization.update",
    "update accounts set name = coalesce($2, name), slug = coalesce($3, slug)
    where id = $1 returning id",
);

/// Updates the name and the slug of an organization, if given, and locks its row.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `slug_taken`.
pub async fn update(
    client: &Client,
    id: Uuid,
    name: Option<&str>,
    slug: Option<&str>,
) -> Result<()> {
    let row = UPDATE
        .opt(client, &[&id, &name, &slug])
        .await
        .on_constraint("accounts_slug_key", SLUG_TAKEN)?;
    row.map(|_| ()).ok_or(Error::NotFound)
}

static ADD_MEMBERS: Statement = Statement::new(
    "organization.add_members",
    "insert into account_members (account_id, user_id, role)
    select $1, id, role from unnest($2::uuid[], $3::text[]) as t (id, role)
    on conflict (account_id, user_id) do update set role = excluded.role",
);
static REMOVE_MEMBERS: Statement = Statement::new(
    "organization.remove_members",
    "delete from account_members where account_id = $1 and user_id = any ($2)",
);
static COUNT_MEMBERS: Statement = Statement::new(
    "organization.count_members",
    "select count(*) from account_members where account_id = $1",
);

const ORGANIZATION_FULL: Error = Error::Conflict {
    code: ErrorCode::AccountFull,
    message: "An organization can have at most a hundred members",
};

/// Sets the roles of members in an organization. `None` removes a member. No member may
/// be listed twice. The transaction must have locked the organization's row.
///
/// # Errors
///
/// [`Error::Invalid`] if an id is not the id of a member; 409 `account_full`.
pub async fn set_members(
    client: &Client,
    id: Uuid,
    members: &[(Uuid, Option<OrganizationRole>)],
) -> Result<()> {
    let removed: Vec<Uuid> = members
        .iter()
        .filter(|(_, role)| role.is_none())
        .map(|(user_id, _)| *user_id)
        .collect();
    let (added, roles): (Vec<Uuid>, Vec<String>) = members
        .iter()
        .filter_map(|(user_id, role)| Some((*user_id, role.as_ref()?.as_str().to_owned())))
        .unzip();
    REMOVE_MEMBERS.execute(client, &[&id, &removed]).await?;
    let unknown_member = Error::field("members", "must be the ids of members");
    ADD_MEMBERS
        .execute(client, &[&id, &added, &roles])
        .await
        .on_constraint("account_members_user_id_fkey", unknown_member)?;
    let count: i64 = COUNT_MEMBERS.one(client, &[&id]).await?.try_get(0)?;
    if usize::try_from(count).is_ok_and(|count| count > MAX_MEMBERS) {
        return Err(ORGANIZATION_FULL);
    }
    Ok(())
}
