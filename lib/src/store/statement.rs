//! SQL statements and their parameters.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::runtime::background::BoxFuture;
use crate::store::client::{Client, in_time};

/// One SQL statement, and its name in the slow-query log.
///
/// It runs without a named prepared statement, and sends the types of its parameters.
/// This takes one round trip, and works through every connection pooler.
///
/// The methods return boxed futures: the compiler cannot prove that a future which
/// holds a slice of `&dyn Param` is `Send` inside an async closure.
pub struct Statement {
    name: &'static str,
    sql: &'static str,
}

impl Statement {
    /// Creates a statement. Its name has a noun and a verb, such as `session.find`.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql }
    }

    /// Returns all rows.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unavailable`] when Postgres does not answer, and with
    /// [`Error::Internal`] when it rejects the statement.
    pub fn all<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let typed_params: Vec<_> = params
                .iter()
                .map(|param| (param.as_sql(), param.sql_type()))
                .collect();
            let started = Instant::now();
            let outcome = in_time(self.name, client.query_typed(self.sql, &typed_params)).await;
            self.log_if_slow(started.elapsed(), client.slow_query());
            outcome
        })
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Statement::all`].
    pub fn opt<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<Option<Row>>> {
        Box::pin(async move { Ok(self.all(client, params).await?.into_iter().next()) })
    }

    /// Returns the first row of a statement that always returns one.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Statement::all`], and with [`Error::Internal`] when there is
    /// no row.
    pub fn one<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<Row>> {
        Box::pin(async move {
            let row = self.opt(client, params).await?;
            row.ok_or_else(|| Error::internal(format!("{} returned no row", self.name)))
        })
    }

    /// Runs the statement and ignores its rows.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Statement::all`].
    pub fn execute<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.all(client, params).await.map(drop) })
    }

    fn log_if_slow(&self, elapsed: Duration, threshold: Duration) {
        if elapsed >= threshold {
            let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(statement = self.name, ms, "slow query");
        }
    }
}

/// A value whose Postgres type is known, so that no statement has to be prepared.
pub trait Param: ToSql + Sync {
    /// Returns the type that is sent with the value.
    fn sql_type(&self) -> Type;

    /// Returns the value in the form that the driver accepts.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

macro_rules! params {
    ($($rust:ty => $scalar:ident, $array:ident;)+) => {$(
        impl Param for $rust {
            fn sql_type(&self) -> Type { Type::$scalar }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Option<$rust> {
            fn sql_type(&self) -> Type { Type::$scalar }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Vec<$rust> {
            fn sql_type(&self) -> Type { Type::$array }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
    )+};
}

params! {
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    Uuid => UUID, UUID_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    f64 => FLOAT8, FLOAT8_ARRAY;
    IpAddr => INET, INET_ARRAY;
    NaiveDate => DATE, DATE_ARRAY;
    NaiveTime => TIME, TIME_ARRAY;
    Decimal => NUMERIC, NUMERIC_ARRAY;
    DateTime<Utc> => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    serde_json::Value => JSONB, JSONB_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
}
