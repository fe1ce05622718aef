//! Health checks of Postgres and Redis.

use std::borrow::Borrow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::App;
use crate::error::{Error, Result, chain};

/// The time limit of a health check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// The overall health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Postgres answers. Redis, if it is configured, answers and accepts writes.
    Healthy,
    /// Redis does not answer or refuses writes. Requests succeed, but more slowly.
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
    /// The service answers, but rejects the configured user, password, token or database.
    /// The log says which variable to correct.
    #[serde(rename = "misconfigured")]
    Misconfigured,
    /// The service is not configured.
    #[serde(rename = "not configured")]
    NotConfigured,
}

/// The health of a service.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceHealth {
    status: ServiceStatus,
    /// The response time, such as `4ms`. Only present if the service answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latency: Option<String>,
    /// The last write that the service refused. Only present if it has accepted none
    /// since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refused_write: Option<RefusedWrite>,
}

/// A write that a service refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedWrite {
    /// The kind of the refusal: `READONLY` (a replica), `OOM` (the memory is full),
    /// `NOPERM` (the token may not write), or another error code of Redis.
    kind: String,
    /// When the write was refused.
    at: DateTime<Utc>,
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
        if self.database.status != ServiceStatus::Connected {
            return HealthStatus::Unhealthy;
        }
        match self.kv.status {
            ServiceStatus::Connected if self.kv.refused_write.is_some() => HealthStatus::Degraded,
            ServiceStatus::Connected | ServiceStatus::NotConfigured => HealthStatus::Healthy,
            ServiceStatus::Disconnected | ServiceStatus::Misconfigured => HealthStatus::Degraded,
        }
    }
}

/// Checks both services concurrently, for at most a second.
pub async fn check(app: &App) -> ServicesHealth {
    let database = check_service("postgres", Some(app.db().ping()));
    let kv = check_service("redis", app.kv().map(|kv| kv.ping()));
    let (database, mut kv) = tokio::join!(database, kv);
    let refused = app.kv().and_then(|kv| kv.refused_write());
    kv.refused_write = refused.map(|refused| RefusedWrite {
        kind: refused.kind,
        at: refused.at,
    });
    ServicesHealth { database, kv }
}

async fn check_service<E: Borrow<Error>>(
    service: &str,
    ping: Option<impl Future<Output = Result<Duration, E>>>,
) -> ServiceHealth {
    let without_latency = |status| ServiceHealth {
        status,
        latency: None,
        refused_write: None,
    };
    let Some(ping) = ping else {
        return without_latency(ServiceStatus::NotConfigured);
    };
    let log_failure = |error: &Error| {
        tracing::warn!(service, error = %chain(error), "health check failed");
    };
    match timeout(CHECK_TIMEOUT, ping).await {
        Ok(Ok(latency)) => ServiceHealth {
            latency: Some(format!("{}ms", latency.as_millis())),
            ..without_latency(ServiceStatus::Connected)
        },
        Ok(Err(error)) => {
            let error = error.borrow();
            log_failure(error);
            without_latency(match error.is_misconfiguration() {
                true => ServiceStatus::Misconfigured,
                false => ServiceStatus::Disconnected,
            })
        }
        Err(_) => {
            log_failure(&Error::unavailable("no answer within a second"));
            without_latency(ServiceStatus::Disconnected)
        }
    }
}
