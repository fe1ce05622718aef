//! Listing and recording security events.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Result, chain};
use crate::http::List;
use crate::models::security_event::{self, SecurityEvent, SecurityEventFilter, SecurityEventKind};
use crate::runtime::background;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::email;
use crate::values::form::Form;
use crate::values::user_agent::{browser, device};
use crate::{App, BoxFuture};

/// The filter of the list of security events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SecurityEventQuery {
    /// The kind of event.
    #[param(value_type = Option<SecurityEventKind>, example = "sign_in_failed")]
    kind: Option<String>,
    /// The affected member.
    #[param(value_type = Option<Uuid>)]
    user_id: Option<String>,
    /// The IP address of the client.
    #[param(example = "192.0.2.1")]
    ip: Option<String>,
}

impl SecurityEventQuery {
    fn parse(&self) -> Result<SecurityEventFilter> {
        let mut form = Form::default();
        let filter = SecurityEventFilter {
            kind: form.check_filled("kind", self.kind.as_deref(), |text| {
                SecurityEventKind::parse(text)
                    .ok_or_else(|| "must be a kind of security event".to_owned())
            }),
            user_id: form.check_filled("userId", self.user_id.as_deref(), |text| {
                text.parse().map_err(|_| "must be a UUID".to_owned())
            }),
            ip: form.check_filled("ip", self.ip.as_deref(), |text| {
                text.parse().map_err(|_| "must be an IP address".to_owned())
            }),
        };
        form.finish()?;
        Ok(filter)
    }
}

/// A security event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecurityEvent)]
pub struct SecurityEventView {
    id: Uuid,
    #[schema(value_type = SecurityEventKind)]
    kind: String,
    /// The affected member. Null if the member is unknown or deleted.
    user_id: Option<Uuid>,
    /// The member's current e-mail address. Null if the member is unknown or deleted, or if the
    /// account is closed.
    email: Option<String>,
    /// The IP address of the client. Null for the command line.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// The browser, such as `Firefox`. Null if the client sent no user agent.
    browser: Option<&'static str>,
    /// The operating system, such as `Windows`. Null if the client sent no user agent.
    device: Option<&'static str>,
    /// Details that depend on the kind. If someone other than the affected member
    /// acted, `by` is their id.
    #[schema(value_type = Object)]
    detail: Value,
    created_at: DateTime<Utc>,
}

impl From<SecurityEvent> for SecurityEventView {
    fn from(event: SecurityEvent) -> Self {
        let user_agent = event.user_agent.as_deref();
        Self {
            browser: user_agent.map(browser),
            device: user_agent.map(device),
            id: event.id,
            kind: event.kind,
            user_id: event.user_id,
            email: event.email.as_deref().map(email::readable),
            ip: event.ip,
            detail: event.detail,
            created_at: event.created_at,
        }
    }
}

/// Lists security events, newest first.
///
/// # Errors
///
/// [`crate::Error::Invalid`] if the filter is invalid.
pub fn list(
    app: &App,
    query: SecurityEventQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<SecurityEventView>>> {
    Box::pin(async move {
        let filter = query.parse()?;
        let rows = app
            .db()
            .read(async move |client| security_event::list(client, filter, &page).await)
            .await?;
        let position = |event: &SecurityEvent| (event.created_at, event.id);
        Ok(List::new(rows, page, position, SecurityEventView::from))
    })
}

/// Records an event in the background, for a request without a transaction that could
/// insert it. If the insert fails, the kind of the event is logged.
pub fn record(app: &App, kind: SecurityEventKind, user_id: Option<Uuid>, caller: &Caller) {
    record_with(app, kind, user_id, caller, json!({}));
}

/// Records an event with details in the background. See [`record`] and
/// [`security_event::insert_with_detail`].
pub fn record_with(
    app: &App,
    kind: SecurityEventKind,
    user_id: Option<Uuid>,
    caller: &Caller,
    detail: Value,
) {
    let (app, caller) = (app.clone(), caller.clone());
    background::spawn(async move {
        let insert = async {
            let postgres = app.db().client().await?;
            security_event::insert_with_detail(&postgres, kind, user_id, &caller, detail).await
        };
        if let Err(error) = insert.await {
            let kind = kind.as_str();
            tracing::error!(kind, error = %chain(&error), "failed to record security event");
        }
    });
}
