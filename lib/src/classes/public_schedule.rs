//! The public schedule: classes and their free spots.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::catalog::query::{IdQuery, level};
use super::fields::{room, style};
pub use super::occurrence_view::OccurrenceView;
use super::occurrence_view::free_spots;
use super::pages;
use super::pages::respond::{CachedResource, not_found_as_page, respond};
use crate::error::{Error, Result};
use crate::http::{CacheableResponse, Freshness, List, Representation, query};
use crate::models::class_type::Level;
use crate::models::occurrence::{self, Availability, Occurrence, OccurrenceFilter};
use crate::store::page::Page;
use crate::values::form::{Form, Problem};
use crate::values::ical;
use crate::values::ical::{Entry, Status};
use crate::values::schema::Ids;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The default number of days in a range.
const DEFAULT_DAYS: i64 = 14;

/// The maximum number of days in a range.
const DAYS_MAX: i64 = 92;

/// The maximum number of ids in a request for the availability.
const IDS_MAX: usize = 100;

/// The query of the schedule.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ScheduleQuery {
    /// The first day, such as `2026-03-08`. The default is today.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day. A range has at most 92 days and by default 14.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
    /// The time zone of the days and of the local times, such as
    /// `Europe/Madrid`. The default is the studio's time zone.
    #[param(example = "Europe/Madrid")]
    tz: Option<String>,
    /// Only classes of this class type.
    #[param(value_type = Option<Uuid>)]
    class_type: Option<String>,
    /// Only classes of this instructor, by id.
    #[param(value_type = Option<Uuid>)]
    instructor: Option<String>,
    /// Only classes of this level.
    #[param(inline, value_type = Option<Level>)]
    level: Option<String>,
    /// Only classes of this style, such as `salsa`.
    #[param(max_length = 50, example = "salsa")]
    style: Option<String>,
    /// Only classes in the room with this name, ignoring case and spaces.
    #[param(max_length = 50, example = "Studio A")]
    room: Option<String>,
}

/// A parsed [`ScheduleQuery`].
#[derive(Clone, Debug)]
pub struct ScheduleRange {
    /// The time zone of the days and of the local times.
    pub zone: TimeZone,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// `None` means all class types.
    pub class_type: Option<Uuid>,
    /// `None` means all instructors.
    pub instructor: Option<Uuid>,
    /// `None` means all levels.
    pub level: Option<Level>,
    /// In lower case. `None` means all styles.
    pub style: Option<String>,
    /// `None` means all rooms.
    pub room: Option<String>,
}

impl ScheduleQuery {
    /// Parses the query. `now` determines the current day.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]; [`Error::Internal`] if the studio's time zone is
    /// unknown.
    pub fn parse(&self, app: &App, now: DateTime<Utc>) -> Result<ScheduleRange> {
        let mut form = Form::default();
        let zone = form.check_filled("tz", self.tz.as_deref(), time_zone);
        let from = form.check_filled("from", self.from.as_deref(), query::date);
        let to = form.check_filled("to", self.to.as_deref(), query::date);
        let class_type = form.check_filled("classType", self.class_type.as_deref(), query::id);
        let instructor = form.check_filled("instructor", self.instructor.as_deref(), query::id);
        let level = form.check_filled("level", self.level.as_deref(), level);
        let style = form.check_filled("style", self.style.as_deref(), style);
        let room = form.check_filled("room", self.room.as_deref(), room);
        form.finish()?;
        let zone = match zone {
            Some(zone) => zone,
            None => TimeZone::of_studio(&app.config().studio)?,
        };
        let from = from.unwrap_or_else(|| zone.date(now));
        let to = to.unwrap_or(from + TimeDelta::days(DEFAULT_DAYS - 1));
        if !(0..DAYS_MAX).contains(&(to - from).num_days()) {
            return Err(Error::field(
                "to",
                format!("must end a range of 1 to {DAYS_MAX} days"),
            ));
        }
        Ok(ScheduleRange {
            zone,
            from,
            to,
            class_type,
            instructor,
            level,
            style,
            room,
        })
    }
}

impl ScheduleRange {
    /// Returns the filter for the range, in UTC. A day on which the clocks change may
    /// start after midnight and may not have 24 hours.
    pub fn filter(&self) -> OccurrenceFilter {
        OccurrenceFilter {
            from: self.zone.day_start(self.from),
            until: self.zone.day_start(self.to + TimeDelta::days(1)),
            class_type: self.class_type,
            instructor: self.instructor,
            level: self.level,
            style: self.style.clone(),
            room: self.room.clone(),
        }
    }

    /// Returns the query parameters of the range.
    pub fn params(&self) -> [(&'static str, Option<String>); 8] {
        [
            ("from", Some(self.from.to_string())),
            ("to", Some(self.to.to_string())),
            ("tz", Some(self.zone.name().to_owned())),
            ("classType", self.class_type.map(|id| id.to_string())),
            ("instructor", self.instructor.map(|id| id.to_string())),
            ("level", self.level.map(|level| level.as_str().to_owned())),
            ("style", self.style.clone()),
            ("room", self.room.clone()),
        ]
    }

    /// Returns the cache key of the range.
    pub fn key(&self) -> String {
        let zone = self.zone.name();
        let Self {
            from,
            to,
            class_type,
            instructor,
            level,
            style,
            room,
            ..
        } = self;
        format!("{from} {to} {zone} {class_type:?} {instructor:?} {level:?} {style:?} {room:?}")
    }
}

fn time_zone(text: &str) -> Result<TimeZone, Problem> {
    TimeZone::named(text).ok_or_else(|| "must be a time zone such as Europe/Madrid".to_owned())
}

/// Lists a page of the schedule, sorted by start, including cancelled classes.
///
/// # Errors
///
/// Those of [`ScheduleQuery::parse`].
pub fn list(
    app: &App,
    query: ScheduleQuery,
    page: Page,
    representation: Representation,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        // Parsing resolves the default range to dates, which become part of the
        // cache key.
        let range = query.parse(app, app.clock().now())?;
        let resource = CachedResource {
            cache: app.schedule(),
            kind: "timetable",
            key: format!("{} {page:?}", range.key()),
            freshness: Freshness::Schedule,
        };
        let load = load_list(app, range.clone(), page);
        respond(resource, representation, load, move |list, locale| {
            pages::timetable(
                &app.config().studio,
                &range.zone,
                &range.params(),
                list,
                locale,
            )
        })
        .await
    })
}

fn load_list(
    app: &App,
    range: ScheduleRange,
    page: Page,
) -> BoxFuture<'_, Result<List<OccurrenceView>>> {
    Box::pin(async move {
        let (zone, filter) = (&range.zone, range.filter());
        let currency = &app.config().studio.currency;
        let rows = app
            .db()
            .read(async move |client| occurrence::list_page(client, &filter, &page).await)
            .await?;
        let view = |occurrence| OccurrenceView::new(occurrence, zone, currency);
        Ok(List::with_moved(rows, page, Occurrence::position, view))
    })
}

/// Renders all classes of the range as an iCalendar file. Cancelled classes are
/// included and marked.
///
/// # Errors
///
/// Those of [`list`].
pub fn calendar(app: &App, query: ScheduleQuery) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let range = query.parse(app, app.clock().now())?;
        let key = range.key();
        let text = app
            .schedule()
            .get_or_load_text("calendar", key, load_calendar(app, range));
        Ok(CacheableResponse::text(
            ical::CONTENT_TYPE,
            text.await?,
            Freshness::Schedule,
        ))
    })
}

fn load_calendar(app: &App, range: ScheduleRange) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let filter = range.filter();
        let occurrences = app
            .db()
            .read(async move |client| occurrence::list(client, &filter, None).await)
            .await?;
        let entries: Vec<Entry> = occurrences.into_iter().map(Entry::from).collect();
        let studio = &app.config().studio;
        Ok(ical::render(
            &range.zone,
            &studio.name,
            &studio.site_url,
            &entries,
        ))
    })
}

impl From<Occurrence> for Entry {
    fn from(occurrence: Occurrence) -> Self {
        let (status, prefix) = match occurrence.is_cancelled {
            true => (Status::Cancelled, "Cancelled: "),
            false => (Status::Confirmed, ""),
        };
        Self {
            uid: occurrence.id,
            sequence: occurrence.sequence,
            status,
            start: occurrence.start_time,
            end: occurrence.end_time,
            // Some calendar programs do not show the status, so the title repeats it.
            summary: format!("{prefix}{}", occurrence.title),
            location: occurrence.room,
            description: format!("With {}", occurrence.instructor),
            modified: occurrence.updated_at,
        }
    }
}

/// Returns an occurrence, even if it is over or cancelled, so that a shared link stays valid.
///
/// # Errors
///
/// [`Error::Invalid`] for an id that is not a UUID; [`Error::NotFound`].
pub fn find(
    app: &App,
    query: IdQuery,
    representation: Representation,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let found = find_by_id(app, query.parse()?, representation).await;
        not_found_as_page(app, representation, found)
    })
}

/// Returns a class, even if it is over or cancelled.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(super) async fn find_by_id(
    app: &App,
    id: Uuid,
    representation: Representation,
) -> Result<CacheableResponse> {
    let resource = CachedResource {
        cache: app.schedule(),
        kind: "occurrence",
        key: id.to_string(),
        freshness: Freshness::Schedule,
    };
    let load = load_occurrence(app, id);
    respond(resource, representation, load, |occurrence, locale| {
        pages::occurrence(&app.config().studio, occurrence, locale)
    })
    .await
}

fn load_occurrence(app: &App, id: Uuid) -> BoxFuture<'_, Result<OccurrenceView>> {
    Box::pin(async move {
        let studio = &app.config().studio;
        let zone = TimeZone::of_studio(studio)?;
        let occurrence = app
            .db()
            .read(async move |client| occurrence::find(client, id).await)
            .await?;
        Ok(OccurrenceView::new(occurrence, &zone, &studio.currency))
    })
}

/// The query for the availability of classes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    /// The ids of at most 100 classes, separated by commas.
    #[param(required, inline, value_type = Ids)]
    ids: Option<String>,
}

impl AvailabilityQuery {
    /// Parses, sorts and deduplicates the ids, so that queries for the same
    /// classes share a cached response.
    fn parse(&self) -> Result<Vec<Uuid>> {
        let text = self.ids.as_deref().unwrap_or_default();
        let invalid = || {
            let problem = format!("must be 1 to {IDS_MAX} UUIDs, separated by commas");
            Error::field("ids", problem)
        };
        let mut ids = Vec::new();
        for id in text.split(',') {
            ids.push(query::id(id.trim()).map_err(|_| invalid())?);
            if ids.len() > IDS_MAX {
                return Err(invalid());
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

/// The free spots of a class.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClassAvailability)]
pub struct AvailabilityView {
    /// The id of the class.
    id: Uuid,
    start_time: DateTime<Utc>,
    /// The number of spots.
    max_participants: i32,
    /// The number of free spots. 0 if the class is cancelled.
    places_left: i32,
    /// The number of members on the waitlist.
    waitlist_length: i64,
    is_cancelled: bool,
}

impl From<Availability> for AvailabilityView {
    fn from(availability: Availability) -> Self {
        Self {
            id: availability.id,
            start_time: availability.start_time,
            max_participants: availability.max_participants,
            places_left: free_spots(
                availability.is_cancelled,
                availability.max_participants,
                availability.current_participants,
            ),
            waitlist_length: availability.waitlist_length,
            is_cancelled: availability.is_cancelled,
        }
    }
}

/// Returns the availability of several classes, sorted by their start. Unknown ids
/// are ignored.
///
/// # Errors
///
/// [`Error::Invalid`] for ids that cannot be parsed.
pub fn availability(
    app: &App,
    query: AvailabilityQuery,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let ids = query.parse()?;
        let key = format!("{ids:?}");
        let json =
            app.schedule()
                .get_or_load_text("availability", key, load_availability(app, ids));
        Ok(CacheableResponse::json(json.await?, Freshness::Schedule))
    })
}

fn load_availability(app: &App, ids: Vec<Uuid>) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| occurrence::list_availability(client, &ids).await)
            .await?;
        CacheableResponse::to_json(&List {
            items: rows.into_iter().map(AvailabilityView::from).collect(),
            next_cursor: None,
        })
    })
}

#[cfg(test)]
mod properties {
    use std::sync::LazyLock;

    use chrono::Datelike;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{
        app, parsed_or_client_error, query as any_query, text, uri, uuid,
    };

    static APP: LazyLock<App> = LazyLock::new(|| app(&[]));

    proptest! {
        #[test]
        fn any_query_is_a_range_of_at_most_92_days_or_rejected(
            query in any_query(&[
                "from", "to", "tz", "classType", "instructor", "level", "style", "room",
            ]),
            zone in prop::sample::select(vec!["Europe/Madrid", "Pacific/Apia", "america/denver"]),
        ) {
            let now = DateTime::from_timestamp(1_795_219_200, 0).unwrap();
            for query in [query.clone(), format!("{query}&tz={zone}")] {
                let parsed = uri(&query).and_then(|uri| query::read::<ScheduleQuery>(&uri).ok());
                let Some(range) = parsed.and_then(|query| parsed_or_client_error(query.parse(&APP, now))) else {
                    continue;
                };
                let filter = range.filter();
                let length = filter.until - filter.from;
                assert!(length > TimeDelta::hours(20) && length < TimeDelta::days(93), "{length}");
                assert!((1999..=2200).contains(&filter.from.year()));
            }
        }

        #[test]
        fn ids_are_accepted_in_any_order_and_other_strings_are_rejected(
            ids in vec(uuid(), 1..104), text in text(), suffix in text(),
        ) {
            let parsed = |ids: String| parsed_or_client_error(AvailabilityQuery { ids: Some(ids) }.parse());
            let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(parsed(texts.join(", ")), (ids.len() <= 100).then_some(sorted));
            assert_eq!(parsed(text), None);
            assert_eq!(parsed(format!("{},{suffix}x", texts[0])), None);
        }

        #[test]
        fn only_time_zones_of_the_iana_database_are_accepted(
            name in prop_oneof![text(), "[A-Z][a-z]{2,9}/[A-Z][a-z_]{2,9}"],
        ) {
            if let Ok(zone) = time_zone(&name) {
                assert!(zone.name().eq_ignore_ascii_case(&name));
            }
        }
    }
}
