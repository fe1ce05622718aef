//! Partner applications, to which members go on without signing in again.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::session::Token;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// Who a partner application *says* it is (RFC 6749 § 2.3.1, RFC 7617): not
/// checked yet. Each statement of [`crate::models::cross_app_session`] that does
/// something for one takes this, and checks name and hash itself, which saves a
/// round trip. What cannot be a secret at all is refused before any I/O.
#[derive(Clone, Debug)]
pub struct Partner {
    /// The name of the application.
    pub name: String,
    /// Its secret.
    pub secret: Token,
}

/// A partner application, without its secret.
#[derive(Clone, Debug)]
pub struct PartnerApp {
    /// Its row.
    pub id: Uuid,
    /// Its user name when it calls, and what tokens are made for.
    pub name: String,
    /// Where a browser may take a token.
    pub allowed_origins: Vec<String>,
    /// False: a token may be validated again while it lasts.
    pub single_use: bool,
    /// False: nothing is issued for it, and it may not call.
    pub is_active: bool,
    /// Whether the previous secret is still good.
    pub is_rotating: bool,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
}

/// A partner application as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PartnerApp)]
pub struct Shown {
    id: Uuid,
    /// Its user name when it calls, and what tokens are made for.
    name: String,
    /// Where a browser may take a token.
    allowed_origins: Vec<String>,
    /// False: a token may be validated again while it lasts.
    single_use: bool,
    /// False: nothing is issued for it, and it may not call.
    is_active: bool,
    /// Whether the previous secret is still good.
    is_rotating: bool,
    created_at: DateTime<Utc>,
}

impl From<PartnerApp> for Shown {
    fn from(app: PartnerApp) -> Self {
        Self {
            id: app.id,
            name: app.name,
            allowed_origins: app.allowed_origins,
            single_use: app.single_use,
            is_active: app.is_active,
            is_rotating: app.is_rotating,
            created_at: app.created_at,
        }
    }
}

macro_rules! app_columns {
    () => {
        "id, name, allowed_origins, single_use, is_active,
            previous_secret_hash is not null as is_rotating, created_at"
    };
}

impl PartnerApp {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            allowed_origins: row.try_get("allowed_origins")?,
            single_use: row.try_get("single_use")?,
            is_active: row.try_get("is_active")?,
            is_rotating: row.try_get("is_rotating")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// By what the list is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = Statement::new(
    "app.list",
    concat!(
        "select ",
        app_columns!(),
        " from apps where $1::timestamptz is null or (created_at, id) < ($1, $2)
        order by created_at desc, id desc limit $3"
    ),
);

/// Applications, newest first; one more than the page holds when there are more.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn list(client: &Client, page: &Page) -> Result<Vec<PartnerApp>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.fetch()]).await?;
    rows.iter().map(PartnerApp::from_row).collect()
}

/// An application to be entered; read by [`crate::partners::apps`].
#[derive(Clone, Debug)]
pub struct NewApp {
    /// See [`crate::partners::apps::name`].
    pub name: String,
    /// As a browser sends them.
    pub allowed_origins: Vec<String>,
    /// Whether a token is good once.
    pub single_use: bool,
}

const NAME_TAKEN: Error = Error::Conflict {
    code: "name_taken",
    message: "There is an application of this name",
};

static INSERT: Statement = Statement::new(
    "app.insert",
    concat!(
        "insert into apps (id, name, secret_hash, allowed_origins, single_use)
        values ($1, $2, $3, $4, $5) returning ",
        app_columns!()
    ),
);

/// Enters an application, whose secret is `secret` from now on.
///
/// # Errors
///
/// 409 `name_taken`; [`Error::Unavailable`].
pub async fn insert(client: &Client, new: &NewApp, secret: &Token) -> Result<PartnerApp> {
    let row = INSERT
        .one(
            client,
            &[
                &random::id(),
                &new.name,
                &secret.hash(),
                &new.allowed_origins,
                &new.single_use,
            ],
        )
        .await
        .on_constraint("apps_name_key", NAME_TAKEN)?;
    PartnerApp::from_row(&row)
}

/// What is to be changed; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// All of them, in place of those before.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether a token is good once.
    pub single_use: Option<bool>,
    /// Whether tokens are issued for it, and it may call.
    pub is_active: Option<bool>,
    /// Its secret from now on; the one it has stays good beside it.
    pub secret: Option<Token>,
    /// Whether the previous secret ends: with `secret`, both that there are.
    pub end_rotation: bool,
}

static UPDATE: Statement = Statement::new(
    "app.update",
    concat!(
        "update apps set
            allowed_origins = case when $2 then $3 else allowed_origins end,
            single_use = coalesce($4, single_use),
            is_active = coalesce($5, is_active),
            secret_hash = coalesce($6, secret_hash),
            previous_secret_hash = case when $7 then null when $6 is null
                then previous_secret_hash else secret_hash end
        where id = $1 and ($6 is null or $7 or previous_secret_hash is null) returning ",
        app_columns!()
    ),
);

static EXISTS: Statement = Statement::new("app.exists", "select id from apps where id = $1");

const ROTATING: Error = Error::Conflict {
    code: "rotating",
    message: "Two secrets are good already; please end the one before first",
};

/// Changes an application.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `rotating`: there is no third secret beside two, unless
/// both end; [`Error::Unavailable`].
pub async fn update(client: &Client, id: Uuid, changes: &Changes) -> Result<PartnerApp> {
    let row = UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.allowed_origins.is_some(),
                &changes.allowed_origins.clone().unwrap_or_default(),
                &changes.single_use,
                &changes.is_active,
                &changes.secret.as_ref().map(Token::hash),
                &changes.end_rotation,
            ],
        )
        .await?;
    match row {
        Some(row) => PartnerApp::from_row(&row),
        None if EXISTS.opt(client, &[&id]).await?.is_some() => Err(ROTATING),
        None => Err(Error::NotFound),
    }
}

static FIND: Statement = Statement::new(
    "app.find",
    concat!("select ", app_columns!(), " from apps where name = $1"),
);

/// An application by its name.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn find(client: &Client, name: &str) -> Result<Option<PartnerApp>> {
    let row = FIND.opt(client, &[&name]).await?;
    row.as_ref().map(PartnerApp::from_row).transpose()
}
