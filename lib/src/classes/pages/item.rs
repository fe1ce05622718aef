//! Classes and instructors as the templates show them.

use chrono::NaiveDate;

use super::address::class_path;
use super::texts::PageTexts;
use crate::classes::catalog::view::InstructorView;
use crate::classes::occurrence_view::OccurrenceView;
use crate::values::locale::Locale;
use crate::values::time_zone::TimeZone;

/// A class as the templates show it.
pub(super) struct ClassItem {
    pub title: String,
    /// The path of the page of the site that shows the class.
    pub path: String,
    /// The local day, such as `Friday, August 7, 2026`.
    pub day: String,
    /// The local times, such as `7:00 PM – 8:00 PM`.
    pub hours: String,
    /// The start for programs (RFC 3339).
    pub start: String,
    pub instructor: String,
    pub instructor_path: String,
    pub room: String,
    pub level: &'static str,
    /// The price, or the course with which the class is booked.
    pub price: String,
    /// Whether there are free spots, such as `3 spots left`.
    pub availability: String,
    /// The class of the style sheet for the availability.
    pub availability_style: &'static str,
    pub is_cancelled: bool,
    /// All of this in one sentence.
    pub summary: String,
}

impl ClassItem {
    pub(super) fn new(class: &OccurrenceView, zone: &TimeZone, locale: Locale) -> Self {
        let texts = PageTexts::of(locale);
        let hours = format!(
            "{} – {}",
            zone.format_time(class.start_time, locale),
            zone.format_time(class.end_time, locale)
        );
        // A class that is booked with its course only has no price of its own.
        let price = match class.needed_course() {
            Some(course) => texts.only_with_course(&course.name),
            None => texts.price(&class.price, &class.currency),
        };
        let availability = texts.availability(class);
        Self {
            summary: format!(
                "{hours}, {} {}, {}. {price}. {availability}.",
                texts.with, class.instructor.name, class.room
            ),
            title: class.title.clone(),
            path: class_path(class),
            day: zone.format_date(class.start_time, locale),
            hours,
            start: zone.local(class.start_time).to_rfc3339(),
            instructor: class.instructor.name.clone(),
            instructor_path: format!("/instructors/{}", class.instructor.id),
            room: class.room.clone(),
            level: texts.level(class.level),
            price,
            availability,
            availability_style: match (class.is_cancelled, class.places_left > 0) {
                (true, _) => "cancelled",
                (false, true) => "spots",
                (false, false) => "full",
            },
            is_cancelled: class.is_cancelled,
        }
    }
}

/// The classes of a day.
pub(super) struct DayOfClasses {
    pub day: String,
    pub classes: Vec<ClassItem>,
}

/// Sorts classes by their start and groups them by their local day.
pub(super) fn group_by_day(
    classes: &[OccurrenceView],
    zone: &TimeZone,
    locale: Locale,
) -> Vec<DayOfClasses> {
    let mut sorted: Vec<&OccurrenceView> = classes.iter().collect();
    sorted.sort_by_key(|class| (class.start_time, class.id));
    let mut days: Vec<(NaiveDate, DayOfClasses)> = Vec::new();
    for class in sorted {
        let item = ClassItem::new(class, zone, locale);
        match days.last_mut() {
            Some((date, day)) if *date == class.local_date => day.classes.push(item),
            _ => {
                let day = item.day.clone();
                let classes = vec![item];
                days.push((class.local_date, DayOfClasses { day, classes }));
            }
        }
    }
    days.into_iter().map(|(_, day)| day).collect()
}

/// An instructor as the templates show them.
pub(super) struct InstructorItem<'a> {
    pub profile: &'a InstructorView,
    pub path: String,
    /// The styles and the years of experience.
    pub facts: String,
}

impl<'a> InstructorItem<'a> {
    pub(super) fn new(profile: &'a InstructorView, locale: Locale) -> Self {
        Self {
            path: format!("/instructors/{}", profile.id),
            facts: PageTexts::of(locale).instructor_facts(profile),
            profile,
        }
    }
}
