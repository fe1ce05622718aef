//! The JSON of the timetable.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::weekly_class::{Conflict, ConflictCode, WeeklyClass};

/// A weekly class, as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WeeklyClass)]
pub struct WeeklyClassView {
    id: Uuid,
    class_type_id: Uuid,
    /// The name of the class type.
    class_type: String,
    instructor_id: Uuid,
    /// The instructor's name.
    instructor: String,
    /// 0 to 6, where 0 is Sunday.
    day_of_week: i32,
    /// Local time at the studio, such as `19:00`.
    start_time: String,
    duration_minutes: i32,
    /// The number of spots.
    max_participants: i32,
    room: String,
    effective_from: NaiveDate,
    /// Null if there is no end date.
    effective_until: Option<NaiveDate>,
    /// False if the weekly class is retired. No more classes are generated from it.
    is_active: bool,
    created_at: DateTime<Utc>,
}

impl From<WeeklyClass> for WeeklyClassView {
    fn from(weekly: WeeklyClass) -> Self {
        Self {
            id: weekly.id,
            class_type_id: weekly.class_type_id,
            class_type: weekly.class_type,
            instructor_id: weekly.instructor_id,
            instructor: weekly.instructor,
            day_of_week: weekly.day_of_week,
            start_time: weekly.start_time.format("%H:%M").to_string(),
            duration_minutes: weekly.duration_minutes,
            max_participants: weekly.max_participants,
            room: weekly.room,
            effective_from: weekly.effective_from,
            effective_until: weekly.effective_until,
            is_active: weekly.is_active,
            created_at: weekly.created_at,
        }
    }
}

/// A class that could not be generated or changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleConflict)]
pub struct ConflictView {
    /// The id of the weekly class.
    pub(super) pattern_id: Uuid,
    /// The date for which the class was or would have been generated.
    pub(super) date: NaiveDate,
    /// The id of the class that stays as it is. It is left out if no class could be
    /// generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) occurrence_id: Option<Uuid>,
    /// `retired` means that the class type, the instructor or the room is retired, and
    /// `in_the_past` that the class would start in the past.
    pub(super) code: ConflictCode,
}

/// How many classes and members a change affects.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleEffect)]
pub struct EffectView {
    /// The number of classes that change.
    pub(super) changed_classes: usize,
    /// The number of classes that are cancelled.
    pub(super) cancelled_classes: usize,
    /// The number of bookings with a spot in these classes.
    pub(super) bookings: usize,
    /// The number of entries on the waitlists of these classes.
    pub(super) waitlisted: usize,
    /// The number of different members who booked these classes or are on their waitlists.
    pub(super) members: usize,
    /// The number of different members who are notified by e-mail. Members are not notified of
    /// a new title, price, or number of spots.
    pub(super) notified_members: usize,
}

impl From<Conflict> for ConflictView {
    fn from(conflict: Conflict) -> Self {
        Self {
            pattern_id: conflict.weekly_class_id,
            date: conflict.date,
            occurrence_id: None,
            code: conflict.code,
        }
    }
}

/// The result of a change to the timetable. It contains only the fields that apply to
/// the request.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimetableResult {
    /// True if the request was a preview and nothing has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) preview: Option<bool>,
    /// The weekly class after the change. It has a new id if only its later classes
    /// changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) pattern: Option<WeeklyClassView>,
    /// How many classes and members the change affects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) effect: Option<EffectView>,
    /// The number of upcoming classes of the weekly class after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) coming_classes: Option<i64>,
    /// The id of the single class that was created, changed or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) occurrence_id: Option<Uuid>,
    /// The number of bookings that were cancelled with their classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) cancelled_bookings: Option<usize>,
    /// The number of classes that were generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) generated: Option<usize>,
    /// The number of dates for which the class already existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) already_there: Option<usize>,
    /// The classes that could not be generated or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) conflicts: Option<Vec<ConflictView>>,
}
