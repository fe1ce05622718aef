//! `api/classes/`: the public catalog and schedule.

mod availability;
mod caching;
mod details;
mod injection;
mod list;
mod occurrence;
mod pages;
mod schedule;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{TestApp, TestClient};

/// The hourly rate of every instructor in these tests. Only staff may see it.
pub const HOURLY_RATE: &str = "4321.09";

/// A class type and an instructor who teaches it.
#[derive(Clone, Copy)]
pub struct ClassTypeAndInstructor {
    pub class_type: Uuid,
    pub instructor: Uuid,
}

/// Creates a class type with this name and an instructor of its own.
pub async fn create_class_type(app: &TestApp, name: &str) -> ClassTypeAndInstructor {
    let [class_type, instructor] = [(); 2].map(|()| Uuid::now_v7());
    let client = app.app.db().client().await.unwrap();
    let statement = format!(
        "insert into instructors (id, name, bio, specialties, hourly_rate, social_media_links)
        values ('{instructor}', 'Teacher of {name}', 'Dances.', '{{salsa}}', {HOURLY_RATE},
            '{{\"instagram\": \"https://instagram.example/teacher\"}}');
        insert into class_types (id, name, description, price_per_class, styles, difficulty_level)
        values ('{class_type}', '{name}', 'All about {name}.', 18, '{{salsa,mambo}}', 'beginner')"
    );
    client.batch_execute(&statement).await.unwrap();
    ClassTypeAndInstructor {
        class_type,
        instructor,
    }
}

/// Creates a class of one hour in a room of its own.
pub async fn create_class_at(
    app: &TestApp,
    course: ClassTypeAndInstructor,
    start: DateTime<Utc>,
) -> Uuid {
    let id = Uuid::now_v7();
    let ClassTypeAndInstructor {
        class_type,
        instructor,
    } = course;
    app.sql(&format!(
        "insert into scheduled_classes (id, class_type_id, instructor_id, title,
            start_time, end_time, max_participants, room)
        select '{id}', '{class_type}', '{instructor}', name, '{start}',
            timestamptz '{start}' + interval '1 hour', 20, 'Room {id}'
        from class_types where id = '{class_type}'"
    ))
    .await;
    id
}

/// Advances the clock to the next full minute, so that responses cached for the
/// current minute stay valid for a while.
pub fn advance_to_next_minute(app: &TestApp) -> DateTime<Utc> {
    let clock = app.app.clock();
    let now = clock.now();
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap() + TimeDelta::minutes(1);
    clock.advance(minute - now);
    minute
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Sends a GET request that must succeed; returns the body.
pub async fn get_ok(person: &TestClient, path: &str) -> Value {
    person.get(path).await.expect(200)
}

/// Returns one field of every item.
pub fn values_of(list: &Value, field: &str) -> Vec<Value> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item[field].clone()).collect()
}
