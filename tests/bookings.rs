//! Places, and the lines for them.

mod cancel;
mod create;
mod crowd;
mod idempotency;
mod list;
mod payment;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Person, TestApp};

pub async fn book(person: &Person, class: Uuid) -> Answer {
    let wish = json!({ "scheduledClassId": class });
    person.post("/api/bookings/create", wish).await
}

pub async fn wait_for(person: &Person, class: Uuid) -> Answer {
    let wish = json!({ "scheduledClassId": class, "joinWaitlist": true });
    person.post("/api/bookings/create", wish).await
}

pub async fn cancel(person: &Person, booking: &Value) -> Answer {
    let regret = json!({ "bookingId": booking["id"] });
    person.post("/api/bookings/cancel", regret).await
}

/// What must hold for every occurrence at every moment.
pub async fn assert_consistent(app: &TestApp) {
    let wrong = app
        .count(
            "select count(*) from scheduled_classes c where c.current_participants <> (
                select count(*) from bookings b where b.scheduled_class_id = c.id
                  and b.status in ('booked', 'attended', 'no_show'))",
        )
        .await;
    assert_eq!(wrong, 0, "a count is not that of the bookings");
    let passed_over = app
        .count(
            "select count(*) from scheduled_classes c where current_participants < max_participants
                and not is_cancelled and start_time > now() + interval '2 hours'
                and exists (select from bookings b where b.scheduled_class_id = c.id
                    and b.status = 'waitlisted')",
        )
        .await;
    assert_eq!(passed_over, 0, "somebody waits for a place that is free");
}
