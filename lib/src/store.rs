//! Postgres, Redis, the cache, migrations, and counters.

pub mod cache;
pub mod client;
pub mod counters;
pub mod migrations;
pub mod page;
pub mod postgres;
pub mod redis;
pub mod response_cache;
pub mod statement;
