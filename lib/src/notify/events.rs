//! A member's events, as a list and as a stream of server-sent events.

use std::borrow::Cow;

use axum::response::Response;
use axum::response::sse::Event;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::{List, Member};
use crate::models::member_event::{self, MemberEvent, MemberEventKind};
use crate::notify::event_schema::MemberEventSchema;
use crate::notify::event_stream::{self, EventSource, MAX_EVENTS_PER_POLL, Polled};
use crate::notify::event_streams::Audience;
use crate::session::SessionKey;
use crate::store::page::Page;
use crate::{App, BoxFuture};

/// Returns the last event of a stream whose session has ended. The event has no id, because
/// it is not stored. `current` distinguishes it from an event about the end of another
/// session.
fn session_ended() -> Event {
    Event::default()
        .event(MemberEventKind::SessionEnded.as_str())
        .data(r#"{"current":true}"#)
}

/// A member's event, as the API returns it in lists and streams. Its schema is
/// `MemberEventSchema`, because the kind and the data come from the database as they are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberEventView {
    id: i64,
    kind: String,
    data: Value,
    created_at: DateTime<Utc>,
}

impl PartialSchema for MemberEventView {
    fn schema() -> RefOr<Schema> {
        MemberEventSchema::schema()
    }
}

impl ToSchema for MemberEventView {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("MemberEvent")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MemberEventSchema::schemas(schemas);
    }
}

impl From<MemberEvent> for MemberEventView {
    fn from(event: MemberEvent) -> Self {
        Self {
            id: event.seq,
            kind: event.kind,
            data: event.data,
            created_at: event.created_at,
        }
    }
}

/// Lists the member's events, newest first.
pub fn list<'a>(
    app: &'a App,
    member: &'a Member,
    page: Page,
) -> BoxFuture<'a, Result<List<MemberEventView>>> {
    Box::pin(async move {
        let client = app.db().client().await?;
        let events = member_event::list(&client, member.user.id, &page).await?;
        Ok(List::new(
            events,
            page,
            MemberEvent::position,
            MemberEventView::from,
        ))
    })
}

/// Streams the member's new events, or those after `Last-Event-ID`.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when `Last-Event-ID` is invalid.
pub fn stream<'a>(
    app: &'a App,
    member: &'a Member,
    headers: &'a HeaderMap,
) -> BoxFuture<'a, Result<Response>> {
    Box::pin(async move {
        let user_id = member.user.id;
        let last_seen = event_stream::last_event_id(headers, sequence_number)?;
        let slot = app.streams().take_slot(Audience::Member(user_id));
        let after_id = match last_seen {
            Some(id) => id,
            None => {
                app.db()
                    .read(async move |client| member_event::latest_seq(client, user_id).await)
                    .await?
            }
        };
        let events = MemberEvents {
            user_id,
            // The demo account has no session key. The cookie of the demo account is checked
            // when the browser reconnects.
            key: member.key().ok().cloned(),
            after_id,
        };
        let first_id = after_id.to_string();
        Ok(event_stream::respond(app, events, slot, &first_id))
    })
}

fn sequence_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number >= 0)
}

/// The events of a member.
struct MemberEvents {
    user_id: Uuid,
    key: Option<SessionKey>,
    /// The id of the last event that was sent.
    after_id: i64,
}

impl EventSource for MemberEvents {
    async fn poll(&mut self, app: &App) -> Result<Polled> {
        let (user_id, after_id) = (self.user_id, self.after_id);
        if let Some(key) = &self.key {
            let session = app.sessions().get(key).await?;
            let user = session.and_then(|session| session.user);
            if user.is_none_or(|user| user.id != user_id) {
                return Ok(Polled::Ended(session_ended()));
            }
        }
        let events = app
            .db()
            .read(async move |client| {
                member_event::list_after(client, user_id, after_id, MAX_EVENTS_PER_POLL).await
            })
            .await?;
        self.after_id = events.last().map_or(after_id, |event| event.seq);
        Ok(Polled::Events {
            has_more: events.len() as i64 == MAX_EVENTS_PER_POLL,
            events: events.into_iter().map(to_sse).collect::<Result<_>>()?,
        })
    }
}

fn to_sse(event: MemberEvent) -> Result<Event> {
    let sse = Event::default()
        .id(event.seq.to_string())
        .event(&event.kind);
    sse.json_data(MemberEventView::from(event))
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
        fn the_last_event_id_is_a_sequence_number(value in header_value(), number in any::<i64>()) {
            let read = |value| parsed_or_client_error(event_stream::last_event_id(&headers("last-event-id", vec![value]), sequence_number)).flatten();
            assert!(read(value).is_none_or(|number| number >= 0));
            let header = HeaderValue::from_str(&number.to_string()).unwrap();
            assert_eq!(read(header), (number >= 0).then_some(number));
        }
    }
}
