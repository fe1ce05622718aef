//! The timetable as visitors see it: what is when, and where there is room.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::{CacheableResponse, Freshness, List, query};
use crate::models::occurrence::{self, Occurrence, Window};
use crate::store::page::Page;
use crate::values::form::{Form, Problem};
use crate::values::ical;
use crate::values::ical::{Entry, Status};
use crate::values::schema::Ids;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// How many days are shown unless somebody asks for others.
const DAYS: i64 = 14;

/// How many may be asked for.
const MOST_DAYS: i64 = 92;

/// How many classes may be asked for by their ids.
const MOST_IDS: usize = 100;

/// `?from=&to=&tz=&classType=&instructor=` of the timetable.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Days {
    /// The first day, such as `2026-03-08`; today unless given.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day, at most 92 days with the first; the fourteenth unless given.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
    /// Whose days and clocks are meant, such as `Europe/Madrid`; the studio's
    /// unless given.
    #[param(example = "Europe/Madrid")]
    tz: Option<String>,
    /// The id of a class type.
    #[param(value_type = Option<Uuid>)]
    class_type: Option<String>,
    /// The id of an instructor.
    #[param(value_type = Option<Uuid>)]
    instructor: Option<String>,
}

/// Which part of the timetable somebody wants.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// Whose days and clocks are meant.
    pub zone: TimeZone,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// `None`: of all types.
    pub class_type: Option<Uuid>,
    /// `None`: whoever teaches.
    pub instructor: Option<Uuid>,
}

impl Days {
    /// Finds out what is meant, at `now`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]; [`Error::Internal`] when the studio's own time zone
    /// is none.
    pub fn read(&self, app: &App, now: DateTime<Utc>) -> Result<Excerpt> {
        let mut check = Form::default();
        let zone = check.check_filled("tz", self.tz.as_deref(), time_zone);
        let from = check.check_filled("from", self.from.as_deref(), day);
        let to = check.check_filled("to", self.to.as_deref(), day);
        let class_type = check.check_filled("classType", self.class_type.as_deref(), query::id);
        let instructor = check.check_filled("instructor", self.instructor.as_deref(), query::id);
        check.finish()?;
        let zone = match zone {
            Some(zone) => zone,
            None => TimeZone::of_studio(&app.config().studio)?,
        };
        let from = from.unwrap_or_else(|| zone.local(now).date_naive());
        let to = to.unwrap_or(from + TimeDelta::days(DAYS - 1));
        if !(0..MOST_DAYS).contains(&(to - from).num_days()) {
            return Err(Error::field(
                "to",
                format!("must be one of the {MOST_DAYS} days that begin with from"),
            ));
        }
        Ok(Excerpt {
            zone,
            from,
            to,
            class_type,
            instructor,
        })
    }
}

impl Excerpt {
    /// The same, in instants: from the begin of the first day to the end of
    /// the last, which are not always at midnight, nor always 24 hours long.
    pub fn window(&self) -> Window {
        let begin = |date: NaiveDate| self.zone.resolve(date, chrono::NaiveTime::MIN);
        Window {
            from: begin(self.from),
            until: begin(self.to + TimeDelta::days(1)),
            class_type: self.class_type,
            instructor: self.instructor,
        }
    }

    /// What tells it from every other, for a cache.
    pub fn key(&self) -> String {
        let zone = self.zone.name();
        let Self {
            from,
            to,
            class_type,
            instructor,
            ..
        } = self;
        format!("{from} {to} {zone} {class_type:?} {instructor:?}")
    }
}

fn time_zone(typed: &str) -> Result<TimeZone, Problem> {
    TimeZone::named(typed).ok_or_else(|| "must be a time zone such as Europe/Madrid".to_owned())
}

fn day(typed: &str) -> Result<NaiveDate, Problem> {
    // chrono reads signs, blanks and single digits as well.
    let as_shown = |day: &NaiveDate| day.to_string() == typed;
    let parsed: Option<NaiveDate> = typed.parse().ok().filter(as_shown);
    parsed
        .filter(|day| (2000..2200).contains(&day.year()))
        .ok_or_else(|| "must be a day such as 2026-03-08".to_owned())
}

/// A page of the timetable, cancelled classes too, in the order of their start.
///
/// # Errors
///
/// As [`Days::read`]; [`Error::Unavailable`].
pub fn show(app: &App, days: Days, page: Page) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        // Today is a day by now, and so part of the key.
        let excerpt = days.read(app, app.clock().now())?;
        let asked = format!("{} {page:?}", excerpt.key());
        let text = app
            .schedule()
            .text("timetable", asked, read(app, excerpt, page));
        Ok(CacheableResponse::json(text.await?, Freshness::Schedule))
    })
}

fn read(app: &App, excerpt: Excerpt, page: Page) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let (zone, window) = (&excerpt.zone, excerpt.window());
        let currency = &app.config().studio.currency;
        let rows = app
            .db()
            .read(async move |client| occurrence::between(client, &window, Some(&page)).await)
            .await?;
        CacheableResponse::to_json(&List::new(rows, page, Occurrence::place, |class| {
            let local = zone.local(class.start_time).naive_local();
            class.shown(local, zone.name(), currency)
        }))
    })
}

/// The timetable as a calendar program reads it: all of the days that are
/// asked for. Classes that were cancelled stay in it, and say so.
///
/// # Errors
///
/// As [`show`].
pub fn calendar(app: &App, days: Days) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let excerpt = days.read(app, app.clock().now())?;
        let asked = excerpt.key();
        let text = app
            .schedule()
            .text("calendar", asked, read_calendar(app, excerpt));
        Ok(CacheableResponse::text(
            ical::CONTENT_TYPE,
            text.await?,
            Freshness::Schedule,
        ))
    })
}

fn read_calendar(app: &App, excerpt: Excerpt) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let window = excerpt.window();
        let classes = app
            .db()
            .read(async move |client| occurrence::between(client, &window, None).await)
            .await?;
        let entries: Vec<Entry> = classes.into_iter().map(Entry::from).collect();
        let studio = &app.config().studio;
        Ok(ical::render(
            &excerpt.zone,
            &studio.name,
            &studio.site_url,
            &entries,
        ))
    })
}

impl From<Occurrence> for Entry {
    fn from(class: Occurrence) -> Self {
        let (status, before) = match class.is_cancelled {
            true => (Status::Cancelled, "Cancelled: "),
            false => (Status::Confirmed, ""),
        };
        Self {
            uid: class.id,
            sequence: class.sequence,
            status,
            start: class.start_time,
            end: class.end_time,
            // Not every program shows a status.
            summary: format!("{before}{}", class.title),
            location: class.room,
            description: format!("With {}", class.instructor),
            modified: class.updated_at,
        }
    }
}

/// `?ids=` of the availability.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Named {
    /// Of classes, separated by commas; at most 100.
    #[param(required, inline, value_type = Ids)]
    ids: Option<String>,
}

impl Named {
    /// The ids, each once, in their own order: whoever asks for the same
    /// classes is given the same answer.
    fn read(&self) -> Result<Vec<Uuid>> {
        let typed = self.ids.as_deref().unwrap_or_default();
        let refused = || Error::field("ids", "must be 1 to 100 UUIDs, separated by commas");
        let mut ids = Vec::new();
        for typed in typed.split(',') {
            ids.push(query::id(typed.trim()).map_err(|_| refused())?);
            if ids.len() > MOST_IDS {
                return Err(refused());
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

/// How much room there is in each of some classes.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Unavailable`].
pub fn availability(app: &App, named: Named) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let ids = named.read()?;
        let asked = format!("{ids:?}");
        let text = app
            .schedule()
            .text("availability", asked, read_availability(app, ids));
        Ok(CacheableResponse::json(text.await?, Freshness::Schedule))
    })
}

fn read_availability(app: &App, ids: Vec<Uuid>) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let items = app
            .db()
            .read(async move |client| occurrence::availability(client, &ids).await)
            .await?;
        CacheableResponse::to_json(&List {
            items,
            next_cursor: None,
        })
    })
}

#[cfg(test)]
mod properties {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{app, fair, query as any_query, text, uri, uuid};

    static HOUSE: LazyLock<App> = LazyLock::new(|| app(&[]));

    proptest! {
        #[test]
        fn any_query_is_a_window_of_at_most_92_days_or_refused(
            query in any_query(&["from", "to", "tz", "classType", "instructor"]),
            zone in prop::sample::select(vec!["Europe/Madrid", "Pacific/Apia", "america/denver"]),
        ) {
            let now = DateTime::from_timestamp(1_795_219_200, 0).unwrap();
            for query in [query.clone(), format!("{query}&tz={zone}")] {
                let days = uri(&query).and_then(|uri| query::read::<Days>(&uri).ok());
                let Some(excerpt) = days.and_then(|days| fair(days.read(&HOUSE, now))) else {
                    continue;
                };
                let window = excerpt.window();
                let length = window.until - window.from;
                assert!(length > TimeDelta::hours(20) && length < TimeDelta::days(93), "{length}");
                assert!((1999..=2200).contains(&window.from.year()));
            }
        }

        #[test]
        fn ids_are_read_in_any_order_and_anything_else_is_refused(
            ids in vec(uuid(), 1..104), text in text(), more in text(),
        ) {
            let named = |ids: String| fair(Named { ids: Some(ids) }.read());
            let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(named(texts.join(", ")), (ids.len() <= 100).then_some(sorted));
            assert_eq!(named(text), None);
            assert_eq!(named(format!("{},{more}x", texts[0])), None);
        }

        #[test]
        fn a_time_zone_is_one_of_the_database(name in prop_oneof![text(), "[A-Z][a-z]{2,9}/[A-Z][a-z_]{2,9}"]) {
            if let Ok(zone) = time_zone(&name) {
                assert!(zone.name().eq_ignore_ascii_case(&name));
            }
        }
    }
}
