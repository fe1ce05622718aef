//! A connection to Postgres.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// The time limit of a statement, longer than any statement takes. Without it, a request
/// would wait forever for a server that has stopped answering.
const STATEMENT_TIME_LIMIT: Duration = Duration::from_secs(15);

/// A connection, from the pool or separate. It dereferences to [`tokio_postgres::Client`].
pub struct Client {
    connection: Connection,
    slow_query: Duration,
}

enum Connection {
    Pooled(Object),
    Direct(tokio_postgres::Client),
}

impl Client {
    /// Wraps a connection of the pool. Statements that take `slow_query` or longer
    /// are logged.
    pub(super) fn pooled(connection: Object, slow_query: Duration) -> Self {
        Self {
            connection: Connection::Pooled(connection),
            slow_query,
        }
    }

    /// Wraps a connection that belongs to no pool.
    pub(super) fn direct(connection: tokio_postgres::Client, slow_query: Duration) -> Self {
        Self {
            connection: Connection::Direct(connection),
            slow_query,
        }
    }

    /// Returns the pooled connection itself, which can also cache prepared
    /// statements. `None` for a connection that belongs to no pool.
    pub fn into_pooled(self) -> Option<Object> {
        match self.connection {
            Connection::Pooled(connection) => Some(connection),
            Connection::Direct(_) => None,
        }
    }

    /// Returns how long a statement may take before it is logged as slow.
    pub(super) fn slow_query(&self) -> Duration {
        self.slow_query
    }

    /// Runs a command that takes no parameters and returns no rows, such as
    /// `begin`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unavailable`] when Postgres does not answer in time.
    pub(crate) async fn command(&self, sql: &'static str) -> Result<()> {
        in_time(sql, self.batch_execute(sql)).await
    }

    /// Waits until Postgres has answered everything that was sent on this
    /// connection, or until the time limit. Postgres answers in order.
    pub(crate) async fn wait_until_answered(&self) {
        // The error is ignored. Either the connection has ended, so no answer is outstanding, or
        // the time limit has passed.
        let _ = in_time("sync", self.check_connection()).await;
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        match &self.connection {
            Connection::Pooled(client) => client,
            Connection::Direct(client) => client,
        }
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.connection {
            Connection::Pooled(client) => client,
            Connection::Direct(client) => client,
        }
    }
}

/// Runs `query`. Fails with [`Error::Unavailable`] when Postgres does not answer in time.
pub(super) async fn in_time<T>(
    name: &str,
    query: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    match timeout(STATEMENT_TIME_LIMIT, query).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Error::unavailable(format!("{name} took too long"))),
    }
}
