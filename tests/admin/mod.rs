//! Operations: `api/admin/`.

mod cleanup_sessions;
mod init_db;
