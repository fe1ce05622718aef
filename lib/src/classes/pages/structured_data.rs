//! Classes, class types, instructors and the studio in the vocabulary of schema.org, as
//! JSON-LD.
//!
//! schema.org has no type for a dance school. The studio is both a place for physical
//! activity, which is a kind of local business, and an educational organization.

use serde_json::{Map, Value, json};

use super::address::{absolute, class_path};
use crate::classes::catalog::view::{ClassTypeView, InstructorView};
use crate::classes::occurrence_view::OccurrenceView;
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

const IN_STOCK: &str = "https://schema.org/InStock";
const SOLD_OUT: &str = "https://schema.org/SoldOut";

/// Returns the items and the studio as JSON for a `script` element.
///
/// `<`, `>` and `&` are escaped, so that no text can end the element. U+2028 and U+2029 are
/// escaped because older scripts read them as ends of lines.
pub(super) fn script(studio: &StudioConfig, items: Vec<Value>) -> String {
    let mut graph = vec![school(studio)];
    graph.extend(items);
    let data = json!({ "@context": "https://schema.org", "@graph": graph });
    let mut escaped = String::new();
    for character in data.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Returns the id of the studio in the data.
fn school_id(studio: &StudioConfig) -> String {
    absolute(studio, "/#studio")
}

fn school(studio: &StudioConfig) -> Value {
    let coordinates = studio
        .address
        .as_ref()
        .and_then(|address| address.coordinates);
    object([
        (
            "@type",
            json!(["SportsActivityLocation", "EducationalOrganization"]),
        ),
        ("@id", json!(school_id(studio))),
        ("name", json!(studio.name)),
        ("url", json!(absolute(studio, "/"))),
        ("image", json!(absolute(studio, "/preview.png"))),
        ("email", json!(studio.email)),
        ("address", address(studio)),
        (
            "geo",
            json!(coordinates.map(|point| json!({
                "@type": "GeoCoordinates",
                "latitude": point.latitude,
                "longitude": point.longitude,
            }))),
        ),
    ])
}

fn address(studio: &StudioConfig) -> Value {
    studio.address.as_ref().map_or(Value::Null, |address| {
        object([
            ("@type", json!("PostalAddress")),
            ("streetAddress", json!(address.street)),
            ("addressLocality", json!(address.city)),
            ("addressRegion", json!(address.region)),
            ("postalCode", json!(address.postal_code)),
            ("addressCountry", json!(address.country)),
        ])
    })
}

/// Returns a class as an event.
pub(super) fn event(studio: &StudioConfig, zone: &TimeZone, class: &OccurrenceView) -> Value {
    let url = absolute(studio, &class_path(class));
    let status = match class.is_cancelled {
        true => "https://schema.org/EventCancelled",
        false => "https://schema.org/EventScheduled",
    };
    let availability = match class.places_left > 0 {
        true => IN_STOCK,
        false => SOLD_OUT,
    };
    let performer = json!({
        "@type": "Person",
        "name": class.instructor.name,
        "url": absolute(studio, &format!("/instructors/{}", class.instructor.id)),
    });
    // A class that is booked with its course only has no offer of its own.
    let is_offered = class.needed_course().is_none();
    let offer = json!({
        "@type": "Offer",
        "url": url,
        "price": class.price,
        "priceCurrency": class.currency,
        "availability": availability,
    });
    object([
        ("@type", json!("Event")),
        ("@id", json!(url)),
        ("url", json!(url)),
        ("name", json!(class.title)),
        ("description", non_empty(&class.description)),
        (
            "startDate",
            json!(zone.local(class.start_time).to_rfc3339()),
        ),
        ("endDate", json!(zone.local(class.end_time).to_rfc3339())),
        ("eventStatus", json!(status)),
        (
            "eventAttendanceMode",
            json!("https://schema.org/OfflineEventAttendanceMode"),
        ),
        ("image", image(studio, class.image_url.as_deref())),
        ("location", location(studio, &class.room)),
        ("performer", performer),
        ("organizer", json!({ "@id": school_id(studio) })),
        ("maximumAttendeeCapacity", json!(class.max_participants)),
        ("remainingAttendeeCapacity", json!(class.places_left)),
        ("offers", if is_offered { offer } else { Value::Null }),
    ])
}

/// Returns a class as an instance of the course of its class type.
pub(super) fn course_instance(
    studio: &StudioConfig,
    zone: &TimeZone,
    class: &OccurrenceView,
) -> Value {
    json!({
        "@type": "CourseInstance",
        "courseMode": "Onsite",
        "startDate": zone.local(class.start_time).to_rfc3339(),
        "endDate": zone.local(class.end_time).to_rfc3339(),
        "location": location(studio, &class.room),
        "instructor": { "@type": "Person", "name": class.instructor.name },
    })
}

/// Returns a class type as a course.
pub(super) fn course(
    studio: &StudioConfig,
    class_type: &ClassTypeView,
    instances: &[Value],
) -> Value {
    let url = absolute(studio, &format!("/classes/{}", class_type.id));
    let category = match class_type.price.is_zero() {
        true => "Free",
        false => "Paid",
    };
    object([
        ("@type", json!("Course")),
        ("@id", json!(url)),
        ("url", json!(url)),
        ("name", json!(class_type.name)),
        ("description", non_empty(&class_type.description)),
        ("image", image(studio, class_type.image_url.as_deref())),
        ("educationalLevel", json!(class_type.level)),
        ("about", list(&class_type.styles)),
        (
            "timeRequired",
            json!(format!("PT{}M", class_type.duration_minutes)),
        ),
        ("provider", json!({ "@id": school_id(studio) })),
        (
            "offers",
            json!({
                "@type": "Offer",
                "category": category,
                "price": class_type.price,
                "priceCurrency": class_type.currency,
            }),
        ),
        ("hasCourseInstance", list(instances)),
    ])
}

/// Returns an instructor as a person.
pub(super) fn person(studio: &StudioConfig, profile: &InstructorView) -> Value {
    let url = absolute(studio, &format!("/instructors/{}", profile.id));
    let links: Vec<&String> = profile.social_media_links.values().collect();
    object([
        ("@type", json!("Person")),
        ("@id", json!(url)),
        ("url", json!(url)),
        ("name", json!(profile.name)),
        ("description", non_empty(&profile.bio)),
        ("image", image(studio, profile.profile_image_url.as_deref())),
        ("knowsAbout", list(&profile.specialties)),
        ("sameAs", list(&links)),
        ("worksFor", json!({ "@id": school_id(studio) })),
    ])
}

fn location(studio: &StudioConfig, room: &str) -> Value {
    object([
        ("@type", json!("Place")),
        ("name", json!(format!("{}, {room}", studio.name))),
        ("address", address(studio)),
    ])
}

fn image(studio: &StudioConfig, url: Option<&str>) -> Value {
    json!(url.map(|url| absolute(studio, url)))
}

fn non_empty(text: &str) -> Value {
    json!(Some(text).filter(|text| !text.is_empty()))
}

fn list<T: serde::Serialize>(items: &[T]) -> Value {
    json!(Some(items).filter(|items| !items.is_empty()))
}

/// Creates an object from the properties that have a value.
fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    let properties = properties.into_iter();
    let properties: Map<String, Value> = properties
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    properties.into()
}
