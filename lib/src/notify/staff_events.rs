//! Events for staff, as a list and as a stream: what happens to the classes of a day.

use std::borrow::Cow;
use std::ops::Range;

use axum::response::Response;
use axum::response::sse::Event;
use chrono::{DateTime, NaiveDate, Utc};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::http::{List, Member, Staff, query};
use crate::models::staff_event::{self, StaffEvent, StaffEventPosition};
use crate::notify::event_stream::{self, EventSource, MAX_EVENTS_PER_POLL, Polled};
use crate::notify::event_streams::Audience;
use crate::notify::staff_event_schema::StaffEventSchema;
use crate::session::SessionKey;
use crate::store::page::Page;
use crate::values::form::Form;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The day whose classes the events concern.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StaffEventsQuery {
    /// The day on which the classes start, in the studio's time zone. The default is the
    /// current day.
    #[param(value_type = Option<NaiveDate>)]
    date: Option<String>,
}

impl StaffEventsQuery {
    fn parse(&self) -> Result<Option<NaiveDate>> {
        let mut form = Form::default();
        let date = form.check_filled("date", self.date.as_deref(), query::date);
        form.finish()?;
        Ok(date)
    }
}

/// Returns the given day, or the current one.
fn day(app: &App, date: Option<NaiveDate>) -> Result<Range<DateTime<Utc>>> {
    let zone = TimeZone::of_studio(&app.config().studio)?;
    let date = date.unwrap_or_else(|| zone.date(app.clock().now()));
    Ok(zone.day(date))
}

/// An event for staff, as the API returns it in lists and streams. Its schema is
/// `StaffEventSchema`, because the kind and the data come from the database as they are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaffEventView {
    id: String,
    kind: String,
    data: Value,
    created_at: DateTime<Utc>,
}

impl PartialSchema for StaffEventView {
    fn schema() -> RefOr<Schema> {
        StaffEventSchema::schema()
    }
}

impl ToSchema for StaffEventView {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("StaffEvent")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        StaffEventSchema::schemas(schemas);
    }
}

impl From<StaffEvent> for StaffEventView {
    fn from(event: StaffEvent) -> Self {
        Self {
            id: event.position.to_string(),
            kind: event.kind,
            data: event.data,
            created_at: event.created_at,
        }
    }
}

/// Lists the events about the classes of a day, newest first.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed.
pub fn list<'a>(
    app: &'a App,
    query: &'a StaffEventsQuery,
    page: Page,
) -> BoxFuture<'a, Result<List<StaffEventView>>> {
    Box::pin(async move {
        let day = day(app, query.parse()?)?;
        let events = app
            .db()
            .read(async move |client| staff_event::list(client, &day, &page).await)
            .await?;
        Ok(List::new(
            events,
            page,
            StaffEvent::page_position,
            StaffEventView::from,
        ))
    })
}

/// Streams the new events about the classes of a day, or those after `Last-Event-ID`.
///
/// # Errors
///
/// [`Error::Invalid`] for an invalid query or `Last-Event-ID`; those of [`Member::key`].
pub fn stream<'a>(
    app: &'a App,
    staff: &'a Member,
    query: &'a StaffEventsQuery,
    headers: &'a HeaderMap,
) -> BoxFuture<'a, Result<Response>> {
    Box::pin(async move {
        let date = query.parse()?;
        let last_seen = event_stream::last_event_id(headers, StaffEventPosition::parse)?;
        let key = staff.key()?.clone();
        let slot = app.streams().take_slot(Audience::Staff(staff.user.id));
        let after = match last_seen {
            Some(position) => position,
            None => app.db().read(staff_event::latest_position).await?,
        };
        let events = StaffEvents { key, date, after };
        let first_id = after.to_string();
        Ok(event_stream::respond(app, events, slot, &first_id))
    })
}

/// The events about the classes of a day.
struct StaffEvents {
    key: SessionKey,
    /// The day. `None` means the current one, which changes at midnight.
    date: Option<NaiveDate>,
    /// The position after which the next poll reads.
    after: StaffEventPosition,
}

impl EventSource for StaffEvents {
    async fn poll(&mut self, app: &App) -> Result<Polled> {
        let (after, day) = (self.after, day(app, self.date)?);
        let (events, next) = app
            .db()
            .read(async move |client| {
                staff_event::list_after(client, after, &day, MAX_EVENTS_PER_POLL).await
            })
            .await?;
        // This check comes after the events are read. Otherwise, the role could end in between,
        // and the stream would still send what happened after that.
        let session = app.sessions().get(&self.key).await?;
        let user = session.and_then(|session| session.user);
        if user.is_none_or(|user| Staff::check(app, &user).is_err()) {
            return Ok(Polled::Ended(access_ended()));
        }
        self.after = next;
        Ok(Polled::Events {
            has_more: events.len() as i64 == MAX_EVENTS_PER_POLL,
            events: events.into_iter().map(to_sse).collect::<Result<_>>()?,
        })
    }
}

/// Returns the last event of a stream whose session has ended, or whose member is no longer
/// staff. The event has no id, because it is not stored.
fn access_ended() -> Event {
    Event::default().event("access_ended").data("{}")
}

fn to_sse(event: StaffEvent) -> Result<Event> {
    let sse = Event::default()
        .id(event.position.to_string())
        .event(&event.kind);
    sse.json_data(StaffEventView::from(event))
        .map_err(|error| Error::Internal(Box::new(error)))
}

#[cfg(test)]
mod properties {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{header_value, headers, parsed_or_client_error};

    proptest! {
        #[test]
        fn the_last_event_id_is_a_position(value in header_value(), first in 0_i64.., second in 0_i64..) {
            let read = |value| parsed_or_client_error(event_stream::last_event_id(&headers("last-event-id", vec![value]), StaffEventPosition::parse)).flatten();
            if let Some(position) = read(value.clone()) {
                assert_eq!(read(HeaderValue::from_str(&position.to_string()).unwrap()), Some(position));
            }
            let text = format!("{first}-{second}");
            let position = read(HeaderValue::from_str(&text).unwrap());
            assert_eq!(position.map(|position| position.to_string()), Some(text));
        }
    }
}
