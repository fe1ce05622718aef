//! Accounts: on whose behalf members act, and in what role.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::from_json;
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// So many members an account has at the most: a list of accounts shows them all.
pub const MOST_MEMBERS: usize = 100;

/// What a member is to an account. What that means is each application's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OrganizationRole)]
pub enum Role {
    /// It is theirs.
    Owner,
    /// They look after it.
    Admin,
    /// They belong to it.
    Member,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

/// An account, as one of its members sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrganizationMembership)]
pub struct Membership {
    id: Uuid,
    name: String,
    slug: String,
    /// The member's own.
    role: Role,
}

/// The JSON that [`Membership`] reads, of an account `a` and a membership `m`.
macro_rules! membership_json {
    () => {
        "jsonb_build_object('id', a.id, 'name', a.name, 'slug', a.slug, 'role', m.role)"
    };
}
pub(crate) use membership_json;

/// An account and all who belong to it, as administrators see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Organization)]
pub struct Shown {
    id: Uuid,
    name: String,
    /// Its name in addresses.
    slug: String,
    /// In the order in which they joined; at most 100.
    members: Vec<AccountMember>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Somebody who belongs to an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrganizationMember)]
struct AccountMember {
    user_id: Uuid,
    email: String,
    role: Role,
    since: DateTime<Utc>,
}

/// The columns that [`Shown::from_row`] reads, of accounts `a`.
macro_rules! account_columns {
    () => {
        "a.id, a.name, a.slug, a.created_at, a.updated_at, coalesce((
            select jsonb_agg(jsonb_build_object('userId', m.user_id, 'email', u.email,
                'role', m.role, 'since', m.created_at) order by m.created_at, m.user_id)
            from account_members m join users u on u.id = m.user_id
            where m.account_id = a.id), '[]') as members"
    };
}

impl Shown {
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

    /// By what the list is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = Statement::new(
    "account.list",
    concat!(
        "select ",
        account_columns!(),
        " from accounts a
        where $1::timestamptz is null or (a.created_at, a.id) < ($1, $2)
        order by a.created_at desc, a.id desc limit $3"
    ),
);

/// Accounts, newest first; one more than the page holds when there are more.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn list(client: &Client, page: &Page) -> Result<Vec<Shown>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.fetch()]).await?;
    rows.iter().map(Shown::from_row).collect()
}

static FIND: Statement = Statement::new(
    "account.find",
    concat!(
        "select ",
        account_columns!(),
        " from accounts a where a.id = $1"
    ),
);

/// One account.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Unavailable`].
pub async fn find(client: &Client, id: Uuid) -> Result<Shown> {
    let row = FIND.opt(client, &[&id]).await?;
    Shown::from_row(&row.ok_or(Error::NotFound)?)
}

static OF_MEMBER: Statement = Statement::new(
    "account.of_member",
    concat!(
        "select ",
        membership_json!(),
        " as account from account_members m join accounts a on a.id = m.account_id
        where m.user_id = $1 order by a.name, a.id limit 100"
    ),
);

/// The accounts that a member belongs to, by their names; at most a hundred.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn of_member(client: &Client, user_id: Uuid) -> Result<Vec<Membership>> {
    let rows = OF_MEMBER.all(client, &[&user_id]).await?;
    let accounts = rows.iter().map(|row| from_json(row.try_get("account")?));
    accounts.collect()
}

const SLUG_TAKEN: Error = Error::Conflict {
    code: "slug_taken",
    message: "There is an account with this slug",
};

static INSERT: Statement = Statement::new(
    "account.insert",
    "insert into accounts (id, name, slug) values ($1, $2, $3)",
);

/// Makes an account that nobody belongs to yet; returns its id.
///
/// # Errors
///
/// 409 `slug_taken`; [`Error::Unavailable`].
pub async fn insert(client: &Client, name: &str, slug: &str) -> Result<Uuid> {
    let id = random::id();
    INSERT
        .execute(client, &[&id, &name, &slug])
        .await
        .on_constraint("accounts_slug_key", SLUG_TAKEN)?;
    Ok(id)
}

// Also when nothing is given: whoever changes the members waits here for
// whoever does so at this moment.
static UPDATE: Statement = Statement::new(
    "account.update",
    "update accounts set name = coalesce($2, name), slug = coalesce($3, slug)
    where id = $1 returning id",
);

/// Gives an account other names, where one is given, and locks it.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `slug_taken`; [`Error::Unavailable`].
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

static JOIN: Statement = Statement::new(
    "account.join",
    "insert into account_members (account_id, user_id, role)
    select $1, id, role from unnest($2::uuid[], $3::text[]) as t (id, role)
    on conflict (account_id, user_id) do update set role = excluded.role",
);
static LEAVE: Statement = Statement::new(
    "account.leave",
    "delete from account_members where account_id = $1 and user_id = any ($2)",
);
static COUNT: Statement = Statement::new(
    "account.count",
    "select count(*) from account_members where account_id = $1",
);

const FULL: Error = Error::Conflict {
    code: "account_full",
    message: "An account has at most a hundred members",
};

/// Gives members their roles in an account, or takes them out of it (`None`),
/// in a transaction that has locked it. Each of them stands there once.
///
/// # Errors
///
/// [`Error::Invalid`] when one of them is no member of the studio; 409
/// `account_full`; [`Error::Unavailable`].
pub async fn set_members(
    client: &Client,
    id: Uuid,
    members: &[(Uuid, Option<Role>)],
) -> Result<()> {
    let leaving: Vec<Uuid> = members
        .iter()
        .filter(|(_, role)| role.is_none())
        .map(|(user, _)| *user)
        .collect();
    let (joining, roles): (Vec<Uuid>, Vec<String>) = members
        .iter()
        .filter_map(|(user, role)| Some((*user, role.as_ref()?.as_str().to_owned())))
        .unzip();
    LEAVE.execute(client, &[&id, &leaving]).await?;
    let unknown = Error::field("members", "must be ids of members");
    JOIN.execute(client, &[&id, &joining, &roles])
        .await
        .on_constraint("account_members_user_id_fkey", unknown)?;
    let count: i64 = COUNT.one(client, &[&id]).await?.try_get(0)?;
    if usize::try_from(count).is_ok_and(|count| count > MOST_MEMBERS) {
        return Err(FULL);
    }
    Ok(())
}
