//! The session model: `api/session/`, `api/sessions/`, and the session store.

mod admin_sessions;
mod cookies;
mod expiry;
mod outages;
mod own_sessions;
mod persistence;
mod races;
mod session_data;
mod store;
