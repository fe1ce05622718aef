//! Health checks of Postgres and Redis.

use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::App;
use crate::error::{Error, Result, chain};

/// The time limit of a health check.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The overall health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Postgres and Redis answer.
    Healthy,
    /// Redis does not answer. Requests succeed, but more slowly.
    Degraded,
    /// Postgres does not answer. Most requests fail.
    Unhealthy,
}

/// Whether a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum ServiceStatus {
    /// The service answers.
    #[serde(rename = "connected")]
    Connected,
    /// The service does not answer.
    #[serde(rename = "disconnected")]
    Disconnected,
    /// The service is not configured.
    #[serde(rename = "not configured")]
    NotConfigured,
}

/// The health of a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceHealth {
    status: ServiceStatus,
    /// The response time, such as `4ms`. Only present if the service answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<String>,
}

/// The health of each service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServicesHealth {
    /// Postgres.
    database: ServiceHealth,
    /// Redis.
    kv: ServiceHealth,
}

impl ServicesHealth {
    /// Returns the overall health.
    pub fn overall(&self) -> HealthStatus {
        match (self.database.status, self.kv.status) {
            (ServiceStatus::Connected, ServiceStatus::Disconnected) => HealthStatus::Degraded,
            (ServiceStatus::Connected, _) => HealthStatus::Healthy,
            _ => HealthStatus::Unhealthy,
        }
    }
}

/// Checks both services concurrently, for at most a second.
pub async fn check(app: &App) -> ServicesHealth {
    let database = check_service(Some(app.db().ping()));
    let kv = check_service(app.kv().map(|kv| kv.ping()));
    let (database, kv) = tokio::join!(database, kv);
    ServicesHealth { database, kv }
}

async fn check_service(ping: Option<impl Future<Output = Result<Duration>>>) -> ServiceHealth {
    let without_latency = |status| ServiceHealth {
        status,
        latency: None,
    };
    let Some(ping) = ping else {
        return without_latency(ServiceStatus::NotConfigured);
    };
    let on_timeout = |_| Err(Error::unavailable("no answer within a second"));
    match timeout(TIMEOUT, ping).await.unwrap_or_else(on_timeout) {
        Ok(latency) => ServiceHealth {
            status: ServiceStatus::Connected,
            latency: Some(format!("{}ms", latency.as_millis())),
        },
        Err(error) => {
            tracing::warn!(error = %chain(&error), "health check failed");
            without_latency(ServiceStatus::Disconnected)
        }
    }
}
