//! Classes and instructors as HTML, for search engines, link previews, and browsers without
//! JavaScript.
//!
//! A page shows what the JSON of the same function contains. It links to the page of the site
//! that books classes, and names that page as its canonical address.

mod address;
mod item;
mod layout;
mod preview;
pub(super) mod respond;
mod structured_data;
mod texts;

use askama::Template;
use serde_json::Value;

use self::item::{ClassItem, DayOfClasses, InstructorItem, group_by_day};
use self::layout::{Head, Layout, excerpt};
pub use self::preview::{PreviewQuery, preview};
use self::texts::PageTexts;
use super::catalog::view::{ClassTypeDetails, ClassTypeView, InstructorDetails, InstructorView};
use super::occurrence_view::OccurrenceView;
use crate::error::Result;
use crate::http::List;
use crate::models::class_type::ClassTypeFilter;
use crate::runtime::config::StudioConfig;
use crate::values::locale::Locale;
use crate::values::time_zone::TimeZone;

/// The timetable.
#[derive(Template)]
#[template(path = "pages/timetable.html")]
struct TimetablePage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
    city: String,
    days: Vec<DayOfClasses>,
    next_path: Option<String>,
}

/// Renders a page of the schedule.
pub(super) fn timetable(
    studio: &StudioConfig,
    zone: &TimeZone,
    params: &[(&str, Option<String>)],
    list: &List<OccurrenceView>,
    locale: Locale,
) -> Result<String> {
    let texts = PageTexts::of(locale);
    let head = Head {
        title: texts.timetable.to_owned(),
        description: texts.timetable_description(&studio.name),
        path: "/timetable".to_owned(),
        image_url: None,
        data: events(studio, zone, &list.items),
    };
    let page = TimetablePage {
        layout: Layout::new(studio, locale, head),
        texts,
        city: zone.city(),
        days: group_by_day(&list.items, zone, locale),
        next_path: next_path("/api/classes/schedule", params, list),
    };
    Ok(page.render()?)
}

/// The list of class types.
#[derive(Template)]
#[template(path = "pages/class-types.html")]
struct ClassTypesPage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
    class_types: Vec<ClassTypeItem<'a>>,
    next_path: Option<String>,
}

/// A class type in the list.
struct ClassTypeItem<'a> {
    class_type: &'a ClassTypeView,
    facts: String,
}

/// Renders a page of the list of class types.
pub(super) fn class_types(
    studio: &StudioConfig,
    filter: &ClassTypeFilter,
    list: &List<ClassTypeView>,
    locale: Locale,
) -> Result<String> {
    let texts = PageTexts::of(locale);
    let data = list.items.iter();
    let head = Head {
        title: texts.classes.to_owned(),
        description: texts.classes_description(&studio.name),
        path: "/classes".to_owned(),
        image_url: None,
        data: data
            .map(|class_type| structured_data::course(studio, class_type, &[]))
            .collect(),
    };
    let items = list.items.iter().map(|class_type| ClassTypeItem {
        facts: texts.class_type_facts(class_type),
        class_type,
    });
    let params = [
        ("level", filter.level.map(|level| level.as_str().to_owned())),
        ("style", filter.style.clone()),
        ("instructor", filter.instructor.map(|id| id.to_string())),
    ];
    let page = ClassTypesPage {
        layout: Layout::new(studio, locale, head),
        texts,
        class_types: items.collect(),
        next_path: next_path("/api/classes/list", &params, list),
    };
    Ok(page.render()?)
}

/// A class type with its next classes.
#[derive(Template)]
#[template(path = "pages/class-type.html")]
struct ClassTypePage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
    class_type: &'a ClassTypeView,
    facts: String,
    classes: Vec<ClassItem>,
    instructors: Vec<InstructorItem<'a>>,
}

/// Renders a class type with its next classes and its instructors.
pub(super) fn class_type(
    studio: &StudioConfig,
    details: &ClassTypeDetails,
    locale: Locale,
) -> Result<String> {
    let texts = PageTexts::of(locale);
    let class_type = &details.class_type;
    let classes = &details.upcoming_classes;
    let zone = TimeZone::of_studio(studio)?;
    let instances = classes.iter();
    let instances: Vec<_> = instances
        .map(|class| structured_data::course_instance(studio, &zone, class))
        .collect();
    let mut data = vec![structured_data::course(studio, class_type, &instances)];
    data.extend(events(studio, &zone, classes));
    let facts = texts.class_type_facts(class_type);
    let head = Head {
        title: class_type.name.clone(),
        description: match class_type.description.is_empty() {
            true => facts.clone(),
            false => excerpt(&class_type.description),
        },
        path: format!("/classes/{}", class_type.id),
        image_url: class_type.image_url.clone(),
        data,
    };
    let page = ClassTypePage {
        layout: Layout::new(studio, locale, head),
        texts,
        class_type,
        facts,
        classes: class_items(classes, &zone, locale),
        instructors: instructor_items(&details.instructors, locale),
    };
    Ok(page.render()?)
}

/// One class.
#[derive(Template)]
#[template(path = "pages/occurrence.html")]
struct OccurrencePage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
    class: ClassItem,
    description: &'a str,
    class_type_path: String,
}

/// Renders one class.
pub(super) fn occurrence(
    studio: &StudioConfig,
    occurrence: &OccurrenceView,
    locale: Locale,
) -> Result<String> {
    let texts = PageTexts::of(locale);
    let zone = TimeZone::of_studio(studio)?;
    let class = ClassItem::new(occurrence, &zone, locale);
    let head = Head {
        title: format!("{}, {}", class.title, class.day),
        description: excerpt(&format!("{} {}", class.summary, occurrence.description)),
        path: class.path.clone(),
        image_url: occurrence.image_url.clone(),
        data: vec![structured_data::event(studio, &zone, occurrence)],
    };
    let page = OccurrencePage {
        layout: Layout::new(studio, locale, head),
        texts,
        class,
        description: &occurrence.description,
        class_type_path: format!("/classes/{}", occurrence.class_type_id),
    };
    Ok(page.render()?)
}

/// The list of instructors.
#[derive(Template)]
#[template(path = "pages/instructors.html")]
struct InstructorsPage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
    instructors: Vec<InstructorItem<'a>>,
    next_path: Option<String>,
}

/// Renders a page of the list of instructors.
pub(super) fn instructors(
    studio: &StudioConfig,
    list: &List<InstructorView>,
    locale: Locale,
) -> Result<String> {
    let texts = PageTexts::of(locale);
    let data = list.items.iter();
    let head = Head {
        title: texts.instructors.to_owned(),
        description: texts.instructors_description(&studio.name),
        path: "/instructors".to_owned(),
        image_url: None,
        data: data
            .map(|profile| structured_data::person(studio, profile))
            .collect(),
    };
    let page = InstructorsPage {
        layout: Layout::new(studio, locale, head),
        texts,
        instructors: instructor_items(&list.items, locale),
        next_path: next_path("/api/instructors", &[], list),
    };
    Ok(page.render()?)
}

/// An instructor with their next classes.
#[derive(Template)]
#[template(path = "pages/instructor.html")]
struct InstructorPage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
    instructor: InstructorItem<'a>,
    classes: Vec<ClassItem>,
}

/// Renders an instructor with their next classes.
pub(super) fn instructor(
    studio: &StudioConfig,
    details: &InstructorDetails,
    locale: Locale,
) -> Result<String> {
    let texts = PageTexts::of(locale);
    let (profile, classes) = (&details.instructor, &details.upcoming_classes);
    let zone = TimeZone::of_studio(studio)?;
    let mut data = vec![structured_data::person(studio, profile)];
    data.extend(events(studio, &zone, classes));
    let head = Head {
        title: profile.name.clone(),
        description: match profile.bio.is_empty() {
            true => texts.instructors_description(&studio.name),
            false => excerpt(&profile.bio),
        },
        path: format!("/instructors/{}", profile.id),
        image_url: profile.profile_image_url.clone(),
        data,
    };
    let page = InstructorPage {
        layout: Layout::new(studio, locale, head),
        texts,
        instructor: InstructorItem::new(profile, locale),
        classes: class_items(classes, &zone, locale),
    };
    Ok(page.render()?)
}

/// The page for an id that does not exist.
#[derive(Template)]
#[template(path = "pages/not-found.html")]
struct NotFoundPage<'a> {
    layout: Layout<'a>,
    texts: &'static PageTexts,
}

/// Renders the page for an id that does not exist.
fn not_found(studio: &StudioConfig, locale: Locale) -> Result<String> {
    let texts = PageTexts::of(locale);
    let head = Head {
        title: texts.not_found_title.to_owned(),
        description: texts.not_found_text.to_owned(),
        path: "/classes".to_owned(),
        image_url: None,
        data: Vec::new(),
    };
    let layout = Layout::new(studio, locale, head);
    Ok(NotFoundPage { layout, texts }.render()?)
}

fn events(studio: &StudioConfig, zone: &TimeZone, classes: &[OccurrenceView]) -> Vec<Value> {
    let classes = classes.iter();
    classes
        .map(|class| structured_data::event(studio, zone, class))
        .collect()
}

fn class_items(classes: &[OccurrenceView], zone: &TimeZone, locale: Locale) -> Vec<ClassItem> {
    let classes = classes.iter();
    classes
        .map(|class| ClassItem::new(class, zone, locale))
        .collect()
}

fn instructor_items(profiles: &[InstructorView], locale: Locale) -> Vec<InstructorItem<'_>> {
    let profiles = profiles.iter();
    profiles
        .map(|profile| InstructorItem::new(profile, locale))
        .collect()
}

/// Returns the address of the next page of a list, with the parameters that have a value.
fn next_path<T>(path: &str, params: &[(&str, Option<String>)], list: &List<T>) -> Option<String> {
    let cursor = list.next_cursor.as_ref()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("cursor", cursor);
    Some(format!("{path}?{}", query.finish()))
}
