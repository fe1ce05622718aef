//! Changing and retiring weekly classes, with the classes that they have already
//! generated.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::changes::{ChangeOutcome, ClassChanges};
use super::editor::TimetableEditor;
use super::view::{ConflictView, TimetableResult};
use crate::error::Result;
use crate::models::occurrence::change::{self as occurrence, LockedOccurrence, OccurrenceChanges};
use crate::models::weekly_class::{self, WeeklyClass, WeeklyClassChanges};
use crate::models::{instructor, room};
use crate::session::Tx;
use crate::values::time_zone::TimeZone;

/// A change to a weekly class and its upcoming classes.
#[derive(Clone, Debug, Default)]
pub(super) struct SeriesChange {
    pub(super) changes: WeeklyClassChanges,
    /// The name of the new room.
    pub(super) room: Option<String>,
    /// The part of the request body that contains the instructor and the room.
    pub(super) form: &'static str,
    /// The number of days by which each class moves. `None` moves each class to the nearest
    /// day with the new weekday.
    pub(super) days: Option<i32>,
    /// The class for which staff requested the change. It changes even if it no longer
    /// follows the weekly class.
    pub(super) requested: Option<(Uuid, OccurrenceChanges)>,
}

/// Cancellation reasons, for members and for the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons {
    pub(super) public: Option<String>,
    pub(super) internal: Option<String>,
}

impl TimetableEditor<'_> {
    /// Changes a weekly class and its upcoming classes. `from` limits the change to this date
    /// and later ones: the weekly class then ends the day before, and a new weekly class
    /// takes its place.
    ///
    /// If staff have changed the time, room, instructor or number of spots of a single class,
    /// the class keeps this value. A class that cannot change stays as it is, and is reported.
    pub(super) async fn change_series(
        &self,
        tx: &Tx,
        id: Uuid,
        from: Option<NaiveDate>,
        change: &SeriesChange,
    ) -> Result<TimetableResult> {
        let before = weekly_class::lock(tx, id).await?;
        let changes = resolve_changes(tx, &before, change).await?;
        let from = from.filter(|date| *date > before.effective_from);
        let target_id = match from {
            Some(date) => weekly_class::continue_from(tx, &before, date).await?.id,
            None => id,
        };
        let after = weekly_class::update(tx, target_id, &changes).await?;
        // `days` counts from the class for which the change was requested. If staff have moved
        // this class to another weekday, `days` does not fit the other classes.
        let days = change
            .days
            .filter(|days| (before.day_of_week + days - after.day_of_week).rem_euclid(7) == 0);
        let days = days.unwrap_or_else(|| before.days_to(&after));
        let occurrences = occurrence::lock_upcoming_of_weekly(tx, id, from, self.now).await?;
        let mut class_changes = ClassChanges::begin(self, tx, &occurrences).await?;
        for current in &occurrences {
            let requested = change.requested.as_ref();
            let requested = requested.filter(|(requested_id, _)| *requested_id == current.id);
            if is_excluded(&after, &changes, current) {
                class_changes.cancel(current, None).await?;
            } else if let Some((_, changes)) = requested {
                class_changes.try_change(current, changes).await?;
            } else if let Some(changes) =
                follow_weekly_class(&self.zone, &before, &after, days, current)
            {
                class_changes.try_change(current, &changes).await?;
            }
        }
        if target_id != id || days != 0 {
            weekly_class::move_dates(tx, &before, &after, days, from, self.now).await?;
        }
        let detail = json!({ "patternId": target_id, "action": "change", "from": from });
        self.record(tx, detail).await?;
        self.series_result(tx, after, class_changes.finish().await?)
            .await
    }

    /// Retires a weekly class and cancels its upcoming classes. With `from`, the weekly class
    /// ends before this date instead. `requested` is the class for which staff requested
    /// the retirement. This class is cancelled even if it has begun.
    pub(super) async fn retire_series(
        &self,
        tx: &Tx,
        id: Uuid,
        from: Option<NaiveDate>,
        reasons: &Reasons,
        requested: Option<&LockedOccurrence>,
    ) -> Result<TimetableResult> {
        let before = weekly_class::lock(tx, id).await?;
        let from = from.filter(|date| *date > before.effective_from);
        let mut occurrences = occurrence::lock_upcoming_of_weekly(tx, id, from, self.now).await?;
        let begun = requested.filter(|requested| requested.start_time <= self.now);
        occurrences.splice(..0, begun.cloned());
        let changes = match from {
            Some(date) => WeeklyClassChanges {
                effective_until: Some(date.pred_opt().map(|last| {
                    before
                        .effective_until
                        .map_or(last, |current| current.min(last))
                })),
                ..WeeklyClassChanges::default()
            },
            None => WeeklyClassChanges {
                is_active: Some(false),
                ..WeeklyClassChanges::default()
            },
        };
        let after = weekly_class::update(tx, id, &changes).await?;
        let mut class_changes = ClassChanges::begin(self, tx, &occurrences).await?;
        for current in &occurrences {
            let reason = reasons.public.as_deref();
            class_changes.cancel(current, reason).await?;
        }
        let detail = json!({
            "patternId": id,
            "action": "retire",
            "from": from,
            "reason": reasons.public,
            "internalReason": reasons.internal,
        });
        self.record(tx, detail).await?;
        self.series_result(tx, after, class_changes.finish().await?)
            .await
    }

    async fn series_result(
        &self,
        tx: &Tx,
        after: WeeklyClass,
        outcome: ChangeOutcome,
    ) -> Result<TimetableResult> {
        let coming = weekly_class::count_upcoming(tx, after.id, self.now).await?;
        let conflicts = outcome.conflicts.into_iter().map(ConflictView::from);
        Ok(TimetableResult {
            conflicts: Some(conflicts.collect()),
            pattern: Some(after.into()),
            coming_classes: Some(coming),
            cancelled_bookings: Some(outcome.cancelled_bookings),
            effect: Some(outcome.effect),
            ..TimetableResult::default()
        })
    }
}

/// Returns the changes with the id of the new room. Checks that the new room and the new
/// instructor are not retired.
async fn resolve_changes(
    tx: &Tx,
    before: &WeeklyClass,
    change: &SeriesChange,
) -> Result<WeeklyClassChanges> {
    let mut changes = change.changes.clone();
    if let Some(id) = changes.instructor_id
        && id != before.instructor_id
    {
        instructor::lock_active(tx, id, change.form).await?;
    }
    if let Some(name) = &change.room {
        let current = Some(before.room_id);
        changes.room_id = Some(room::assign(tx, name, current, change.form).await?);
    }
    Ok(changes)
}

/// Returns whether a class no longer takes place after a change of the weekly class's
/// first or last day, or after its retirement.
fn is_excluded(
    after: &WeeklyClass,
    changes: &WeeklyClassChanges,
    current: &LockedOccurrence,
) -> bool {
    if changes.is_active == Some(false) {
        return true;
    }
    current.weekly.is_some_and(|(_, date)| {
        let is_before = changes.effective_from.is_some() && date < after.effective_from;
        let is_after = changes.effective_until.is_some()
            && after.effective_until.is_some_and(|until| date > until);
        is_before || is_after
    })
}

/// Returns the changes to a class that follows its weekly class, or `None` if it stays as
/// it is. Only values that the class still shares with the weekly class change.
fn follow_weekly_class(
    zone: &TimeZone,
    before: &WeeklyClass,
    after: &WeeklyClass,
    days: i32,
    current: &LockedOccurrence,
) -> Option<OccurrenceChanges> {
    let changes = OccurrenceChanges {
        times: new_times(zone, before, after, days, current),
        instructor_id: new_value(
            current.instructor_id,
            before.instructor_id,
            after.instructor_id,
        ),
        room_id: new_value(current.room_id, before.room_id, after.room_id),
        max_participants: new_value(
            current.max_participants,
            before.max_participants,
            after.max_participants,
        ),
        ..OccurrenceChanges::default()
    };
    let has_changes = changes.times.is_some()
        || changes.instructor_id.is_some()
        || changes.room_id.is_some()
        || changes.max_participants.is_some();
    has_changes.then_some(changes)
}

fn new_value<T: PartialEq>(current: T, before: T, after: T) -> Option<T> {
    (current == before && before != after).then_some(after)
}

fn new_times(
    zone: &TimeZone,
    before: &WeeklyClass,
    after: &WeeklyClass,
    days: i32,
    current: &LockedOccurrence,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (_, date) = current.weekly?;
    let length = current.end_time - current.start_time;
    let minutes = |weekly: &WeeklyClass| TimeDelta::minutes(i64::from(weekly.duration_minutes));
    let weekday = date.weekday().num_days_from_sunday() as i32;
    let follows_time = weekday == before.day_of_week
        && current.start_time == zone.resolve(date, before.start_time);
    let start = match follows_time {
        true => zone.resolve(date + TimeDelta::days(i64::from(days)), after.start_time),
        false => current.start_time,
    };
    let length = new_value(length, minutes(before), minutes(after)).unwrap_or(length);
    let times = (start, start + length);
    (times != (current.start_time, current.end_time)).then_some(times)
}
