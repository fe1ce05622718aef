//! Operations: `api/admin/`.

mod analytics;
mod bookings;
mod cleanup_sessions;
mod dashboard;
mod init_db;
mod rows;
mod users;
