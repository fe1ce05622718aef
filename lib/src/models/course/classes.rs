//! Choosing the classes of a course.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};
use crate::models::product::{self, ProductKind};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The maximum number of classes of a course.
pub const CLASSES_MAX: usize = 200;

/// The classes to choose for a course.
#[derive(Clone, Debug)]
pub struct CourseClasses {
    /// The course's id.
    pub course_id: Uuid,
    /// The ids of classes.
    pub class_ids: Vec<Uuid>,
}

static LOCK_PRODUCT: Statement = Statement::new(
    "course.lock_product",
    "select id from products where id = $1 for no key update",
);

static IS_SOLD: Statement = Statement::new(
    "course.is_sold",
    "select exists (
        select from order_lines l join bookings b on b.course_line_id = l.id
        where l.product_id = $1 and b.status <> 'cancelled') as is_sold",
);

/// Returns whether somebody has a spot in a course that was bought or is being paid for, or has had
/// one in a class that has taken place.
pub(super) async fn is_sold(client: &Client, course_id: Uuid) -> Result<bool> {
    let row = IS_SOLD.one(client, &[&course_id]).await?;
    Ok(row.try_get("is_sold")?)
}

static LOCK_CLASSES: Statement = Statement::new(
    "course.lock_chosen_classes",
    "select id, start_time, end_time, course_id,
        course_id is not distinct from $1 or (start_time > $2 and not is_cancelled) as is_possible
    from scheduled_classes
    where id = any($3) or course_id = $1
    order by id for no key update",
);

static SET_CLASSES: Statement = Statement::new(
    "course.set_classes",
    "update scheduled_classes set course_id = case when id = any($2) then $1 end
    where (id = any($2) and course_id is distinct from $1)
      or (course_id = $1 and not (id = any($2)))",
);

/// A class that was chosen.
struct ChosenClass {
    id: Uuid,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    is_possible: bool,
    is_of_other: bool,
}

impl ChosenClass {
    fn from_row(row: &Row, course_id: Uuid) -> Result<Self> {
        let other: Option<Uuid> = row.try_get("course_id")?;
        Ok(Self {
            id: row.try_get("id")?,
            start: row.try_get("start_time")?,
            end: row.try_get("end_time")?,
            is_possible: row.try_get("is_possible")?,
            is_of_other: other.is_some_and(|id| id != course_id),
        })
    }
}

/// Chooses the classes of a course, in place of those that it had. The classes must be upcoming, or
/// part of the course already. The transaction must hold the lock of the timetable.
///
/// # Errors
///
/// [`Error::NotFound`] when there is no such course; 409 `course_sold` when it is sold or is being
/// paid for; [`Error::Invalid`] when a class does not exist, is over, is cancelled, is part of another
/// course, or overlaps another class of the course, or when there are too many.
pub async fn set_classes(client: &Client, new: &CourseClasses, now: DateTime<Utc>) -> Result<()> {
    let id = new.course_id;
    LOCK_PRODUCT
        .opt(client, &[&id])
        .await?
        .ok_or(Error::NotFound)?;
    if product::find(client, id).await?.kind != ProductKind::Course {
        return Err(Error::NotFound);
    }
    if is_sold(client, id).await? {
        return Err(COURSE_SOLD);
    }
    let mut ids = new.class_ids.clone();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > CLASSES_MAX {
        let problem = format!("must not have more than {CLASSES_MAX} entries");
        return Err(Error::field("classIds", problem));
    }
    let rows = LOCK_CLASSES.all(client, &[&id, &now, &ids]).await?;
    let locked = rows.iter().map(|row| ChosenClass::from_row(row, id));
    let mut chosen: Vec<ChosenClass> = locked.collect::<Result<_>>()?;
    chosen.retain(|class| ids.contains(&class.id));
    check(&mut chosen, ids.len())?;
    SET_CLASSES.execute(client, &[&id, &ids]).await
}

/// Checks that classes can be those of one course.
fn check(chosen: &mut [ChosenClass], wanted: usize) -> Result<()> {
    let problem = if chosen.len() < wanted || !chosen.iter().all(|class| class.is_possible) {
        Some("must be ids of upcoming classes")
    } else if chosen.iter().any(|class| class.is_of_other) {
        Some("must not be part of another course")
    } else {
        chosen.sort_by_key(|class| class.start);
        let overlaps = chosen.windows(2).any(|pair| pair[1].start < pair[0].end);
        overlaps.then_some("must not overlap each other")
    };
    match problem {
        Some(problem) => Err(Error::field("classIds", problem)),
        None => Ok(()),
    }
}

const COURSE_SOLD: Error = Error::Conflict {
    code: ErrorCode::CourseSold,
    message: "The course is sold or is being paid for, so its classes cannot be changed",
};
