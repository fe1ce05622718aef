//! Who comes to a class, as those at the door need to know.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Status, lock_class, standing_columns};
use crate::crypto::encryption::Keyring;
use crate::error::{Error, Result};
use crate::models::user;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A line of the roster.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RosterEntry {
    booking_id: Uuid,
    status: Status,
    /// 1 for whoever is next; null: not waiting.
    waitlist_position: Option<i64>,
    booked_at: DateTime<Utc>,
    price: Money,
    /// In ISO 4217.
    currency: String,
    /// Of the last payment; null: there is none.
    payment_status: Option<String>,
    /// `card` or `desk`, of the same.
    payment_method: Option<String>,
    user_id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    date_of_birth: Option<NaiveDate>,
    emergency_contact_name: Option<String>,
    emergency_contact_phone: Option<String>,
    /// What a teacher should know.
    medical_conditions: Option<String>,
    #[serde(skip)]
    created_at: DateTime<Utc>,
}

impl RosterEntry {
    /// By what a roster is sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.booking_id)
    }

    fn from_row(row: &Row, keys: &Keyring) -> Result<Self> {
        let user_id: Uuid = row.try_get("user_id")?;
        let names: [String; 2] = [row.try_get("first_name")?, row.try_get("last_name")?];
        Ok(Self {
            booking_id: row.try_get("id")?,
            status: Status::from_column(row.try_get("status")?)?,
            waitlist_position: row.try_get("waitlist_position")?,
            booked_at: row.try_get("booked_at")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            currency: row.try_get("currency")?,
            payment_status: row.try_get("payment_status")?,
            payment_method: row.try_get("payment_method")?,
            user_id,
            name: names.join(" ").trim_end().to_owned(),
            email: row.try_get("email")?,
            phone: row.try_get("phone")?,
            date_of_birth: row.try_get("date_of_birth")?,
            emergency_contact_name: row.try_get("emergency_contact_name")?,
            emergency_contact_phone: row.try_get("emergency_contact_phone")?,
            medical_conditions: user::open_medical(
                keys,
                user_id,
                row.try_get("medical_conditions")?,
            )?,
            created_at: row.try_get("created_at")?,
        })
    }
}

static ROSTER: Statement = Statement::new(
    "booking.roster",
    concat!(
        "select b.id, b.status, b.booked_at, b.price, b.currency, b.created_at, b.user_id,
            u.first_name, u.last_name, u.email, u.phone, u.date_of_birth,
            u.emergency_contact_name, u.emergency_contact_phone, u.medical_conditions,
            (select p.method from payments p where p.booking_id = b.id
                order by p.created_at desc, p.id desc limit 1) as payment_method, ",
        standing_columns!(),
        " from bookings b join users u on u.id = b.user_id
        where b.scheduled_class_id = $1 and ($2 or b.status <> 'cancelled')
          and ($3::timestamptz is null or (b.created_at, b.id) > ($3, $4))
        order by b.created_at, b.id limit $5"
    ),
);

static EXISTS: Statement = Statement::new(
    "booking.class_exists",
    "select 1 from scheduled_classes where id = $1",
);

/// A page of the roster of an occurrence, in the order of booking.
///
/// # Errors
///
/// 404 for a class that there is not; [`Error::Unavailable`].
pub async fn roster(
    client: &Client,
    keys: &Keyring,
    scheduled_class_id: Uuid,
    with_cancelled: bool,
    page: &Page,
) -> Result<Vec<RosterEntry>> {
    let (time, id) = page.after();
    let rows = ROSTER
        .all(
            client,
            &[
                &scheduled_class_id,
                &with_cancelled,
                &time,
                &id,
                &page.fetch(),
            ],
        )
        .await?;
    if rows.is_empty() {
        let class = EXISTS.opt(client, &[&scheduled_class_id]).await?;
        class.ok_or(Error::NotFound)?;
    }
    rows.iter()
        .map(|row| RosterEntry::from_row(row, keys))
        .collect()
}

/// Whether somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// They did.
    Attended,
    /// They did not.
    NoShow,
    /// Nobody has said so yet; takes back what was said by mistake.
    Unknown,
}

static ATTENDANCE: Statement = Statement::new(
    "booking.attendance",
    "with booking as (
        select b.id, b.user_id, b.status, c.start_time <= $3 as begun
        from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.id = $1
        for no key update of b
    ), noted as (
        update bookings b set status = $2 from booking
        where b.id = booking.id and booking.status in ('booked', 'attended', 'no_show')
          and (booking.begun or $2 <> 'no_show')
        returning b.id
    )
    select user_id, begun, exists (select from noted) as noted from booking",
);

/// Notes whether somebody came. To be called in a transaction. Returns who.
///
/// # Errors
///
/// 404 for a booking that there is not; 409 `class_not_started` for somebody
/// who may still come; 409 `no_place` for who has none; [`Error::Unavailable`].
pub async fn note_attendance(
    client: &Client,
    booking_id: Uuid,
    attendance: Attendance,
    now: DateTime<Utc>,
) -> Result<Uuid> {
    let status = match attendance {
        Attendance::Attended => "attended",
        Attendance::NoShow => "no_show",
        Attendance::Unknown => "booked",
    };
    lock_class(client, booking_id, None).await?;
    let row = ATTENDANCE
        .opt(client, &[&booking_id, &status, &now])
        .await?
        .ok_or(Error::NotFound)?;
    if row.try_get("noted")? {
        return Ok(row.try_get("user_id")?);
    }
    if attendance == Attendance::NoShow && !row.try_get::<_, bool>("begun")? {
        return Err(Error::Conflict {
            code: "class_not_started",
            message: "This class has not begun yet",
        });
    }
    Err(Error::Conflict {
        code: "no_place",
        message: "This booking has no place in the class",
    })
}
