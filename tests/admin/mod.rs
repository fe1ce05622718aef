//! Operations: `api/admin/`.

mod bookings;
mod cleanup_sessions;
mod contacts;
mod init_db;
