//! The timetable, which staff maintain.

mod changes;
pub mod closures;
mod editor;
mod generation;
mod occurrence;
mod scope;
mod series;
pub mod view;
mod weekly;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::editor::TimetableEditor;
pub use self::generation::generate_ahead;
use self::occurrence::{CreateOccurrence, UpdateOccurrence};
use self::scope::{ChangeOptions, Scope};
use self::series::Reasons;
use self::view::{TimetableResult, WeeklyClassView};
use self::weekly::{CreateWeeklyClass, UpdateWeeklyClass};
use super::fields;
use crate::bookings::changes::{after_commit, reason};
use crate::error::{Error, Result};
use crate::http::{List, Member, query};
use crate::models::weekly_class::{self, WeeklyClass};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// The classes to create. Exactly one of the fields must be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"pattern": {"classTypeId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "instructorId": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "dayOfWeek": 4, "startTime": "19:00", "room": "Studio A"}}))]
pub struct CreateTimetableEntry {
    /// A weekly class.
    pattern: Option<CreateWeeklyClass>,
    /// A single class.
    occurrence: Option<CreateOccurrence>,
    /// Generates the classes of all weekly classes, from today to this date, at
    /// most 366 days ahead. Existing classes do not change.
    generate_until: Option<NaiveDate>,
    /// True creates nothing, and returns what would be created. For a weekly class, the
    /// response has the classes of the next weeks: their number, and the dates on which the
    /// room or the instructor is taken.
    #[serde(default)]
    preview: bool,
}

/// The classes to change. Exactly one of `pattern` and `occurrence` must be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"occurrence": {"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "date": "2026-03-15", "time": "20:00"}, "preview": true}))]
pub struct UpdateTimetableEntry {
    /// A weekly class. Its upcoming classes change too. A value that staff have changed for
    /// a single class is kept. Classes that no longer take place are cancelled.
    pattern: Option<UpdateWeeklyClass>,
    /// A single class. Members who booked it are notified of a new time, room or
    /// instructor.
    occurrence: Option<UpdateOccurrence>,
    /// Whether the change of `occurrence` also affects other classes of its weekly class.
    /// The default is `this`.
    scope: Option<Scope>,
    /// The first day of the change of `pattern`. Earlier classes stay as they are. By
    /// default all upcoming classes change.
    from: Option<NaiveDate>,
    /// True changes nothing, and returns what the change would affect.
    #[serde(default)]
    preview: bool,
}

/// The query that identifies what to remove. Exactly one of the ids must be set.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct RemovalQuery {
    /// The id of a weekly class to retire: its upcoming classes are cancelled, and no more
    /// are generated.
    #[param(value_type = Option<Uuid>)]
    pattern_id: Option<String>,
    /// The id of a class to cancel, with all its bookings.
    #[param(value_type = Option<Uuid>)]
    occurrence_id: Option<String>,
    /// Whether the cancellation of the class also affects other classes of its weekly class.
    /// The default is `this`.
    #[param(inline, value_type = Option<Scope>)]
    scope: Option<String>,
    /// The first day on which the weekly class no longer takes place. By default it ends
    /// now.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The reason for the cancellation, as a message to the members who booked.
    #[param(max_length = 500, example = "The heating does not work")]
    reason: Option<String>,
    /// The reason for the security log, which only administrators see.
    #[param(max_length = 500, example = "Marisol is ill")]
    internal_reason: Option<String>,
    /// `true` changes nothing, and returns what the change would affect.
    #[param(value_type = Option<bool>)]
    preview: Option<String>,
}

/// Lists a page of all weekly classes, newest first, including retired ones.
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<WeeklyClassView>>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| weekly_class::list(client, &page).await)
            .await?;
        Ok(List::new(
            rows,
            page,
            WeeklyClass::position,
            WeeklyClassView::from,
        ))
    })
}

/// Creates a weekly class or a single class, or generates the classes of all
/// weekly classes.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Malformed`] unless exactly one field of the form is
/// set; 409 `room_taken`, `instructor_taken`, `studio_closed`.
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateTimetableEntry,
) -> BoxFuture<'a, Result<TimetableResult>> {
    Box::pin(async move {
        let editor = TimetableEditor::new(app, caller, staff)?;
        let preview = form.preview;
        let mut result = match (form.pattern, form.occurrence, form.generate_until) {
            (Some(weekly), None, None) => editor.create_weekly_class(weekly, preview).await?,
            (None, Some(occurrence), None) => editor.create_occurrence(occurrence, preview).await?,
            (None, None, Some(until)) => editor.generate(until, preview).await?,
            _ => {
                return Err(Error::malformed(
                    "Exactly one of pattern, occurrence and generateUntil must be set",
                ));
            }
        };
        result.preview = preview.then_some(true);
        Ok(result)
    })
}

/// Changes a weekly class or a single class.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Malformed`] unless exactly one of the two classes is
/// set; [`Error::NotFound`]; 409 `room_taken`, `instructor_taken`,
/// `places_taken`, `class_started`, `class_cancelled`, `studio_closed`.
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateTimetableEntry,
) -> BoxFuture<'a, Result<TimetableResult>> {
    Box::pin(async move {
        let editor = TimetableEditor::new(app, caller, staff)?;
        let options = ChangeOptions {
            scope: form.scope.unwrap_or_default(),
            preview: form.preview,
        };
        let result = match (form.pattern, form.occurrence) {
            (Some(weekly), None) => {
                check_weekly(form.scope)?;
                let from = form.from.map(fields::date).transpose();
                let from = from.map_err(|problem| Error::field("from", problem))?;
                editor.update_weekly_class(weekly, from, options).await?
            }
            (None, Some(occurrence)) => {
                check_single(form.from)?;
                editor.update_occurrence(occurrence, options).await?
            }
            _ => {
                return Err(Error::malformed(
                    "Exactly one of pattern and occurrence must be set",
                ));
            }
        };
        Ok(finish(app, options, result))
    })
}

/// Rejects a scope other than `all` for a weekly class.
fn check_weekly(scope: Option<Scope>) -> Result<()> {
    match scope {
        None | Some(Scope::All) => Ok(()),
        Some(_) => Err(Error::field(
            "scope",
            "is for single classes; set from to keep the earlier classes",
        )),
    }
}

/// Rejects a first day for a single class.
fn check_single(from: Option<NaiveDate>) -> Result<()> {
    match from {
        None => Ok(()),
        Some(_) => Err(Error::field(
            "from",
            "is for weekly classes; set scope to following instead",
        )),
    }
}

/// Sends e-mails and settles payments after a change, or marks the result of a preview.
fn finish(app: &App, options: ChangeOptions, mut result: TimetableResult) -> TimetableResult {
    if options.preview {
        result.preview = Some(true);
    } else {
        after_commit(app);
    }
    result
}

/// Retires a weekly class and cancels its upcoming classes, or cancels a single class. All
/// bookings of cancelled classes are cancelled.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Malformed`] unless exactly one id is given;
/// [`Error::NotFound`]; 409 `class_over`, `class_cancelled`.
pub fn remove<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    query: RemovalQuery,
) -> BoxFuture<'a, Result<TimetableResult>> {
    Box::pin(async move {
        let editor = TimetableEditor::new(app, caller, staff)?;
        let mut form = Form::default();
        let weekly = form.check_filled("patternId", query.pattern_id.as_deref(), query::id);
        let occurrence =
            form.check_filled("occurrenceId", query.occurrence_id.as_deref(), query::id);
        let scope = form.check_filled("scope", query.scope.as_deref(), Scope::parse);
        let from = form.check_filled("from", query.from.as_deref(), query::date);
        let internal = query.internal_reason.as_deref();
        let reasons = Reasons {
            public: form.check_filled("reason", query.reason.as_deref(), reason),
            internal: form.check_filled("internalReason", internal, reason),
        };
        let preview = form.check_filled("preview", query.preview.as_deref(), query::boolean);
        form.finish()?;
        let options = ChangeOptions {
            scope: scope.unwrap_or_default(),
            preview: preview.unwrap_or_default(),
        };
        let result = match (weekly, occurrence) {
            (Some(id), None) => {
                check_weekly(scope)?;
                editor
                    .retire_weekly_class(id, from, reasons, options)
                    .await?
            }
            (None, Some(id)) => {
                check_single(from)?;
                editor.cancel_occurrence(id, reasons, options).await?
            }
            _ => {
                return Err(Error::malformed(
                    "Exactly one of patternId and occurrenceId must be set",
                ));
            }
        };
        Ok(finish(app, options, result))
    })
}
