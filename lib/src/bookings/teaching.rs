//! What instructors see of their own classes: whether a spot is paid for, but no amounts and no
//! contact details.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::medical_notes;
use super::view::CheckInAuthorView;
use crate::error::Result;
use crate::http::{Instructor, List, query};
use crate::models::booking::{self, BookingStatus, RosterEntry, SpotCoverage};
use crate::models::teaching::{self, TaughtClass};
use crate::models::user::ExperienceLevel;
use crate::store::page::Page;
use crate::values::form::Form;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The number of days that are listed by default, including the first one.
const DEFAULT_DAYS: i64 = 28;

/// The maximum number of days.
const MAX_DAYS: i64 = 366;

/// The days whose classes are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TeachingQuery {
    /// The first day, in the studio's time zone. The default is the current day.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day, at most 365 days after the first one. By default, four weeks are listed.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
}

/// A class, as its instructor sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TaughtClass)]
pub struct TaughtClassView {
    id: Uuid,
    title: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    /// The date on which the class starts, in `timeZone`.
    local_date: NaiveDate,
    /// The time at which the class starts, in `timeZone`, such as `19:00`.
    local_time: String,
    /// The studio's time zone, an IANA name.
    time_zone: String,
    room: String,
    /// The number of spots.
    places: i32,
    /// The number of spots that are taken.
    taken: i32,
    /// The number of members on the waitlist.
    waitlisted: i64,
    /// The number of members who are checked in.
    checked_in: i64,
    is_cancelled: bool,
}

impl TaughtClassView {
    fn new(class: TaughtClass, zone: &TimeZone) -> Self {
        let local = zone.local(class.start_time).naive_local();
        Self {
            id: class.id,
            title: class.title,
            start_time: class.start_time,
            end_time: class.end_time,
            local_date: local.date(),
            local_time: local.format("%H:%M").to_string(),
            time_zone: zone.name().to_owned(),
            room: class.room,
            places: class.max_participants,
            taken: class.current_participants,
            waitlisted: class.waitlisted,
            checked_in: class.checked_in,
            is_cancelled: class.is_cancelled,
        }
    }
}

/// Lists the classes of the instructor on the given days, also those that they teach as a
/// substitute.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn classes<'a>(
    app: &'a App,
    instructor: &'a Instructor,
    filter: &'a TeachingQuery,
    page: Page,
) -> BoxFuture<'a, Result<List<TaughtClassView>>> {
    Box::pin(async move {
        let zone = TimeZone::of_studio(&app.config().studio)?;
        let mut form = Form::default();
        let from = form.check_filled("from", filter.from.as_deref(), query::date);
        let to = form.check_filled("to", filter.to.as_deref(), query::date);
        let first = from.unwrap_or_else(|| zone.date(app.clock().now()));
        let last = to.unwrap_or(first + TimeDelta::days(DEFAULT_DAYS - 1));
        if last < first {
            form.add_problem("to", "must not be before from");
        } else if last - first >= TimeDelta::days(MAX_DAYS) {
            form.add_problem("to", "must be at most 365 days after from");
        }
        form.finish()?;
        let period = zone.day_start(first)..zone.day_start(last + TimeDelta::days(1));
        let id = instructor.instructor_id;
        let rows = app
            .db()
            .read(async move |client| teaching::list_classes(client, id, &period, &page).await)
            .await?;
        Ok(List::new(rows, page, TaughtClass::position, |class| {
            TaughtClassView::new(class, &zone)
        }))
    })
}

/// The class of a roster.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OwnRosterQuery {
    /// The id of the class.
    #[param(required, value_type = Uuid)]
    scheduled_class_id: Option<String>,
}

/// A booking on a roster, as the instructor of the class sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnRosterEntry)]
pub struct OwnRosterEntryView {
    booking_id: Uuid,
    status: BookingStatus,
    /// The rank on the waitlist, where 1 is next. Null if the member is not on
    /// the waitlist.
    waitlist_position: Option<i64>,
    /// The member's first and last name.
    name: String,
    /// The member's experience, as the member states it.
    level: ExperienceLevel,
    /// The number of classes that the member was checked in for, including this one.
    visits: i64,
    /// When the member was checked in. Null if they are not.
    checked_in_at: Option<DateTime<Utc>>,
    /// Who checked the member in. Null if they are not, or if it is unknown.
    checked_in_by: Option<CheckInAuthorView>,
    /// Whether the spot is paid for. Null on the waitlist.
    coverage: Option<SpotCoverage>,
}

impl From<RosterEntry> for OwnRosterEntryView {
    fn from(entry: RosterEntry) -> Self {
        Self {
            coverage: entry.coverage(),
            booking_id: entry.booking_id,
            status: entry.status,
            waitlist_position: entry.waitlist_position,
            name: entry.name,
            level: entry.level,
            visits: entry.visits,
            checked_in_at: entry.checked_in_at,
            checked_in_by: entry.checked_in_by.map(CheckInAuthorView::from),
        }
    }
}

/// Lists a page of the bookings of a class of the instructor, without cancelled ones.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed;
/// [`Error::NotFound`](crate::Error::NotFound) if another instructor teaches the class.
pub fn roster<'a>(
    app: &'a App,
    instructor: &'a Instructor,
    filter: &'a OwnRosterQuery,
    page: Page,
) -> BoxFuture<'a, Result<List<OwnRosterEntryView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = filter.scheduled_class_id.as_deref().unwrap_or_default();
        let class_id = form.check("scheduledClassId", query::id(id));
        form.finish()?;
        let class_id = class_id.unwrap_or_default();
        let (user_id, today) = (instructor.member.user.id, medical_notes::today(app)?);
        let rows = app
            .db()
            .read(async move |client| {
                teaching::require_own_class(client, class_id, user_id).await?;
                booking::list_roster(client, class_id, false, today, &page).await
            })
            .await?;
        Ok(List::new(
            rows,
            page,
            RosterEntry::position,
            OwnRosterEntryView::from,
        ))
    })
}
