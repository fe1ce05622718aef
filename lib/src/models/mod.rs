//! One file per noun: its types, and its SQL beside them.

pub mod account;
pub mod app;
pub mod booking;
pub mod calendar;
pub mod class_schedule;
pub mod class_type;
pub mod contact;
pub mod cross_app_session;
pub mod daily_counter;
pub mod figures;
pub mod idempotency_key;
pub mod instructor;
pub mod mail_outbox;
pub mod member_event;
pub mod oauth_state;
pub mod occurrence;
pub mod one_time_token;
pub mod payment;
pub mod remembered_device;
pub mod security_event;
pub mod sign_in_challenge;
pub mod throttle;
pub mod user;
pub mod user_identity;
pub mod webhook_event;
