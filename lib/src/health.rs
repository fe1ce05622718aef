//! Whether what Sabor stands on answers, and how fast.

use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::store::postgres::chain;
use crate::{App, BoxFuture};

/// Who asks after health wants an answer, not a wait.
const PATIENCE: Duration = Duration::from_secs(1);

/// One word for all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// Everything answers.
    Healthy,
    /// Redis does not: everything works, more slowly.
    Degraded,
    /// Postgres does not: little works.
    Unhealthy,
}

/// Whether a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum Status {
    /// It answers.
    #[serde(rename = "connected")]
    Connected,
    /// It does not.
    #[serde(rename = "disconnected")]
    Disconnected,
    /// There is none, by choice.
    #[serde(rename = "not configured")]
    NotConfigured,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Service {
    status: Status,
    /// How long it took to answer, such as `4ms`; only when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<String>,
}

/// What Sabor stands on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Services {
    /// Postgres.
    database: Service,
    /// Redis.
    kv: Service,
}

impl Services {
    /// One word for all of them.
    pub fn overall(&self) -> Overall {
        match (self.database.status, self.kv.status) {
            (Status::Connected, Status::Disconnected) => Overall::Degraded,
            (Status::Connected, _) => Overall::Healthy,
            _ => Overall::Unhealthy,
        }
    }
}

/// Asks both at the same time, for a second at the most.
pub async fn check(app: &App) -> Services {
    let database = service(Some(Box::pin(app.db().ping())));
    let kv = service(app.kv().map(|kv| kv.ping()));
    let (database, kv) = tokio::join!(database, kv);
    Services { database, kv }
}

async fn service(ping: Option<BoxFuture<'_, Result<Duration>>>) -> Service {
    let silent = |status| Service {
        status,
        latency: None,
    };
    let Some(ping) = ping else {
        return silent(Status::NotConfigured);
    };
    let late = |_| Err(Error::unavailable("no answer within a second"));
    match timeout(PATIENCE, ping).await.unwrap_or_else(late) {
        Ok(latency) => Service {
            status: Status::Connected,
            latency: Some(format!("{}ms", latency.as_millis())),
        },
        Err(error) => {
            tracing::warn!(error = %chain(&error), "health");
            silent(Status::Disconnected)
        }
    }
}
