//! Listing, creating, changing and retiring class types, instructors and rooms.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::App;
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{List, Member, query};
use crate::models::catalog::{self, CatalogItem, RetiredItem};
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;

/// The query of a list that includes retired items.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ActiveQuery {
    /// `true` lists only active items, `false` only retired ones. By default, both are
    /// listed.
    #[param(value_type = Option<bool>)]
    active: Option<String>,
}

impl ActiveQuery {
    /// Parses the query.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid).
    pub(crate) fn parse(&self) -> Result<Option<bool>> {
        let mut form = Form::default();
        let active = form.check_filled("active", self.active.as_deref(), query::boolean);
        form.finish()?;
        Ok(active)
    }
}

/// The result of retiring a class type, an instructor or a room.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RetirementResult)]
pub struct RetirementView {
    success: bool,
    /// The number of upcoming classes that still take place.
    coming_classes: i64,
    /// The number of active weekly classes. More classes can be generated from them.
    active_patterns: i64,
}

impl From<RetiredItem> for RetirementView {
    fn from(retired: RetiredItem) -> Self {
        Self {
            success: true,
            coming_classes: retired.upcoming_occurrences,
            active_patterns: retired.active_weekly_classes,
        }
    }
}

/// Lists a page of items. `view` creates the JSON of an item, with prices in the
/// given currency.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub(super) async fn list<T: CatalogItem, V>(
    app: &App,
    query: ActiveQuery,
    page: Page,
    view: fn(T, &str) -> V,
) -> Result<List<V>> {
    let active = query.parse()?;
    let currency = &app.config().studio.currency;
    let rows = app
        .db()
        .read(async move |client| catalog::list::<T>(client, active, &page).await)
        .await?;
    Ok(List::new(rows, page, T::position, |row| {
        view(row, currency)
    }))
}

/// Creates an item.
///
/// # Errors
///
/// Those of [`CatalogItem::insert`].
pub(super) async fn create<T: CatalogItem, V>(
    app: &App,
    caller: &Caller,
    staff: &Member,
    new_item: T::New,
    view: fn(T, &str) -> V,
) -> Result<V> {
    let created = edit::<T, _>(app, caller, staff, "create", async |tx| {
        let item = T::insert(tx, &new_item).await?;
        let id = item.id();
        Ok((item, Some(id)))
    });
    Ok(view(created.await?, &app.config().studio.currency))
}

/// Changes an item.
///
/// # Errors
///
/// Those of [`CatalogItem::update`].
pub(super) async fn update<T: CatalogItem, V>(
    app: &App,
    caller: &Caller,
    staff: &Member,
    id: Uuid,
    changes: T::Changes,
    view: fn(T, &str) -> V,
) -> Result<V> {
    let updated = edit::<T, _>(app, caller, staff, "change", async |tx| {
        let item = T::update(tx, id, &changes).await?;
        Ok((item, Some(id)))
    });
    Ok(view(updated.await?, &app.config().studio.currency))
}

/// Retires an item. Retiring it again changes nothing.
///
/// # Errors
///
/// Those of [`catalog::retire`].
pub(super) async fn retire<T: CatalogItem>(
    app: &App,
    caller: &Caller,
    staff: &Member,
    id: Uuid,
) -> Result<RetirementView> {
    let now = app.clock().now();
    let retired = edit::<T, _>(app, caller, staff, "retire", async |tx| {
        let retired = catalog::retire::<T>(tx, id, now).await?;
        let changed_id = retired.was_active.then_some(id);
        Ok((retired, changed_id))
    });
    retired.await.map(Into::into)
}

/// Runs `work` in a transaction, records the change as a security event, and
/// invalidates the cached responses. `work` returns its result and the id of the
/// changed item, or `None` if nothing has changed.
async fn edit<T: CatalogItem, R>(
    app: &App,
    caller: &Caller,
    staff: &Member,
    action: &str,
    work: impl AsyncFnOnce(&Tx) -> Result<(R, Option<Uuid>)> + Clone,
) -> Result<R> {
    let staff_action = StaffAction::by_staff(staff, caller)?;
    app.transaction()
        .authorize(&staff_action)
        .invalidate([app.catalog(), app.schedule()])
        .run(async |tx| {
            let (value, changed_id) = work(tx).await?;
            if let Some(id) = changed_id {
                let detail = json!({ "id": id, "action": action });
                staff_action
                    .record(tx, T::CHANGE_EVENT, None, detail)
                    .await?;
            }
            Ok(value)
        })
        .await
}
