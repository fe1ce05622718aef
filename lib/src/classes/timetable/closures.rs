//! Days on which the studio is closed.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::changes::ClassChanges;
use super::editor::TimetableEditor;
use super::view::EffectView;
use crate::bookings::changes::{after_commit, reason};
use crate::classes::catalog::query::IdQuery;
use crate::classes::fields::date;
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::closure::{self, Closure, ClosureChanges, NewClosure};
use crate::models::occurrence::change as occurrence;
use crate::models::security_event::SecurityEventKind;
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// A closure to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateClosure {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    /// The reason, as a message to members.
    #[schema(max_length = 500, examples("Public holiday"))]
    reason: Option<String>,
    /// The reason for the security log, which only administrators see.
    #[schema(max_length = 500)]
    internal_reason: Option<String>,
    /// Whether to cancel the upcoming classes on these days, with all their bookings.
    #[serde(default)]
    cancel_classes: bool,
    /// True changes nothing, and returns what the closure would affect.
    #[serde(default)]
    preview: bool,
}

/// The changes to a closure. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateClosure {
    id: Uuid,
    /// The first day.
    from: Option<NaiveDate>,
    /// The last day.
    to: Option<NaiveDate>,
    /// The reason, as a message to members. Null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 500, examples("Public holiday"))]
    reason: Option<Option<String>>,
    /// The reason for the security log, which only administrators see.
    #[schema(max_length = 500)]
    internal_reason: Option<String>,
    /// Whether to cancel the upcoming classes on these days, with all their bookings.
    #[serde(default)]
    cancel_classes: bool,
    /// True changes nothing, and returns what the closure would affect.
    #[serde(default)]
    preview: bool,
}

/// Days on which the studio is closed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Closure)]
pub struct ClosureView {
    id: Uuid,
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    reason: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<Closure> for ClosureView {
    fn from(closure: Closure) -> Self {
        Self {
            id: closure.id,
            from: closure.first_day,
            to: closure.last_day,
            reason: closure.reason,
            created_at: closure.created_at,
        }
    }
}

/// The result of a change to a closure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosureResult {
    closure: ClosureView,
    /// Whether the request was a preview. Nothing has then changed.
    preview: bool,
    /// The number of classes that still take place on these days.
    remaining_classes: usize,
    /// How many classes and members the change affects.
    effect: EffectView,
}

/// Options that creating and changing a closure have in common.
#[derive(Clone, Debug)]
struct Options {
    action: &'static str,
    internal_reason: Option<String>,
    cancel_classes: bool,
    preview: bool,
}

/// Lists a page of closures, newest first.
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<ClosureView>>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| closure::list(client, &page).await)
            .await?;
        Ok(List::new(rows, page, Closure::position, ClosureView::from))
    })
}

/// Creates a closure. No class can be created on its days.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid).
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateClosure,
) -> BoxFuture<'a, Result<ClosureResult>> {
    Box::pin(async move {
        let mut fields = Form::default();
        let new_closure = NewClosure {
            first_day: fields.check("from", date(form.from)).unwrap_or_default(),
            last_day: fields.check("to", date(form.to)).unwrap_or_default(),
            reason: fields.check_filled("reason", form.reason.as_deref(), reason),
        };
        let internal = form.internal_reason.as_deref();
        let options = Options {
            action: "create",
            internal_reason: fields.check_filled("internalReason", internal, reason),
            cancel_classes: form.cancel_classes,
            preview: form.preview,
        };
        fields.finish()?;
        let editor = TimetableEditor::new(app, caller, staff)?;
        let created =
            editor.edit_closure(&options, async |tx| closure::insert(tx, &new_closure).await);
        created.await
    })
}

/// Changes a closure. On days that are no longer part of the closure, classes are generated
/// again, except for those that were cancelled.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound).
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateClosure,
) -> BoxFuture<'a, Result<ClosureResult>> {
    Box::pin(async move {
        let mut fields = Form::default();
        let changes = ClosureChanges {
            first_day: fields.check_given("from", form.from, date),
            last_day: fields.check_given("to", form.to, date),
            reason: form
                .reason
                .map(|text| fields.check_filled("reason", text.as_deref(), reason)),
        };
        let internal = form.internal_reason.as_deref();
        let options = Options {
            action: "change",
            internal_reason: fields.check_filled("internalReason", internal, reason),
            cancel_classes: form.cancel_classes,
            preview: form.preview,
        };
        fields.finish()?;
        let editor = TimetableEditor::new(app, caller, staff)?;
        let updated = editor.edit_closure(&options, async |tx| {
            closure::update(tx, form.id, &changes).await
        });
        updated.await
    })
}

/// Deletes a closure. Classes that were cancelled because of it stay cancelled.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound).
pub fn delete<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    query: IdQuery,
) -> BoxFuture<'a, Result<ClosureView>> {
    Box::pin(async move {
        let id = query.parse()?;
        let editor = TimetableEditor::new(app, caller, staff)?;
        let deleted = editor.edit(false, async |tx| {
            let closure = closure::delete(tx, id).await?;
            let detail = json!({ "action": "delete" });
            editor.record_closure(tx, &closure, detail).await?;
            Ok(closure)
        });
        deleted.await.map(ClosureView::from)
    })
}

impl TimetableEditor<'_> {
    /// Writes a closure and applies it to the classes on its days.
    async fn edit_closure(
        &self,
        options: &Options,
        write: impl AsyncFnOnce(&Tx) -> Result<Closure> + Clone,
    ) -> Result<ClosureResult> {
        let edited = self.edit(options.preview, async |tx| {
            let closure = write(tx).await?;
            self.apply_closure(tx, closure, options).await
        });
        let edited = edited.await?;
        if !options.preview {
            after_commit(self.app);
        }
        Ok(edited)
    }

    /// Cancels the classes of a closure if `options` says so, and records the closure.
    async fn apply_closure(
        &self,
        tx: &Tx,
        closure: Closure,
        options: &Options,
    ) -> Result<ClosureResult> {
        let from = self.zone.day_start(closure.first_day);
        let until = self.zone.day_start(closure.last_day + TimeDelta::days(1));
        let occurrences = occurrence::lock_upcoming_between(tx, from, until, self.now).await?;
        let mut class_changes = ClassChanges::begin(self, tx, &occurrences).await?;
        if options.cancel_classes {
            for current in &occurrences {
                class_changes
                    .cancel(current, closure.reason.as_deref())
                    .await?;
            }
        }
        let detail = json!({
            "action": options.action,
            "cancelClasses": options.cancel_classes,
            "internalReason": options.internal_reason,
        });
        self.record_closure(tx, &closure, detail).await?;
        let effect = class_changes.finish().await?.effect;
        Ok(ClosureResult {
            closure: closure.into(),
            preview: options.preview,
            remaining_classes: occurrences.len() - effect.cancelled_classes,
            effect,
        })
    }

    async fn record_closure(&self, tx: &Tx, closure: &Closure, mut detail: Value) -> Result<()> {
        detail["id"] = json!(closure.id);
        detail["from"] = json!(closure.first_day);
        detail["to"] = json!(closure.last_day);
        detail["reason"] = json!(closure.reason);
        self.record_as(tx, SecurityEventKind::ClosureChanged, detail)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::changes::REASON_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateClosure>, bound::<UpdateClosure>] {
            assert_eq!(bound_of("reason", "maxLength"), REASON_MAX as i64);
            assert_eq!(bound_of("internalReason", "maxLength"), REASON_MAX as i64);
        }
    }
}
