//! What administrators do with accounts: on whose behalf members act at
//! partner applications.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{List, Member};
use crate::models::account::{self, MOST_MEMBERS, Role, Shown};
use crate::models::security_event::Kind;
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::schema::Slug;
use crate::{App, BoxFuture};

/// An account as it is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateOrganization)]
pub struct Entry {
    /// At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("Casa Latina"))]
    name: String,
    /// Its name in addresses: lower-case letters, digits and hyphens, at most 100.
    #[schema(value_type = Slug)]
    slug: String,
    /// Who belongs to it from the beginning.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<Seat>,
}

/// What a member is to be to an account.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SetOrganizationMember)]
struct Seat {
    user_id: Uuid,
    /// Null: they belong to it no more.
    role: Option<Role>,
}

/// What is to be changed of an account; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateOrganization)]
pub struct Change {
    id: Uuid,
    /// At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("Casa Latina"))]
    name: Option<String>,
    /// Lower-case letters, digits and hyphens, at most 100.
    #[schema(value_type = Option<Slug>)]
    slug: Option<String>,
    /// Those whose role changes, who come, and who go; others stay.
    #[serde(default)]
    #[schema(max_items = 100)]
    members: Vec<Seat>,
}

fn name(typed: &str) -> Result<String, Problem> {
    form::required_line(typed, 200)
}

fn slug(typed: &str) -> Result<String, Problem> {
    form::slug(typed, 100, "casa-latina")
}

type Seats = Vec<(Uuid, Option<Role>)>;

fn seats(given: &[Seat]) -> Result<Seats, Problem> {
    if given.len() > MOST_MEMBERS {
        return Err(format!("must not have more than {MOST_MEMBERS} entries"));
    }
    let each: BTreeSet<Uuid> = given.iter().map(|seat| seat.user_id).collect();
    if each.len() < given.len() {
        return Err("must name each member once".to_owned());
    }
    Ok(given.iter().map(|seat| (seat.user_id, seat.role)).collect())
}

/// A page of the accounts, newest first, each with its members.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<Shown>>> {
    Box::pin(async move {
        let read = app
            .db()
            .read(async move |client| account::list(client, &page).await);
        let rows = read.await?;
        Ok(List::new(rows, page, Shown::place, |row| row))
    })
}

/// Makes an account.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; 409 `slug_taken`; [`crate::Error::SessionGone`];
/// [`crate::Error::Unavailable`].
pub fn make<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    entry: Entry,
) -> BoxFuture<'a, Result<Shown>> {
    Box::pin(async move {
        let act = StaffAction::by_admin(admin, caller)?;
        let mut check = Form::default();
        let name = check.check("name", name(&entry.name)).unwrap_or_default();
        let slug = check.check("slug", slug(&entry.slug)).unwrap_or_default();
        let seats = check.check("members", seats(&entry.members));
        check.finish()?;
        let seats = seats.unwrap_or_default();
        let made = app.transaction().authorize(&act).run(async |tx| {
            let id = account::insert(tx, &name, &slug).await?;
            account::set_members(tx, id, &seats).await?;
            record(&act, tx, id, "create").await?;
            account::find(tx, id).await
        });
        made.await
    })
}

/// Changes an account, and who belongs to it. Tokens of a member who goes are
/// worth nothing as long as they are gone.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; 409 `slug_taken` or `account_full`;
/// [`crate::Error::SessionGone`]; [`crate::Error::Unavailable`].
pub fn change<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    change: Change,
) -> BoxFuture<'a, Result<Shown>> {
    Box::pin(async move {
        let act = StaffAction::by_admin(admin, caller)?;
        let mut check = Form::default();
        let name = change.name.as_deref().map(name).transpose();
        let name = check.check("name", name).flatten();
        let slug = change.slug.as_deref().map(slug).transpose();
        let slug = check.check("slug", slug).flatten();
        let seats = check.check("members", seats(&change.members));
        check.finish()?;
        let (id, seats) = (change.id, seats.unwrap_or_default());
        let changed = app.transaction().authorize(&act).run(async |tx| {
            account::update(tx, id, name.as_deref(), slug.as_deref()).await?;
            account::set_members(tx, id, &seats).await?;
            record(&act, tx, id, "change").await?;
            account::find(tx, id).await
        });
        changed.await
    })
}

async fn record(act: &StaffAction, tx: &Tx, id: Uuid, action: &str) -> Result<()> {
    let detail = json!({ "account": id, "action": action });
    act.record(tx, Kind::PartnerAccountChanged, None, detail)
        .await
}
