//! Database rows and SQL statements, one kind of row per file.

pub mod booking;
pub mod calendar;
pub mod catalog;
pub mod class_type;
pub mod closure;
pub mod contact;
pub mod course;
pub mod cross_app_session;
pub mod expired;
pub mod idempotency_key;
pub mod instructor;
pub mod mail_notice;
pub mod mail_outbox;
pub mod mail_preference;
pub mod member_event;
pub mod membership;
pub mod oauth_state;
pub mod occurrence;
pub mod one_time_token;
pub mod order;
pub mod organization;
pub mod partner_app;
pub mod pass;
pub mod payment;
pub mod payment_method;
pub mod payment_status;
pub mod product;
pub mod promo_code;
pub mod provider_entry;
pub mod provider_payout;
pub mod provider_pull;
pub mod rate_limit;
pub mod receipt;
pub mod remembered_device;
pub mod reminder;
pub mod report;
pub mod room;
pub mod security_event;
pub mod sign_in_challenge;
pub mod staff_event;
pub mod teaching;
pub mod user;
pub mod user_identity;
pub(crate) mod user_session;
pub mod wallet;
pub mod webhook_event;
pub mod weekly_class;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Parses a JSON value that a statement has built from one or more rows.
fn from_json<T: DeserializeOwned>(json: Value) -> Result<T> {
    serde_json::from_value(json).map_err(|error| Error::Internal(Box::new(error)))
}

/// Returns the ids of rows.
fn ids(rows: &[Row]) -> Result<Vec<Uuid>> {
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}
