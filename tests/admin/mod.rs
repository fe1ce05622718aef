//! Operations: `api/admin/`.

mod bookings;
mod cleanup_sessions;
mod init_db;
