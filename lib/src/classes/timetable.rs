//! The timetable, which staff maintain.

mod editor;
mod occurrence;
pub mod view;
mod weekly;

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::editor::TimetableEditor;
use self::occurrence::{CreateOccurrence, UpdateOccurrence};
use self::view::{TimetableResult, WeeklyClassView};
use self::weekly::{CreateWeeklyClass, UpdateWeeklyClass};
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
}

/// The classes to change. Exactly one of the fields must be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"occurrence": {"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "date": "2026-03-15", "time": "20:00"}}))]
pub struct UpdateTimetableEntry {
    /// A weekly class. Classes that were generated from it do not change.
    pattern: Option<UpdateWeeklyClass>,
    /// A single class. Members who booked it are notified when it moves or gets
    /// another instructor.
    occurrence: Option<UpdateOccurrence>,
}

/// The query that identifies what to remove. Exactly one of the ids must be set.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct RemovalQuery {
    /// The id of a weekly class to retire: no more classes are generated from it.
    #[param(value_type = Option<Uuid>)]
    pattern_id: Option<String>,
    /// The id of a class to cancel, with all its bookings.
    #[param(value_type = Option<Uuid>)]
    occurrence_id: Option<String>,
    /// The reason for cancelling the class, as a message to the members who booked it.
    #[param(max_length = 500, example = "Marisol is ill")]
    reason: Option<String>,
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
/// [`Error::Invalid`]; [`Error::Malformed`] unless exactly one of the three is
/// set; 409 `room_taken`, `instructor_taken`.
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateTimetableEntry,
) -> BoxFuture<'a, Result<TimetableResult>> {
    Box::pin(async move {
        let editor = TimetableEditor::new(app, caller, staff)?;
        match (form.pattern, form.occurrence, form.generate_until) {
            (Some(weekly), None, None) => editor.create_weekly_class(weekly).await,
            (None, Some(occurrence), None) => editor.create_occurrence(occurrence).await,
            (None, None, Some(until)) => editor.generate(until).await,
            _ => Err(Error::malformed(
                "Exactly one of pattern, occurrence and generateUntil must be set",
            )),
        }
    })
}

/// Changes a weekly class or a single class.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Malformed`] unless exactly one of the two is
/// set; [`Error::NotFound`]; 409 `room_taken`, `instructor_taken`,
/// `places_taken`, `class_started`, `class_cancelled`.
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateTimetableEntry,
) -> BoxFuture<'a, Result<TimetableResult>> {
    Box::pin(async move {
        let editor = TimetableEditor::new(app, caller, staff)?;
        let result = match (form.pattern, form.occurrence) {
            (Some(weekly), None) => editor.update_weekly_class(weekly).await?,
            (None, Some(occurrence)) => editor.update_occurrence(occurrence).await?,
            _ => {
                return Err(Error::malformed(
                    "Exactly one of pattern and occurrence must be set",
                ));
            }
        };
        after_commit(app);
        Ok(result)
    })
}

/// Retires a weekly class, or cancels a single class and all its bookings.
///
/// # Errors
///
/// Those of [`update`].
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
        let reason = form.check_filled("reason", query.reason.as_deref(), reason);
        form.finish()?;
        let result = match (weekly, occurrence) {
            (Some(id), None) => editor.retire_weekly_class(id).await?,
            (None, Some(id)) => editor.cancel_occurrence(id, reason).await?,
            _ => {
                return Err(Error::malformed(
                    "Exactly one of patternId and occurrenceId must be set",
                ));
            }
        };
        after_commit(app);
        Ok(result)
    })
}
