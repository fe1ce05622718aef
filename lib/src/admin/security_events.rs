//! What happened to accounts, for administrators to read.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::http::List;
use crate::models::security_event::{self, Event, Filter, Kind};
use crate::store::page::Page;
use crate::values::form::Form;
use crate::values::user_agent::{browser, device};
use crate::{App, BoxFuture};

/// `?kind=&userId=&ip=` of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Such as `sign_in_failed`.
    #[param(example = "sign_in_failed")]
    kind: Option<String>,
    /// Whom it concerns.
    #[param(value_type = Option<Uuid>)]
    user_id: Option<String>,
    /// Where it was done from.
    #[param(example = "192.0.2.1")]
    ip: Option<String>,
}

impl Search {
    fn read(&self) -> Result<Filter> {
        let mut check = Form::default();
        let filter = Filter {
            kind: check.check_filled("kind", self.kind.as_deref(), |text| {
                Kind::parse(text).ok_or_else(|| "is no kind of event".to_owned())
            }),
            user_id: check.check_filled("userId", self.user_id.as_deref(), |text| {
                text.parse().map_err(|_| "must be an id".to_owned())
            }),
            ip: check.check_filled("ip", self.ip.as_deref(), |text| {
                text.parse().map_err(|_| "must be an address".to_owned())
            }),
        };
        check.finish()?;
        Ok(filter)
    }
}

/// An event as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecurityEvent)]
pub struct Shown {
    id: Uuid,
    /// Such as `sign_in_failed`.
    kind: String,
    /// Whom it concerns; null: nobody known, or an account that is gone.
    user_id: Option<Uuid>,
    /// Their address now.
    email: Option<String>,
    /// Where it was done from; null: from the command line.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// Such as `Firefox`; null: it did not say.
    browser: Option<&'static str>,
    /// Such as `Windows`.
    device: Option<&'static str>,
    /// What else is to be known, such as `by` whom it was done.
    #[schema(value_type = Object)]
    detail: Value,
    created_at: DateTime<Utc>,
}

impl From<Event> for Shown {
    fn from(event: Event) -> Self {
        let named = event.user_agent.as_deref();
        Self {
            browser: named.map(browser),
            device: named.map(device),
            id: event.id,
            kind: event.kind,
            user_id: event.user_id,
            email: event.email,
            ip: event.ip,
            detail: event.detail,
            created_at: event.created_at,
        }
    }
}

/// A page of the events that fit, newest first.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::Unavailable`].
pub fn list(app: &App, search: Search, page: Page) -> BoxFuture<'_, Result<List<Shown>>> {
    Box::pin(async move {
        let filter = search.read()?;
        let rows = app
            .db()
            .read(async move |client| security_event::list(client, filter, &page).await)
            .await?;
        let place = |event: &Event| (event.created_at, event.id);
        Ok(List::new(rows, page, place, Shown::from))
    })
}
