//! The session model: `api/session/`, `api/sessions/`, and the session store.

mod admin_sessions;
mod cookies;
mod expiry;
mod outages;
mod own_sessions;
mod persistence;
mod races;
mod refused_writes;
mod session_data;
mod store;
