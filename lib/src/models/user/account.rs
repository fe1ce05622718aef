//! Accounts, as administrators list and change them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::member::{User, user_columns};
use crate::crypto::random;
use crate::error::Result;
use crate::models::report::visits::current_visits;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::{Param, Statement};
use crate::values::email::{self, Email};

/// The role of a member. Each role includes the rights of the roles before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UserRole)]
pub enum Role {
    /// Manages their own account and bookings.
    Member,
    /// Manages classes and bookings.
    Staff,
    /// Manages everything, including accounts.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Member, Self::Staff, Self::Admin];

    /// Returns the name in requests and responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }
}

/// An account and its state.
#[derive(Clone, Debug)]
pub struct Account {
    /// The member.
    pub user: User,
    /// Whether the account is active.
    pub is_active: bool,
    /// When the member closed the account, which erased it.
    pub closed_at: Option<DateTime<Utc>>,
    /// The number of sessions that have not expired.
    pub sessions: i64,
    /// The time until which sign-in is blocked after failed attempts. The block may apply
    /// to one IP address only.
    pub locked_until: Option<DateTime<Utc>>,
}

impl Account {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            user: User::from_row(row)?,
            is_active: row.try_get("is_active")?,
            closed_at: row.try_get("closed_at")?,
            sessions: row.try_get("sessions")?,
            locked_until: row.try_get("locked_until")?,
        })
    }

    /// Returns the member's role.
    pub fn role(&self) -> Role {
        match (self.user.is_admin, self.user.is_staff) {
            (true, _) => Role::Admin,
            (false, true) => Role::Staff,
            (false, false) => Role::Member,
        }
    }

    /// Returns the account's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.user.created_at, self.user.id)
    }
}

/// The maximum length of the text of a search, in characters.
pub const MAX_SEARCH_CHARACTERS: usize = 200;

/// The conditions for a list of accounts. A field that is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// Words, each of which is a part of the e-mail address or of a name. Case and accents
    /// are ignored.
    pub search: Option<String>,
    /// The role of the accounts.
    pub role: Option<Role>,
    /// Whether the account is active.
    pub active: Option<bool>,
}

/// The words of a search. A domain in Unicode is searched in the form in which it is stored.
struct SearchWords {
    words: Vec<String>,
    /// The longest of `words`, for which the index is used.
    longest: Option<String>,
    /// Words that are either a domain or a part of a name.
    domains: Vec<String>,
    /// The stored form of each of `domains`.
    ascii_domains: Vec<String>,
}

impl SearchWords {
    fn parse(search: Option<&str>) -> Self {
        let (mut words, mut domains, mut ascii_domains) = (Vec::new(), Vec::new(), Vec::new());
        for word in search.unwrap_or_default().split_whitespace() {
            match email::ascii_search_domain(word) {
                Some(ascii_domain) => {
                    domains.push(word.to_owned());
                    ascii_domains.push(ascii_domain);
                }
                None => words.push(email::normalize_search_word(word)),
            }
        }
        let longest = words.iter().max_by_key(|word| word.chars().count());
        Self {
            longest: longest.cloned(),
            words,
            domains,
            ascii_domains,
        }
    }
}

/// Selects the columns of [`Account`] for the users `u` in `$rows`. The key of a rate limit
/// contains the hash of the e-mail address or the member's id, see [`crate::models::rate_limit`].
macro_rules! accounts_of {
    ($rows:literal) => {
        concat!(
            "select ",
            user_columns!("u"),
            ", u.is_active, u.closed_at, greatest(passwords.until, codes.until) as locked_until,
                (select count(*) from user_sessions s
                 where s.user_id = u.id and s.expires_at > now()) as sessions
            from ",
            $rows,
            " left join (
                select split_part(key, ':', 2) as account, max(blocked_until) as until
                from login_throttle
                where blocked_until > now() and starts_with(key, 'sign_in_')
                group by 1
            ) passwords on passwords.account = encode(sha256(convert_to(u.email, 'UTF8')), 'hex')
            left join (
                select split_part(key, ':', 2) as account, max(blocked_until) as until
                from login_throttle
                where blocked_until > now() and starts_with(key, 'second_factor')
                group by 1
            ) codes on codes.account = u.id::text"
        )
    };
}

/// The condition that finds all words of a search, in any order. An index cannot be used for
/// `like all`, so the longest word has a condition of its own.
macro_rules! search_finds {
    ($longest:literal, $words:literal, $domains:literal, $ascii_domains:literal) => {
        concat!(
            "(",
            $longest,
            "::text is null or search_text like search_pattern(",
            $longest,
            ")) and search_text like all (array(
                select search_pattern(word) from unnest(",
            $words,
            "::text[]) word))
            and not exists (
                select from unnest(",
            $domains,
            "::text[], ",
            $ascii_domains,
            "::text[]) as d (word, ascii_domain)
                where search_text not like search_pattern(d.word)
                    and search_text not like search_pattern(d.ascii_domain))"
        )
    };
}

static LIST: Statement = Statement::new(
    "user.account.list",
    concat!(
        "with page as materialized (
            select * from users
            where ",
        search_finds!("$1", "$7", "$8", "$9"),
        " and ($2::text is null or $2 =
                case when is_admin then 'admin' when is_staff then 'staff' else 'member' end)
              and ($3::boolean is null or is_active = $3)
              and ($4::timestamptz is null or (created_at, id) < ($4, $5))
            order by created_at desc, id desc limit $6
        ) ",
        accounts_of!("page u"),
        " order by u.created_at desc, u.id desc"
    ),
);

/// Lists a page of accounts, newest first. Returns one row more than the page holds if
/// there is a next page.
pub async fn list(client: &Client, filter: &AccountFilter, page: &Page) -> Result<Vec<Account>> {
    let (time, id) = page.after();
    let role = filter.role.map(Role::as_str);
    let search = SearchWords::parse(filter.search.as_deref());
    let rows = LIST
        .all(
            client,
            &[
                &search.longest,
                &role,
                &filter.active,
                &time,
                &id,
                &page.row_limit(),
                &search.words,
                &search.domains,
                &search.ascii_domains,
            ],
        )
        .await?;
    rows.iter().map(Account::from_row).collect()
}

/// A member, as the front desk sees them.
#[derive(Clone, Debug)]
pub struct ListedMember {
    /// The member.
    pub user: User,
    /// The start of the last class that the member was checked in to.
    pub last_visit: Option<DateTime<Utc>>,
}

impl ListedMember {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            user: User::from_row(row)?,
            last_visit: row.try_get("last_visit")?,
        })
    }

    /// Returns the position in the list of [`list_members`] without `quiet_since`.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.user.created_at, self.user.id)
    }

    /// Returns the position in the list of [`list_members`] with `quiet_since`.
    pub fn quiet_position(&self) -> (DateTime<Utc>, Uuid) {
        let last_visit = self.last_visit.unwrap_or(self.user.created_at);
        (last_visit, self.user.id)
    }
}

/// Selects the start of the last class to which the member `u` was checked in.
macro_rules! last_visit {
    () => {
        "(select max(c.start_time) from bookings b
            join scheduled_classes c on c.id = b.scheduled_class_id
            where b.user_id = u.id and b.status = 'attended') as last_visit"
    };
}

static LIST_MEMBERS: Statement = Statement::new(
    "user.account.list_members",
    concat!(
        "with page as materialized (
            select * from users where is_active and ",
        search_finds!("$1", "$2", "$6", "$7"),
        " and ($3::timestamptz is null or (created_at, id) < ($3, $4))
            and ($8::uuid is null or id = $8)
            order by created_at desc, id desc limit $5
        )
        select ",
        user_columns!("u"),
        ", ",
        last_visit!(),
        " from page u order by u.created_at desc, u.id desc"
    ),
);

static LIST_QUIET_MEMBERS: Statement = Statement::new(
    "user.account.list_quiet_members",
    concat!(
        "select ",
        user_columns!("u"),
        ", visits.last as last_visit
        from (",
        current_visits!("last < $9"),
        ") visits join users u on u.id = user_id
        where is_active and ",
        search_finds!("$1", "$2", "$6", "$7"),
        " and ($3::timestamptz is null or (visits.last, u.id) < ($3, $4))
            and ($8::uuid is null or u.id = $8)
        order by visits.last desc, u.id desc limit $5"
    ),
);

/// Lists a page of the members with active accounts, newest first. With `quiet_since`, lists those
/// who have visited the studio, but not since this time. The latest visit then comes first. With
/// `member_id`, lists only this member. Returns one row more than the page holds if there is a
/// next page.
pub async fn list_members(
    client: &Client,
    search: Option<&str>,
    member_id: Option<Uuid>,
    quiet_since: Option<DateTime<Utc>>,
    page: &Page,
) -> Result<Vec<ListedMember>> {
    let (time, id) = page.after();
    let row_limit = page.row_limit();
    let search = SearchWords::parse(search);
    let mut params: Vec<&dyn Param> = vec![
        &search.longest,
        &search.words,
        &time,
        &id,
        &row_limit,
        &search.domains,
        &search.ascii_domains,
        &member_id,
    ];
    let statement = match &quiet_since {
        None => &LIST_MEMBERS,
        Some(since) => {
            params.push(since);
            &LIST_QUIET_MEMBERS
        }
    };
    let rows = statement.all(client, &params).await?;
    rows.iter().map(ListedMember::from_row).collect()
}

static FIND: Statement = Statement::new(
    "user.account.find",
    concat!(accounts_of!("users u"), " where u.id = $1"),
);

/// Returns an account.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<Account>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| Account::from_row(&row)).transpose()
}

static SET_ROLE: Statement = Statement::new(
    "user.account.set_role",
    "update users set is_staff = $2, is_admin = $3 where id = $1",
);

/// Sets the role of an account. The transaction must have called
/// [`crate::session::lock_for_admin`].
pub async fn set_role(client: &Client, id: Uuid, role: Role) -> Result<()> {
    let (is_staff, is_admin) = (role == Role::Staff, role == Role::Admin);
    SET_ROLE.execute(client, &[&id, &is_staff, &is_admin]).await
}

static SET_ACTIVE: Statement = Statement::new(
    "user.account.set_active",
    "update users set is_active = $2 where id = $1",
);

/// Deactivates or reactivates an account. The transaction must have called
/// [`crate::session::lock_for_admin`].
pub async fn set_active(client: &Client, id: Uuid, is_active: bool) -> Result<()> {
    SET_ACTIVE.execute(client, &[&id, &is_active]).await
}

static GRANT_ADMIN: Statement = Statement::new(
    "user.account.grant_admin",
    "with granted as (
        update users set is_admin = true
        where email = $1 and is_active and email_verified_at is not null
        returning id
    )
    insert into security_events (id, user_id, kind, detail)
    select $2, id, 'admin_granted', '{\"by\": \"command line\"}' from granted
    returning user_id",
);

/// Makes an active member with a confirmed e-mail address an administrator, for `cargo dev
/// admin grant`. Returns `false` if there is no such member, or if `email` is not a valid
/// address. An existing session keeps the old role in Redis for up to five minutes.
pub async fn grant_admin(client: &Client, email: &str) -> Result<bool> {
    let Ok(email) = Email::parse_existing(email) else {
        return Ok(false);
    };
    let row = GRANT_ADMIN
        .opt(client, &[&email.as_str(), &random::id()])
        .await?;
    Ok(row.is_some())
}
