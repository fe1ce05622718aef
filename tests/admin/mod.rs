//! Operations: `api/admin/`.

mod accounts;
mod analytics;
mod apps;
mod bookings;
mod classes;
mod cleanup_sessions;
mod contacts;
mod dashboard;
mod init_db;
mod instructors;
mod rows;
mod schedule;
mod security_events;
mod staff;
mod users;
