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
pub enum HealthStatus {
    /// Everything answers.
    Healthy,
    /// Redis does not: everything works, more slowly.
    Degraded,
    /// Postgres does not: little works.
    Unhealthy,
}

/// Whether a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum ServiceStatus {
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
pub struct ServiceHealth {
    status: ServiceStatus,
    /// How long it took to answer, such as `4ms`; only when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<String>,
}

/// What Sabor stands on.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServicesHealth {
    /// Postgres.
    database: ServiceHealth,
    /// Redis.
    kv: ServiceHealth,
}

impl ServicesHealth {
    /// One word for all of them.
    pub fn overall(&self) -> HealthStatus {
        match (self.database.status, self.kv.status) {
            (ServiceStatus::Connected, ServiceStatus::Disconnected) => HealthStatus::Degraded,
            (ServiceStatus::Connected, _) => HealthStatus::Healthy,
            _ => HealthStatus::Unhealthy,
        }
    }
}

/// Asks both at the same time, for a second at the most.
pub async fn check(app: &App) -> ServicesHealth {
    let database = service(Some(Box::pin(app.db().ping())));
    let kv = service(app.kv().map(|kv| kv.ping()));
    let (database, kv) = tokio::join!(database, kv);
    ServicesHealth { database, kv }
}

async fn service(ping: Option<BoxFuture<'_, Result<Duration>>>) -> ServiceHealth {
    let silent = |status| ServiceHealth {
        status,
        latency: None,
    };
    let Some(ping) = ping else {
        return silent(ServiceStatus::NotConfigured);
    };
    let late = |_| Err(Error::unavailable("no answer within a second"));
    match timeout(PATIENCE, ping).await.unwrap_or_else(late) {
        Ok(latency) => ServiceHealth {
            status: ServiceStatus::Connected,
            latency: Some(format!("{}ms", latency.as_millis())),
        },
        Err(error) => {
            tracing::warn!(error = %chain(&error), "health");
            silent(ServiceStatus::Disconnected)
        }
    }
}
