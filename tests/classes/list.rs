//! `api/classes/list.rs`

use chrono::TimeDelta;
use serde_json::json;

use super::{advance_to_next_minute, create_class_at, create_class_type, get_ok, values_of};
use crate::harness::TestApp;

const PATH: &str = "/api/classes/list";

#[tokio::test]
async fn visitors_see_active_class_types_only() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let bachata = create_class_type(&app, "Bachata").await;
    app.sql(&format!(
        "update class_types set is_active = false where id = '{}'",
        bachata.class_type
    ))
    .await;
    let list = get_ok(&app.visitor(), PATH).await;
    assert_eq!(
        list,
        json!({
            "items": [{
                "id": salsa.class_type,
                "name": "Salsa",
                "description": "All about Salsa.",
                "styles": ["salsa", "mambo"],
                "level": "beginner",
                "durationMinutes": 60,
                "maxParticipants": 20,
                "price": "18.00",
                "currency": "USD",
                "imageUrl": null,
            }],
            "nextCursor": null,
        })
    );
}

#[tokio::test]
async fn the_list_can_be_filtered_by_level_and_style() {
    let app = TestApp::start().await;
    create_class_type(&app, "Salsa").await;
    create_class_type(&app, "Rumba").await;
    app.sql(
        "update class_types set difficulty_level = 'all-levels', styles = '{rumba,afro-cuban}'
        where name = 'Rumba'",
    )
    .await;
    let visitor = app.visitor();
    for (query, names) in [
        ("level=beginner", vec!["Salsa"]),
        ("level=all-levels", vec!["Rumba"]),
        ("level=advanced", vec![]),
        ("style=mambo", vec!["Salsa"]),
        ("style=Afro-Cuban", vec!["Rumba"]),
        ("style=samba", vec![]),
        ("level=beginner&style=rumba", vec![]),
        ("level=&style=", vec!["Rumba", "Salsa"]),
    ] {
        let list = get_ok(&visitor, &format!("{PATH}?{query}")).await;
        assert_eq!(values_of(&list, "name"), names, "{query}");
    }
}

#[tokio::test]
async fn the_instructor_filter_finds_class_types_by_weekly_and_upcoming_classes() {
    let app = TestApp::start().await;
    let now = advance_to_next_minute(&app);
    let weekly = create_class_type(&app, "Weekly").await;
    let ended = create_class_type(&app, "Ended").await;
    let upcoming = create_class_type(&app, "Upcoming").await;
    let past = create_class_type(&app, "Past").await;
    let cancelled = create_class_type(&app, "Cancelled").await;
    // The instructor of the weekly class teaches all classes.
    let with_instructor = |course: super::ClassTypeAndInstructor| super::ClassTypeAndInstructor {
        instructor: weekly.instructor,
        ..course
    };
    for (course, effective_until) in [(weekly, "null"), (ended, "current_date - 3")] {
        app.sql(&format!(
            "insert into class_schedules (id, class_type_id, instructor_id, day_of_week,
                start_time, duration_minutes, max_participants, room, effective_from, effective_until)
            values (gen_random_uuid(), '{}', '{}', 5, '19:00', 60, 20, 'A', '2020-01-01', {effective_until})",
            course.class_type, weekly.instructor
        ))
        .await;
    }
    create_class_at(&app, with_instructor(upcoming), now + TimeDelta::days(3)).await;
    create_class_at(&app, with_instructor(past), now - TimeDelta::days(3)).await;
    let cancelled_class =
        create_class_at(&app, with_instructor(cancelled), now + TimeDelta::days(4)).await;
    app.mark_cancelled(cancelled_class).await;
    let visitor = app.visitor();
    let path = format!("{PATH}?instructor={}", weekly.instructor);
    assert_eq!(
        values_of(&get_ok(&visitor, &path).await, "name"),
        ["Upcoming", "Weekly"]
    );
    // After its start, a class no longer counts, even in a cached response.
    app.app.clock().advance(TimeDelta::days(3));
    assert_eq!(
        values_of(&get_ok(&visitor, &path).await, "name"),
        ["Weekly"]
    );
}

#[tokio::test]
async fn the_list_is_paginated() {
    let app = TestApp::start().await;
    for name in ["One", "Two", "Three"] {
        create_class_type(&app, name).await;
    }
    let class_types = app.visitor().get_all(&format!("{PATH}?limit=1")).await;
    let names: Vec<_> = class_types
        .iter()
        .map(|class_type| &class_type["name"])
        .collect();
    assert_eq!(names, ["Three", "Two", "One"]);
}
