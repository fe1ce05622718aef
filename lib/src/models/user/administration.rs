//! Members as administrators find and change them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Shown, User, user_columns};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// What somebody may do; each may do what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UserRole)]
pub enum Role {
    /// Look after themselves.
    Member,
    /// Look after classes and bookings.
    Staff,
    /// Everything.
    Admin,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Member, Self::Staff, Self::Admin];

    /// As it is written in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }
}

/// An account, and how it stands.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose it is.
    pub user: User,
    /// Whether it may be used.
    pub is_active: bool,
    /// Sessions that have not expired.
    pub sessions: i64,
    /// Until when sign-in waits after failures, from some address at least.
    pub locked_until: Option<DateTime<Utc>>,
}

impl Account {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            user: User::from_row(row)?,
            is_active: row.try_get("is_active")?,
            sessions: row.try_get("sessions")?,
            locked_until: row.try_get("locked_until")?,
        })
    }

    /// What its owner may do.
    pub fn role(&self) -> Role {
        match (self.user.is_admin, self.user.is_staff) {
            (true, _) => Role::Admin,
            (false, true) => Role::Staff,
            (false, false) => Role::Member,
        }
    }

    /// By what the list is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.user.created_at, self.user.id)
    }
}

/// An account in the administrators' list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserAccount)]
pub struct ShownToAdmin {
    #[serde(flatten)]
    user: Shown,
    role: Role,
    is_active: bool,
    /// How many sessions of theirs have not expired.
    sessions: i64,
    /// Until when sign-in waits after failures, from some address at least;
    /// null: not at all.
    locked_until: Option<DateTime<Utc>>,
}

impl From<Account> for ShownToAdmin {
    fn from(account: Account) -> Self {
        Self {
            role: account.role(),
            is_active: account.is_active,
            sessions: account.sessions,
            locked_until: account.locked_until,
            user: account.user.into(),
        }
    }
}

/// Which accounts are wanted; `None` leaves a question open.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A part of the address or of the names, whatever the case.
    pub search: Option<String>,
    /// What the owner may do.
    pub role: Option<Role>,
    /// Whether it may be used.
    pub active: Option<bool>,
}

impl Filter {
    /// The search as `like` takes it: what stands for anything there stands
    /// for itself here.
    fn pattern(&self) -> Option<String> {
        let search = self.search.as_deref()?;
        let escaped = search
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        Some(format!("%{escaped}%"))
    }
}

/// The columns of [`Account`], of the rows named `u`. A throttle's key has the
/// hash of the address in it, see [`crate::models::throttle`].
macro_rules! accounts_of {
    ($rows:literal) => {
        concat!(
            "select ",
            user_columns!("u"),
            ", u.is_active, locked.until as locked_until,
                (select count(*) from user_sessions s
                 where s.user_id = u.id and s.expires_at > now()) as sessions
            from ",
            $rows,
            " left join (
                select split_part(key, ':', 2) as account, max(blocked_until) as until
                from login_throttle
                where blocked_until > now()
                    and (starts_with(key, 'sign_in_') or starts_with(key, 'second_factor'))
                group by 1
            ) locked on locked.account = encode(sha256(convert_to(u.email, 'UTF8')), 'hex')"
        )
    };
}

// The searched expression is that of `users_search_idx`, letter by letter.
static LIST: Statement = Statement::new(
    "user.administration.list",
    concat!(
        "with page as materialized (
            select * from users
            where ($1::text is null
                or lower(email || ' ' || first_name || ' ' || last_name) like lower($1))
              and ($2::text is null or $2 =
                case when is_admin then 'admin' when is_staff then 'staff' else 'member' end)
              and ($3::boolean is null or is_active = $3)
              and ($4::timestamptz is null or (created_at, id) < ($4, $5))
            order by created_at desc, id desc limit $6
        ) ",
        accounts_of!("page u"),
        " order by u.created_at desc, u.id desc"
    ),
);

/// Accounts, newest first; one more than the page holds when there are more.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn list(client: &Client, filter: &Filter, page: &Page) -> Result<Vec<Account>> {
    let (time, id) = page.after();
    let role = filter.role.map(Role::as_str);
    let pattern = filter.pattern();
    let rows = LIST
        .all(
            client,
            &[&pattern, &role, &filter.active, &time, &id, &page.fetch()],
        )
        .await?;
    rows.iter().map(Account::from_row).collect()
}

static FIND: Statement = Statement::new(
    "user.administration.find",
    concat!(accounts_of!("users u"), " where u.id = $1"),
);

/// One account.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn find(client: &Client, id: Uuid) -> Result<Option<Account>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| Account::from_row(&row)).transpose()
}

static SET_ROLE: Statement = Statement::new(
    "user.administration.set_role",
    "update users set is_staff = $2, is_admin = $3 where id = $1",
);

/// Gives an account another role, in a transaction that has called
/// [`crate::session::lock_for_admin`].
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn set_role(client: &Client, id: Uuid, role: Role) -> Result<()> {
    let (is_staff, is_admin) = (role == Role::Staff, role == Role::Admin);
    SET_ROLE.execute(client, &[&id, &is_staff, &is_admin]).await
}

static SET_ACTIVE: Statement = Statement::new(
    "user.administration.set_active",
    "update users set is_active = $2 where id = $1",
);

/// Closes an account, or opens it again, as [`set_role`].
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn set_active(client: &Client, id: Uuid, is_active: bool) -> Result<()> {
    SET_ACTIVE.execute(client, &[&id, &is_active]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_anything_in_sql_stands_for_itself_in_a_search() {
        let filter = Filter {
            search: Some(r"50%_off\".to_owned()),
            ..Filter::default()
        };
        assert_eq!(filter.pattern().unwrap(), r"%50\%\_off\\%");
    }
}
