//! Postgres, Redis, migrations, and counters.

pub mod counters;
pub mod migrations;
pub mod page;
pub mod postgres;
pub mod redis;
