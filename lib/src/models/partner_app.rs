//! Partner applications, which members can use without signing in again.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::crypto::token::Token;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// The credentials that a partner application presents (RFC 6749 § 2.3.1, RFC 7617).
///
/// They are not verified yet: each statement of [`crate::models::cross_app_session`]
/// that acts for an application verifies them itself, which saves a round trip.
#[derive(Clone, Debug)]
pub struct Partner {
    /// The name of the application.
    pub name: String,
    /// The secret of the application.
    pub secret: Token,
}

/// A partner application, without its secret.
#[derive(Clone, Debug)]
pub struct PartnerApp {
    /// The application's id.
    pub id: Uuid,
    /// The name, which is also the user name of its requests and the target of tokens.
    pub name: String,
    /// The origins to which a browser may deliver a token.
    pub allowed_origins: Vec<String>,
    /// Whether a token can be validated only once.
    pub single_use: bool,
    /// Whether the application is active. Tokens are issued only for active applications, and
    /// only these may send requests.
    pub is_active: bool,
    /// Whether the previous secret is still valid.
    pub is_rotating: bool,
    /// When the application was created.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`PartnerApp::from_row`] reads.
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

    /// Returns the application's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
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

/// Lists a page of applications, newest first. Returns one row more than the page holds if
/// there is a next page.
pub async fn list(client: &Client, page: &Page) -> Result<Vec<PartnerApp>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(PartnerApp::from_row).collect()
}

/// An application to create.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// The name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The origins to which a browser may deliver a token, as browsers send them.
    pub allowed_origins: Vec<String>,
    /// Whether a token can be validated only once.
    pub single_use: bool,
}

const NAME_TAKEN: Error = Error::Conflict {
    code: ErrorCode::NameTaken,
    message: "An application with this name already exists",
};

static INSERT: Statement = Statement::new(
    "app.insert",
    concat!(
        "insert into apps (id, name, secret_hash, allowed_origins, single_use)
        values ($1, $2, $3, $4, $5) returning ",
        app_columns!()
    ),
);

/// Creates an application with this secret.
///
/// # Errors
///
/// 409 `name_taken`.
pub async fn insert(client: &Client, app: &NewApp, secret: &Token) -> Result<PartnerApp> {
    let row = INSERT
        .one(
            client,
            &[
                &random::id(),
                &app.name,
                &secret.hash(),
                &app.allowed_origins,
                &app.single_use,
            ],
        )
        .await
        .on_constraint("apps_name_key", NAME_TAKEN)?;
    PartnerApp::from_row(&row)
}

/// The changes to an application. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Replaces all allowed origins.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether a token can be validated only once.
    pub single_use: Option<bool>,
    /// Whether the application is active. Tokens are issued only for active applications, and
    /// only these may send requests.
    pub is_active: Option<bool>,
    /// A new secret. The current secret becomes the previous one and stays valid.
    pub secret: Option<Token>,
    /// Invalidates the previous secret. Together with `secret`, only the new secret is valid.
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

const ROTATION_PENDING: Error = Error::Conflict {
    code: ErrorCode::Rotating,
    message: "Two secrets are already valid; please end the previous one first",
};

/// Updates an application.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `rotating` for a new secret while two secrets are valid, unless
/// `end_rotation` is set.
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
        None if EXISTS.opt(client, &[&id]).await?.is_some() => Err(ROTATION_PENDING),
        None => Err(Error::NotFound),
    }
}

static FIND: Statement = Statement::new(
    "app.find",
    concat!("select ", app_columns!(), " from apps where name = $1"),
);

/// Returns the application with this name.
pub async fn find(client: &Client, name: &str) -> Result<Option<PartnerApp>> {
    let row = FIND.opt(client, &[&name]).await?;
    row.as_ref().map(PartnerApp::from_row).transpose()
}
