//! The catalog: class types, instructors and rooms.
//!
//! The functions in this file return the public part, as JSON or as a page. They cache their
//! responses in Redis.

pub mod class_types;
pub mod instructors;
pub mod maintenance;
pub mod query;
pub mod rooms;
pub mod view;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use uuid::Uuid;

use self::query::{CatalogQuery, IdQuery};
use self::view::{ClassTypeDetails, ClassTypeView, InstructorDetails, InstructorView};
use super::occurrence_view::OccurrenceView;
use super::pages;
use super::pages::respond::{CachedResource, not_found_as_page, respond};
use crate::error::Result;
use crate::http::{CacheableResponse, Freshness, List, Representation};
use crate::models::catalog::{self, CatalogItem};
use crate::models::class_type::{self, ClassType, ClassTypeFilter};
use crate::models::instructor::{self, Instructor};
use crate::models::occurrence::{self, OccurrencesOf};
use crate::store::page::Page;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The maximum number of upcoming classes in the details of a class type or an instructor.
const UPCOMING_MAX: i64 = 20;

/// Lists a page of the offered class types, newest first.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list(
    app: &App,
    query: CatalogQuery,
    page: Page,
    representation: Representation,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let filter = query.parse()?;
        let now = current_minute(app);
        // The class types of an instructor depend on the schedule and on the time. The list
        // without a filter by instructor depends on neither.
        let (cache, minute) = match filter.instructor {
            Some(_) => (app.schedule(), Some(now)),
            None => (app.catalog(), None),
        };
        let resource = CachedResource {
            cache,
            kind: "list",
            key: format!("{filter:?} {page:?} {minute:?}"),
            freshness: Freshness::Catalog,
        };
        let html_filter = filter.clone();
        let load = load_list(app, filter, now, page);
        respond(resource, representation, load, move |list, locale| {
            pages::class_types(&app.config().studio, &html_filter, list, locale)
        })
        .await
    })
}

fn load_list(
    app: &App,
    filter: ClassTypeFilter,
    now: DateTime<Utc>,
    page: Page,
) -> BoxFuture<'_, Result<List<ClassTypeView>>> {
    Box::pin(async move {
        let today = TimeZone::of_studio(&app.config().studio)?.date(now);
        let rows = app
            .db()
            .read(async move |client| {
                class_type::list_offered(client, &filter, now, today, &page).await
            })
            .await?;
        let currency = &app.config().studio.currency;
        Ok(List::new(rows, page, ClassType::position, |row| {
            ClassTypeView::new(row, currency)
        }))
    })
}

/// Returns a class type with its instructors and its next classes.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID;
/// [`Error::NotFound`](crate::Error::NotFound) for an unknown or a retired class type.
pub fn details(
    app: &App,
    query: IdQuery,
    representation: Representation,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let found = class_type_details(app, query.parse()?, representation).await;
        not_found_as_page(app, representation, found)
    })
}

/// Returns a class type with its instructors and its next classes.
///
/// # Errors
///
/// [`Error::NotFound`](crate::Error::NotFound) for an unknown or a retired class type.
pub(super) async fn class_type_details(
    app: &App,
    id: Uuid,
    representation: Representation,
) -> Result<CacheableResponse> {
    let now = current_minute(app);
    let resource = CachedResource {
        cache: app.schedule(),
        kind: "details",
        key: format!("{id} {now:?}"),
        freshness: Freshness::Schedule,
    };
    let load = load_details(app, id, now);
    respond(resource, representation, load, |details, locale| {
        pages::class_type(&app.config().studio, details, locale)
    })
    .await
}

fn load_details(
    app: &App,
    id: Uuid,
    now: DateTime<Utc>,
) -> BoxFuture<'_, Result<ClassTypeDetails>> {
    Box::pin(async move {
        let studio = &app.config().studio;
        let (zone, currency) = (TimeZone::of_studio(studio)?, &studio.currency);
        let today = zone.date(now);
        // The statements are pipelined, so this takes one round trip.
        let (class_type, instructors, upcoming) = app
            .db()
            .read(async move |client| {
                tokio::try_join!(
                    class_type::find_offered(client, id),
                    instructor::list_teaching(client, id, now, today),
                    occurrence::list_upcoming(
                        client,
                        OccurrencesOf::ClassType(id),
                        now,
                        UPCOMING_MAX
                    ),
                )
            })
            .await?;
        Ok(ClassTypeDetails {
            class_type: ClassTypeView::new(class_type, currency),
            instructors: instructors.into_iter().map(InstructorView::from).collect(),
            upcoming_classes: upcoming
                .into_iter()
                .map(|occurrence| OccurrenceView::new(occurrence, &zone, currency))
                .collect(),
        })
    })
}

/// Lists a page of the active instructors, newest first.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub fn list_instructors(
    app: &App,
    page: Page,
    representation: Representation,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let resource = CachedResource {
            cache: app.catalog(),
            kind: "instructors",
            key: format!("{page:?}"),
            freshness: Freshness::Catalog,
        };
        let load = load_instructors(app, page);
        respond(resource, representation, load, |list, locale| {
            pages::instructors(&app.config().studio, list, locale)
        })
        .await
    })
}

fn load_instructors(app: &App, page: Page) -> BoxFuture<'_, Result<List<InstructorView>>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| catalog::list::<Instructor>(client, Some(true), &page).await)
            .await?;
        Ok(List::new(
            rows,
            page,
            Instructor::position,
            InstructorView::from,
        ))
    })
}

/// Returns an instructor with their next classes.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID;
/// [`Error::NotFound`](crate::Error::NotFound) for an unknown or a retired instructor.
pub fn instructor_details(
    app: &App,
    query: IdQuery,
    representation: Representation,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let (id, now) = (query.parse()?, current_minute(app));
        let resource = CachedResource {
            cache: app.schedule(),
            kind: "instructor",
            key: format!("{id} {now:?}"),
            freshness: Freshness::Schedule,
        };
        let load = load_instructor(app, id, now);
        let found = respond(resource, representation, load, |details, locale| {
            pages::instructor(&app.config().studio, details, locale)
        });
        not_found_as_page(app, representation, found.await)
    })
}

fn load_instructor(
    app: &App,
    id: Uuid,
    now: DateTime<Utc>,
) -> BoxFuture<'_, Result<InstructorDetails>> {
    Box::pin(async move {
        let studio = &app.config().studio;
        let (zone, currency) = (TimeZone::of_studio(studio)?, &studio.currency);
        // The statements are pipelined, so this takes one round trip.
        let (found, upcoming) = app
            .db()
            .read(async move |client| {
                let of_instructor = OccurrencesOf::Instructor(id);
                tokio::try_join!(
                    instructor::find_active(client, id),
                    occurrence::list_upcoming(client, of_instructor, now, UPCOMING_MAX),
                )
            })
            .await?;
        Ok(InstructorDetails {
            instructor: found.into(),
            upcoming_classes: upcoming
                .into_iter()
                .map(|occurrence| OccurrenceView::new(occurrence, &zone, currency))
                .collect(),
        })
    })
}

/// Returns the current time, truncated to the minute. The minute is part of the cache key.
/// Classes start on the minute, so a cached response never shows a class as upcoming after it
/// has started.
fn current_minute(app: &App) -> DateTime<Utc> {
    let now = app.clock().now();
    now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}
