//! The roster of an occurrence.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::attendance::{CheckInAuthor, check_in_author_columns};
use super::errors::{CLASS_CANCELLED, NO_SPOT};
use super::row::{
    BookingStatus, amount_due, computed_columns, join_last_payment, late_cancellation_fee,
};
use crate::crypto::encryption::Keyring;
use crate::error::{Error, ErrorCode, Result};
use crate::models::pass::pass_name;
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::models::user::{ExperienceLevel, MedicalConditions, full_name};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How the spot of a booking is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpotCoverage {
    /// Nothing is to be paid: a pass or a course pays, the studio has given the spot, or it is free.
    Covered,
    /// Money was paid.
    Paid,
    /// The price, the fee, or the course is still to be paid, or the payment is disputed.
    Unpaid,
}

/// A booking on a roster, with the details of the member that staff need.
#[derive(Clone, Debug)]
pub struct RosterEntry {
    /// The booking's id.
    pub booking_id: Uuid,
    /// The booking's status.
    pub status: BookingStatus,
    /// The rank on the waitlist, where 1 is next. `None` if the booking is not on it.
    pub waitlist_position: Option<i64>,
    /// When the booking was made.
    pub booked_at: DateTime<Utc>,
    /// When the booking was cancelled, or the class with it.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When the member was checked in. `None` if they are not checked in, or if the time is
    /// unknown.
    pub checked_in_at: Option<DateTime<Utc>>,
    /// Who checked the member in. `None` if they are not checked in, or if it is unknown.
    pub checked_in_by: Option<CheckInAuthor>,
    /// The time until which the booking can be cancelled free of charge, at the latest the
    /// start. `None` for an entry on the waitlist.
    pub free_until: Option<DateTime<Utc>>,
    /// The price at the time of booking.
    pub price: Money,
    /// The ISO 4217 code of the price's currency.
    pub currency: String,
    /// The fee for the late cancellation or the no-show. `None` if there is none.
    pub fee: Option<Money>,
    /// What is still to be paid: the price or the fee. Zero if nothing is.
    pub amount_due: Money,
    /// The status of the last payment. `None` if there is no payment.
    pub payment_status: Option<PaymentStatus>,
    /// The method of the last payment, `card` or `desk`.
    pub payment_method: Option<PaymentMethod>,
    /// The name of the pass that pays. `None` if no pass does.
    pub pass_name: Option<String>,
    /// Why the studio has given the spot for free. `None` if it has not.
    pub given_reason: Option<String>,
    /// Whether the pass that pays is unlimited. `None` if no pass does.
    pass_is_unlimited: Option<bool>,
    /// The name of the course that it was booked with. `None` if it was booked by itself.
    pub course_name: Option<String>,
    /// Whether the course is paid. `None` without a course.
    pub is_course_paid: Option<bool>,
    /// Whether its part of the course price is refunded if it is cancelled before the start, because
    /// the studio has changed the class. `None` without a course.
    pub is_course_refundable: Option<bool>,
    /// The member's id.
    pub user_id: Uuid,
    /// The member's first and last name.
    pub name: String,
    /// The member's e-mail address.
    pub email: String,
    /// The member's phone number.
    pub phone: Option<String>,
    /// The member's experience.
    pub level: ExperienceLevel,
    /// The number of classes that the member was checked in for, including this one.
    pub visits: i64,
    /// The member's date of birth.
    pub date_of_birth: Option<NaiveDate>,
    /// The emergency contact's name.
    pub emergency_contact_name: Option<String>,
    /// The emergency contact's phone number.
    pub emergency_contact_phone: Option<String>,
    /// Whether there are medical notes that staff can request for this booking.
    pub has_medical_notes: bool,
    entered_at: DateTime<Utc>,
}

impl RosterEntry {
    /// Returns the booking's position in the roster.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.entered_at, self.booking_id)
    }

    /// Returns what a late cancellation costs when the studio charges `fixed`, or the price.
    pub fn late_cancellation_fee(&self, fixed: Option<Money>) -> Money {
        late_cancellation_fee(self.price, self.pass_is_unlimited, fixed)
    }

    /// Returns how the spot is paid for. `None` without a spot.
    pub fn coverage(&self) -> Option<SpotCoverage> {
        if !self.status.has_spot() {
            return None;
        }
        let is_covered =
            self.pass_name.is_some() || self.course_name.is_some() || self.given_reason.is_some();
        Some(match self.payment_status {
            // Even with a pass, a fee can be owed.
            _ if !self.amount_due.is_zero() || self.is_course_paid == Some(false) => {
                SpotCoverage::Unpaid
            }
            // The booking may have been paid and refunded before.
            _ if is_covered => SpotCoverage::Covered,
            Some(PaymentStatus::Disputed) => SpotCoverage::Unpaid,
            Some(
                PaymentStatus::Paid | PaymentStatus::PartlyRefunded | PaymentStatus::RefundDue,
            ) => SpotCoverage::Paid,
            _ => SpotCoverage::Covered,
        })
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            booking_id: row.try_get("id")?,
            status: BookingStatus::from_column(row.try_get("status")?)?,
            waitlist_position: row.try_get("waitlist_position")?,
            booked_at: row.try_get("booked_at")?,
            cancelled_at: row.try_get("cancelled_at")?,
            checked_in_at: row.try_get("checked_in_at")?,
            checked_in_by: CheckInAuthor::from_row(row)?,
            free_until: row.try_get("free_until")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            currency: row.try_get("currency")?,
            fee: row
                .try_get::<_, Option<Decimal>>("fee")?
                .map(Money::from_column),
            amount_due: Money::from_column(row.try_get::<_, Decimal>("amount_due")?),
            payment_status: PaymentStatus::from_nullable_column(row.try_get("payment_status")?)?,
            payment_method: PaymentMethod::from_nullable_column(row.try_get("payment_method")?)?,
            pass_name: row.try_get("pass_name")?,
            given_reason: row.try_get("given_reason")?,
            pass_is_unlimited: row.try_get("pass_is_unlimited")?,
            course_name: row.try_get("course_name")?,
            is_course_paid: row.try_get("is_course_paid")?,
            is_course_refundable: row.try_get("is_course_refundable")?,
            user_id: row.try_get("user_id")?,
            name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            email: row.try_get("email")?,
            phone: row.try_get("phone")?,
            level: ExperienceLevel::from_column(row.try_get("experience_level")?)?,
            visits: row.try_get("visits")?,
            date_of_birth: row.try_get("date_of_birth")?,
            emergency_contact_name: row.try_get("emergency_contact_name")?,
            emergency_contact_phone: row.try_get("emergency_contact_phone")?,
            has_medical_notes: row.try_get("has_medical_notes")?,
            entered_at: row.try_get("entered_at")?,
        })
    }
}

/// The condition under which staff may read the medical notes of the member of a booking `b`
/// for an occurrence `c`: the booking has a spot, the occurrence is not cancelled, and the
/// occurrence starts at or after `$since` or ends after `$now`.
macro_rules! medical_notes_are_open {
    ($since:literal, $now:literal) => {
        concat!(
            "b.status in ('booked', 'attended', 'no_show') and not c.is_cancelled
                and (c.start_time >= ",
            $since,
            " or c.end_time > ",
            $now,
            ")"
        )
    };
}

static LIST: Statement = Statement::new(
    "booking.list_roster",
    concat!(
        "select b.id, b.status, b.booked_at, b.cancelled_at, b.checked_in_at,
            case when b.free_until > c.start_time then c.start_time else b.free_until end
                as free_until,
            b.price, b.currency, b.given_reason, ",
        pass_name!("w"),
        " as pass_name,
            case when w.id is not null then w.credits is null end as pass_is_unlimited,
            course.description as course_name, course_order.state = 'paid' as is_course_paid,
            b.course_share_state = 'refundable' as is_course_refundable,
            coalesce(b.entered_at, b.created_at) as entered_at, b.user_id,
            u.first_name, u.last_name, u.email, u.phone, u.experience_level,
            u.date_of_birth,
            (select count(*) from bookings v
                where v.user_id = b.user_id and v.status = 'attended') as visits,
            u.emergency_contact_name, u.emergency_contact_phone,
            u.medical_conditions is not null and ",
        medical_notes_are_open!("$6", "$7"),
        " as has_medical_notes, b.fee, ",
        amount_due!(),
        " as amount_due, ",
        check_in_author_columns!(),
        ", ",
        computed_columns!(),
        " from bookings b join users u on u.id = b.user_id
        join scheduled_classes c on c.id = b.scheduled_class_id
        left join users a on a.id = b.checked_in_by
        left join passes w on w.id = b.pass_id
        left join order_lines l on l.id = w.order_line_id
        left join order_lines course on course.id = b.course_line_id
        left join orders course_order on course_order.id = course.order_id",
        join_last_payment!(),
        "where b.scheduled_class_id = $1 and ($2 or b.status <> 'cancelled')
          and ($3::timestamptz is null
              or (coalesce(b.entered_at, b.created_at), b.id) > ($3, $4))
        order by coalesce(b.entered_at, b.created_at), b.id limit $5"
    ),
);

static OCCURRENCE_EXISTS: Statement = Statement::new(
    "booking.occurrence_exists",
    "select 1 from scheduled_classes where id = $1",
);

/// The current day and time at the studio, which decide which medical notes staff can read.
#[derive(Clone, Copy, Debug)]
pub struct Today {
    /// The start of the current day at the studio.
    pub start: DateTime<Utc>,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// Lists a page of the roster of an occurrence, in the order in which the bookings entered it. A
/// booking that moves to the occurrence, or is reopened, enters at the end, so that no page
/// misses it.
///
/// # Errors
///
/// [`Error::NotFound`] when the occurrence does not exist.
pub async fn list_roster(
    client: &Client,
    scheduled_class_id: Uuid,
    with_cancelled: bool,
    today: Today,
    page: &Page,
) -> Result<Vec<RosterEntry>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(
            client,
            &[
                &scheduled_class_id,
                &with_cancelled,
                &time,
                &id,
                &page.row_limit(),
                &today.start,
                &today.now,
            ],
        )
        .await?;
    if rows.is_empty() {
        let occurrence = OCCURRENCE_EXISTS
            .opt(client, &[&scheduled_class_id])
            .await?;
        occurrence.ok_or(Error::NotFound)?;
    }
    rows.iter().map(RosterEntry::from_row).collect()
}

/// The medical notes of a member, as read for a booking.
#[derive(Clone, Debug)]
pub struct MedicalNotes {
    /// The member's id.
    pub user_id: Uuid,
    /// The id of the booked occurrence.
    pub scheduled_class_id: Uuid,
    /// The member's medical conditions.
    pub conditions: MedicalConditions,
}

static MEDICAL_NOTES: Statement = Statement::new(
    "booking.medical_notes",
    concat!(
        "select b.user_id, b.scheduled_class_id, u.medical_conditions,
            b.status in ('booked', 'attended', 'no_show') as has_spot, c.is_cancelled, ",
        medical_notes_are_open!("$2", "$3"),
        " as is_open
        from bookings b join users u on u.id = b.user_id
        join scheduled_classes c on c.id = b.scheduled_class_id
        where b.id = $1"
    ),
);

const CLASS_OVER: Error = Error::Conflict {
    code: ErrorCode::ClassOver,
    message: "Medical notes can be read only if the class takes place today or later",
};

/// Returns the medical notes of the member of a booking.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `no_place` when the booking has no spot; 409 `class_cancelled`;
/// 409 `class_over` when the occurrence started on an earlier day and has ended.
pub async fn find_medical_notes(
    client: &Client,
    keys: &Keyring,
    booking_id: Uuid,
    today: Today,
) -> Result<MedicalNotes> {
    let row = MEDICAL_NOTES
        .opt(client, &[&booking_id, &today.start, &today.now])
        .await?
        .ok_or(Error::NotFound)?;
    if !row.try_get::<_, bool>("is_open")? {
        return Err(
            match (row.try_get("has_spot")?, row.try_get("is_cancelled")?) {
                (false, _) => NO_SPOT,
                (true, true) => CLASS_CANCELLED,
                (true, false) => CLASS_OVER,
            },
        );
    }
    let user_id = row.try_get("user_id")?;
    Ok(MedicalNotes {
        user_id,
        scheduled_class_id: row.try_get("scheduled_class_id")?,
        conditions: MedicalConditions::open(keys, user_id, row.try_get("medical_conditions")?),
    })
}
