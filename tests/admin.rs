//! `api/admin/`: what staff, administrators and cron can do.

mod accounts;
mod analytics;
mod apps;
mod authorization;
pub mod bookings;
mod check_ins;
mod classes;
mod cleanup_sessions;
mod closures;
mod contacts;
mod dashboard;
pub mod fixtures;
mod front_desk_times;
mod given_spots;
mod init_db;
mod instructors;
mod medical_notes;
mod member_history;
mod members;
mod moved_bookings;
pub mod overbooking;
mod previews;
mod report_sums;
mod reports;
mod rooms;
mod schedule;
mod security_events;
mod series;
mod users;

use crate::harness::TestResponse;

/// Asserts that a response rejects this field, or a part of it, and no other field.
#[track_caller]
pub fn assert_rejects_only(response: &TestResponse, field: &str) {
    let body = response.expect_code(400, "validation_failed");
    let details = body["details"].as_object().unwrap();
    let rejected_fields: Vec<_> = details.keys().collect();
    assert!(
        rejected_fields.len() == 1 && rejected_fields[0].starts_with(field),
        "{field}: {details:?}"
    );
}
