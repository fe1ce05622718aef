//! Courses: which ones can be bought, their classes, and their members.

use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::products::ProductView;
use crate::admin::staff_action::StaffAction;
use crate::error::{Result, chain};
use crate::http::{List, Member, query};
use crate::models::course::{self, Course, CourseClass, CourseClasses, CourseMember};
use crate::models::occurrence::change::lock_timetable;
use crate::models::order::{self, OrderState};
use crate::models::security_event::SecurityEventKind;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::values::money::Amount;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// A course, as visitors see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Course)]
pub struct CourseView {
    #[serde(flatten)]
    product: ProductView,
    /// What the course costs now. It is less than `price` when classes have begun or are cancelled.
    price_now: Amount,
    /// The number of members who can still buy it.
    #[serde(rename = "placesLeft")]
    free_spots: i32,
    /// The number of upcoming classes.
    classes_left: usize,
    /// All classes, earliest first.
    classes: Vec<CourseClassView>,
}

/// A class of a course.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CourseClass)]
struct CourseClassView {
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
    /// The instructor's name.
    instructor: String,
    is_cancelled: bool,
}

impl CourseClassView {
    fn new(class: &CourseClass, zone: &TimeZone) -> Self {
        let local = zone.local(class.start_time).naive_local();
        Self {
            id: class.id,
            title: class.title.clone(),
            start_time: class.start_time,
            end_time: class.end_time,
            local_date: local.date(),
            local_time: local.format("%H:%M").to_string(),
            time_zone: zone.name().to_owned(),
            room: class.room.clone(),
            instructor: class.instructor.clone(),
            is_cancelled: class.is_cancelled,
        }
    }
}

impl CourseView {
    fn new(course: Course, zone: &TimeZone, currency: &str, now: DateTime<Utc>) -> Self {
        let view = |class| CourseClassView::new(class, zone);
        Self {
            price_now: course.price_now(currency, now).in_currency(currency),
            free_spots: course.free_spots(now),
            classes_left: course.classes_left(now).count(),
            classes: course.classes.iter().map(view).collect(),
            product: ProductView::new(course.product, currency),
        }
    }
}

/// Lists a page of the courses that are sold and have upcoming classes, newest first.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<CourseView>>> {
    Box::pin(async move {
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let zone = TimeZone::of_studio(studio)?;
        let rows = app
            .db()
            .read(async move |client| course::list_upcoming(client, now, &page).await)
            .await?;
        Ok(List::new(rows, page, Course::position, |course| {
            CourseView::new(course, &zone, &studio.currency, now)
        }))
    })
}

/// A course, as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffCourse)]
pub struct StaffCourseView {
    #[serde(flatten)]
    course: CourseView,
    /// Whether somebody has bought it, or is paying for it. Its classes then cannot be changed.
    is_sold: bool,
}

/// The query of a course.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct CourseQuery {
    /// The id of the course, which is the id of its product.
    #[param(required, value_type = Uuid)]
    course_id: Option<String>,
}

impl CourseQuery {
    fn parse(&self) -> Result<Uuid> {
        let mut form = Form::default();
        let id = self.course_id.clone().unwrap_or_default();
        let id = form.check("courseId", query::id(&id));
        form.finish()?;
        Ok(id.unwrap_or_default())
    }
}

/// Returns a course, even if it is retired.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID; [`Error::NotFound`](crate::Error::NotFound).
pub fn find(app: &App, query: CourseQuery) -> BoxFuture<'_, Result<StaffCourseView>> {
    Box::pin(async move {
        let id = query.parse()?;
        find_by_id(app, id).await
    })
}

async fn find_by_id(app: &App, id: Uuid) -> Result<StaffCourseView> {
    let (now, studio) = (app.clock().now(), &app.config().studio);
    let zone = TimeZone::of_studio(studio)?;
    let (course, is_sold) = app
        .db()
        .read(async move |client| course::find(client, id).await)
        .await?;
    Ok(StaffCourseView {
        course: CourseView::new(course, &zone, &studio.currency, now),
        is_sold,
    })
}

/// The classes to choose for a course.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetCourseClasses {
    /// The id of the course, which is the id of its product.
    course_id: Uuid,
    /// The ids of classes. They must be upcoming, unless they are part of the course already.
    #[schema(max_items = 200)]
    class_ids: Vec<Uuid>,
}

impl From<SetCourseClasses> for CourseClasses {
    fn from(form: SetCourseClasses) -> Self {
        Self {
            course_id: form.course_id,
            class_ids: form.class_ids,
        }
    }
}

/// Chooses the classes of a course, in place of those that it had.
///
/// # Errors
///
/// Those of [`course::set_classes`].
pub fn set_classes<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: SetCourseClasses,
) -> BoxFuture<'a, Result<StaffCourseView>> {
    Box::pin(async move {
        let (new, now) = (CourseClasses::from(form), app.clock().now());
        let staff_action = StaffAction::by_staff(staff, caller)?;
        app.transaction()
            .authorize(&staff_action)
            .invalidate([app.schedule()])
            .run(async |tx| {
                lock_timetable(tx).await?;
                course::set_classes(tx, &new, now).await?;
                let kind = SecurityEventKind::ProductChanged;
                let detail = json!({ "id": new.course_id, "action": "set_classes" });
                staff_action.record(tx, kind, None, detail).await
            })
            .await?;
        find_by_id(app, new.course_id).await
    })
}

/// A member of a course.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CourseMember)]
pub struct CourseMemberView {
    user_id: Uuid,
    /// The member's first and last name.
    name: String,
    order_id: Uuid,
    /// `paid`, or `open` while the member pays by card.
    order_state: OrderState,
    /// What the course costs the member.
    amount: Amount,
    /// ISO 4217 code.
    currency: String,
    /// The number of upcoming classes in which the member has a spot.
    classes_left: i64,
    ordered_at: DateTime<Utc>,
}

impl From<CourseMember> for CourseMemberView {
    fn from(member: CourseMember) -> Self {
        Self {
            user_id: member.user_id,
            name: member.name,
            order_id: member.order_id,
            order_state: member.order_state,
            amount: member.amount.in_currency(&member.currency),
            currency: member.currency,
            classes_left: member.classes_left,
            ordered_at: member.ordered_at,
        }
    }
}

/// Lists a page of the members of a course, the last one to order it first.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID; [`Error::NotFound`](crate::Error::NotFound).
pub fn list_members(
    app: &App,
    query: CourseQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<CourseMemberView>>> {
    Box::pin(async move {
        let (id, now) = (query.parse()?, app.clock().now());
        let rows = app
            .db()
            .read(async move |client| {
                course::find(client, id).await?;
                course::list_members(client, id, now, &page).await
            })
            .await?;
        Ok(List::new(
            rows,
            page,
            CourseMember::position,
            CourseMemberView::from,
        ))
    })
}

/// How many orders the clean-up reads at once.
const BATCH_SIZE: i64 = 100;

/// Refunds the shares that are due, and those of cancelled classes that the version of the program
/// without courses has left, for at most [`BATCH_SIZE`] orders, until `until`. An order that fails is
/// logged. Returns the number of the orders whose shares were settled.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable) when Postgres does not answer.
pub(crate) async fn refund_shares(app: &App, until: Instant) -> Result<u64> {
    let now = app.clock().now();
    let ids = course::find_unrefunded(&app.db().client().await?, BATCH_SIZE, now).await?;
    let mut count = 0;
    for id in ids {
        if Instant::now() >= until {
            break;
        }
        let refunded = app
            .transaction()
            .run(async |tx| order::refund_shares(tx, id, now).await)
            .await;
        match refunded {
            Ok(()) => count += 1,
            // The other orders do not wait for this one.
            Err(error) => {
                tracing::error!(order = %id, error = %chain(&error), "failed to refund the shares of an order");
            }
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::course::CLASSES_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        assert_eq!(
            bound::<SetCourseClasses>("classIds", "maxItems"),
            CLASSES_MAX as i64
        );
    }
}
