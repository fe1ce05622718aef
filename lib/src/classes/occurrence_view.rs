//! The JSON of a class.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::class_type::Level;
use crate::models::occurrence::Occurrence;
use crate::values::money::Amount;
use crate::values::time_zone::TimeZone;

/// A class in the schedule.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Occurrence)]
pub struct OccurrenceView {
    pub(in crate::classes) id: Uuid,
    pub(in crate::classes) class_type_id: Uuid,
    pub(in crate::classes) title: String,
    pub(in crate::classes) description: String,
    pub(in crate::classes) start_time: DateTime<Utc>,
    pub(in crate::classes) end_time: DateTime<Utc>,
    /// The date on which the class starts, in `timeZone`.
    pub(in crate::classes) local_date: NaiveDate,
    /// The time at which the class starts, in `timeZone`, such as `19:00`.
    pub(in crate::classes) local_time: String,
    /// The IANA time zone of `localDate` and `localTime`.
    pub(in crate::classes) time_zone: String,
    pub(in crate::classes) room: String,
    pub(in crate::classes) instructor: ClassInstructor,
    pub(in crate::classes) level: Level,
    /// The styles, in lower case.
    pub(in crate::classes) styles: Vec<String>,
    pub(in crate::classes) image_url: Option<String>,
    pub(in crate::classes) price: Amount,
    /// ISO 4217 code.
    pub(in crate::classes) currency: String,
    /// The number of spots.
    pub(in crate::classes) max_participants: i32,
    /// The number of spots that are taken. It is greater than `maxParticipants` if staff have booked
    /// beyond the capacity.
    taken: i32,
    /// The number of free spots. 0 if the class is cancelled.
    pub(in crate::classes) places_left: i32,
    /// The number of members on the waitlist.
    pub(in crate::classes) waitlist_length: i64,
    pub(in crate::classes) is_cancelled: bool,
    /// The course that the class is part of. Null if it is part of none that is sold.
    pub(in crate::classes) course: Option<OccurrenceCourseView>,
}

/// The course that a class is part of.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OccurrenceCourse)]
pub(super) struct OccurrenceCourseView {
    /// The id of the course, which is the id of its product.
    pub(in crate::classes) id: Uuid,
    #[schema(examples("Salsa for beginners"))]
    pub(in crate::classes) name: String,
    /// Whether the class can be booked by itself.
    pub(in crate::classes) drop_in: bool,
}

/// The instructor of a class.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ClassInstructor {
    pub(in crate::classes) id: Uuid,
    pub(in crate::classes) name: String,
}

impl OccurrenceView {
    /// Creates the view of an occurrence, with local times in `zone` and the price in
    /// `currency`.
    pub fn new(occurrence: Occurrence, zone: &TimeZone, currency: &str) -> Self {
        let local = zone.local(occurrence.start_time).naive_local();
        Self {
            places_left: free_spots(
                occurrence.is_cancelled,
                occurrence.max_participants,
                occurrence.current_participants,
            ),
            id: occurrence.id,
            class_type_id: occurrence.class_type_id,
            title: occurrence.title,
            description: occurrence.description,
            start_time: occurrence.start_time,
            end_time: occurrence.end_time,
            local_date: local.date(),
            local_time: local.format("%H:%M").to_string(),
            time_zone: zone.name().to_owned(),
            room: occurrence.room,
            instructor: ClassInstructor {
                id: occurrence.instructor_id,
                name: occurrence.instructor,
            },
            level: occurrence.level,
            styles: occurrence.styles,
            image_url: occurrence.image_url,
            price: occurrence.price.in_currency(currency),
            currency: currency.to_owned(),
            max_participants: occurrence.max_participants,
            taken: occurrence.current_participants,
            waitlist_length: occurrence.waitlist_length,
            is_cancelled: occurrence.is_cancelled,
            course: occurrence.course.map(|course| OccurrenceCourseView {
                id: course.id,
                name: course.name,
                drop_in: course.drop_in,
            }),
        }
    }
}

impl OccurrenceView {
    /// Returns the course of a class that members book with its course only. `None` if they can book
    /// it by itself.
    pub(super) fn needed_course(&self) -> Option<&OccurrenceCourseView> {
        self.course.as_ref().filter(|course| !course.drop_in)
    }
}

/// Returns the number of free spots of a class. A class above its capacity has none.
pub(super) fn free_spots(is_cancelled: bool, spots: i32, taken: i32) -> i32 {
    if is_cancelled {
        0
    } else {
        (spots - taken).max(0)
    }
}
