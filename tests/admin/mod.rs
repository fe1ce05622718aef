//! Operations: `api/admin/`.

mod analytics;
mod bookings;
mod cleanup_sessions;
mod contacts;
mod dashboard;
mod init_db;
mod rows;
mod users;
