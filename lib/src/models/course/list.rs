//! Reading courses, their classes, and their members.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::classes::is_sold;
use super::shares::price_of_left;
use crate::error::{Error, Result};
use crate::models::from_json;
use crate::models::order::OrderState;
use crate::models::product::{Product, ProductKind, product_columns};
use crate::models::user::full_name;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A class of a course.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CourseClass {
    /// The occurrence's id.
    pub id: Uuid,
    /// The occurrence's title.
    pub title: String,
    /// When it starts.
    pub start_time: DateTime<Utc>,
    /// When it ends.
    pub end_time: DateTime<Utc>,
    /// The room.
    pub room: String,
    /// The instructor's name.
    pub instructor: String,
    /// Whether it is cancelled.
    pub is_cancelled: bool,
    /// The number of spots that are free.
    #[serde(rename = "placesLeft")]
    pub free_spots: i32,
}

impl CourseClass {
    /// Returns whether the class is upcoming at `now`.
    fn is_upcoming(&self, now: DateTime<Utc>) -> bool {
        !self.is_cancelled && self.start_time > now
    }
}

/// A course with its classes.
#[derive(Clone, Debug)]
pub struct Course {
    /// The product.
    pub product: Product,
    /// All classes, earliest first.
    pub classes: Vec<CourseClass>,
}

/// The classes of the product `p`, as JSON.
macro_rules! course_classes {
    () => {
        "coalesce((
            select jsonb_agg(jsonb_build_object('id', c.id, 'title', coalesce(c.own_title, t.name),
                'startTime', c.start_time, 'endTime', c.end_time, 'room', r.name,
                'instructor', i.name, 'isCancelled', c.is_cancelled,
                'placesLeft', greatest(0, c.max_participants - c.current_participants))
                order by c.start_time, c.id)
            from scheduled_classes c
            join class_types t on t.id = c.class_type_id
            join instructors i on i.id = c.instructor_id
            join rooms r on r.id = c.room_id
            where c.course_id = p.id), '[]') as classes"
    };
}

impl Course {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            product: Product::from_row(row)?,
            classes: from_json(row.try_get("classes")?)?,
        })
    }

    /// Returns the classes that are upcoming at `now`.
    pub fn classes_left(&self, now: DateTime<Utc>) -> impl Iterator<Item = &CourseClass> {
        self.classes
            .iter()
            .filter(move |class| class.is_upcoming(now))
    }

    /// Returns how many members can still buy the course: the free spots of its fullest class.
    pub fn free_spots(&self, now: DateTime<Utc>) -> i32 {
        let spots = self.classes_left(now).map(|class| class.free_spots);
        spots.min().unwrap_or_default()
    }

    /// Returns what the course costs at `now`: the shares of its upcoming classes.
    pub fn price_now(&self, currency: &str, now: DateTime<Utc>) -> Money {
        let classes = self.classes.iter();
        let is_upcoming: Vec<bool> = classes.map(|class| class.is_upcoming(now)).collect();
        let price = self.product.price.as_column();
        Money::from_column(price_of_left(price, &is_upcoming, currency))
    }

    /// Returns the course's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        self.product.position()
    }
}

static LIST_UPCOMING: Statement = Statement::new(
    "course.list_upcoming",
    concat!(
        "select ",
        product_columns!(),
        ", ",
        course_classes!(),
        " from products p
        where p.kind = 'course' and p.is_active and exists (
            select from scheduled_classes c
            where c.course_id = p.id and not c.is_cancelled and c.start_time > $1)
          and ($2::timestamptz is null or (p.created_at, p.id) < ($2, $3))
        order by p.created_at desc, p.id desc limit $4"
    ),
);

/// Lists a page of the courses that are sold and have upcoming classes, newest first.
pub async fn list_upcoming(
    client: &Client,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<Vec<Course>> {
    let (time, id) = page.after();
    let rows = LIST_UPCOMING
        .all(client, &[&now, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Course::from_row).collect()
}

static FIND: Statement = Statement::new(
    "course.find",
    concat!(
        "select ",
        product_columns!(),
        ", ",
        course_classes!(),
        " from products p where p.id = $1"
    ),
);

/// Finds a course, even if it is retired, and whether somebody has bought it.
///
/// # Errors
///
/// [`Error::NotFound`], also for a product that is not a course.
pub async fn find(client: &Client, id: Uuid) -> Result<(Course, bool)> {
    let row = FIND.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    let course = Course::from_row(&row)?;
    match course.product.kind {
        ProductKind::Course => Ok((course, is_sold(client, id).await?)),
        _ => Err(Error::NotFound),
    }
}

/// A member who has bought a course, or is about to pay for it.
#[derive(Clone, Debug)]
pub struct CourseMember {
    /// The id of the order line.
    pub line_id: Uuid,
    /// The order's id.
    pub order_id: Uuid,
    /// The state of the order, which is not cancelled.
    pub order_state: OrderState,
    /// The member's id.
    pub user_id: Uuid,
    /// The member's first and last name.
    pub name: String,
    /// What the course costs the member.
    pub amount: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The number of upcoming classes in which the member has a spot.
    pub classes_left: i64,
    /// When it was ordered.
    pub ordered_at: DateTime<Utc>,
}

impl CourseMember {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            line_id: row.try_get("id")?,
            order_id: row.try_get("order_id")?,
            order_state: OrderState::from_column(row.try_get("state")?)?,
            user_id: row.try_get("user_id")?,
            name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            amount: Money::from_column(row.try_get::<_, Decimal>("amount")?),
            currency: row.try_get("currency")?,
            classes_left: row.try_get("classes_left")?,
            ordered_at: row.try_get("created_at")?,
        })
    }

    /// Returns the position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.ordered_at, self.line_id)
    }
}

static LIST_MEMBERS: Statement = Statement::new(
    "course.list_members",
    "select l.id, l.order_id, o.state, o.user_id, u.first_name, u.last_name, l.amount, o.currency,
        l.created_at, (
            select count(*) from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
            where b.course_line_id = l.id and b.status in ('booked', 'attended')
              and c.start_time > $2) as classes_left
    from order_lines l join orders o on o.id = l.order_id join users u on u.id = o.user_id
    where l.product_id = $1 and o.state <> 'cancelled'
      and ($3::timestamptz is null or (l.created_at, l.id) < ($3, $4))
    order by l.created_at desc, l.id desc limit $5",
);

/// Lists a page of the members of a course, the last one to order it first.
pub async fn list_members(
    client: &Client,
    course_id: Uuid,
    now: DateTime<Utc>,
    page: &Page,
) -> Result<Vec<CourseMember>> {
    let (time, id) = page.after();
    let rows = LIST_MEMBERS
        .all(client, &[&course_id, &now, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(CourseMember::from_row).collect()
}
