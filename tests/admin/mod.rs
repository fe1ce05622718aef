//! Operations: `api/admin/`.

mod bookings;
mod classes;
mod cleanup_sessions;
mod init_db;
mod instructors;
