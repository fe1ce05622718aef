//! The JSON of bookings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::booking::{Booking, BookingStatus, RosterEntry};
use crate::models::payment::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::models::user::ExperienceLevel;
use crate::values::email;
use crate::values::money::Amount;

/// A booking, as the API returns it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Booking)]
pub struct BookingView {
    id: Uuid,
    /// The id of the booked class.
    scheduled_class_id: Uuid,
    status: BookingStatus,
    /// The rank on the waitlist, where 1 is next. Null if the member is not on
    /// the waitlist.
    waitlist_position: Option<i64>,
    /// The price at the time of booking.
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    booked_at: DateTime<Utc>,
    /// The time until which the booking can be cancelled free of charge. It can only become
    /// later, for example when the class is moved. Null on the waitlist, which the member
    /// can leave at any time.
    free_cancellation_until: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
    /// Whether the booking was cancelled too late for a refund.
    late_cancellation: bool,
    /// The reason that the member or the studio gave.
    cancellation_reason: Option<String>,
    /// The status of the last payment. Null if there is no payment.
    payment_status: Option<PaymentStatus>,
    class: BookedClassView,
}

/// The class that a booking is for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookedClass)]
struct BookedClassView {
    title: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    room: String,
    /// The instructor's name.
    instructor: String,
    is_cancelled: bool,
}

impl From<Booking> for BookingView {
    fn from(booking: Booking) -> Self {
        Self {
            id: booking.id,
            scheduled_class_id: booking.scheduled_class_id,
            status: booking.status,
            waitlist_position: booking.waitlist_position,
            price: booking.price.in_currency(&booking.currency),
            currency: booking.currency,
            booked_at: booking.booked_at,
            free_cancellation_until: booking.free_until,
            cancelled_at: booking.cancelled_at,
            late_cancellation: booking.late_cancellation,
            cancellation_reason: booking.cancellation_reason,
            payment_status: booking.payment_status,
            class: BookedClassView {
                title: booking.title,
                start_time: booking.start_time,
                end_time: booking.end_time,
                room: booking.room,
                instructor: booking.instructor,
                is_cancelled: booking.class_cancelled,
            },
        }
    }
}

/// A booking on the roster of a class, as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RosterEntry)]
pub struct RosterEntryView {
    booking_id: Uuid,
    status: BookingStatus,
    /// The rank on the waitlist, where 1 is next. Null if the member is not on
    /// the waitlist.
    waitlist_position: Option<i64>,
    booked_at: DateTime<Utc>,
    /// When the member was checked in. Null if they are not.
    checked_in_at: Option<DateTime<Utc>>,
    /// The time until which the booking can be cancelled free of charge. Null on the
    /// waitlist.
    free_cancellation_until: Option<DateTime<Utc>>,
    /// The price at the time of booking.
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    /// The status of the last payment. Null if there is no payment.
    payment_status: Option<PaymentStatus>,
    /// The method of the last payment. Null if there is no payment.
    payment_method: Option<PaymentMethod>,
    user_id: Uuid,
    /// The member's first and last name.
    name: String,
    email: String,
    phone: Option<String>,
    /// The member's experience, as the member states it.
    level: ExperienceLevel,
    /// The number of classes that the member was checked in for, including this one.
    visits: i64,
    date_of_birth: Option<NaiveDate>,
    emergency_contact_name: Option<String>,
    emergency_contact_phone: Option<String>,
    /// Whether the member has medical notes that can be requested with
    /// `POST /api/admin/medical-notes`. False after the day of the class, and for bookings
    /// without a spot.
    has_medical_notes: bool,
}

impl From<RosterEntry> for RosterEntryView {
    fn from(entry: RosterEntry) -> Self {
        Self {
            booking_id: entry.booking_id,
            status: entry.status,
            waitlist_position: entry.waitlist_position,
            booked_at: entry.booked_at,
            checked_in_at: entry.checked_in_at,
            free_cancellation_until: entry.free_until,
            price: entry.price.in_currency(&entry.currency),
            currency: entry.currency,
            payment_status: entry.payment_status,
            payment_method: entry.payment_method,
            user_id: entry.user_id,
            name: entry.name,
            email: email::readable(&entry.email),
            phone: entry.phone,
            level: entry.level,
            visits: entry.visits,
            date_of_birth: entry.date_of_birth,
            emergency_contact_name: entry.emergency_contact_name,
            emergency_contact_phone: entry.emergency_contact_phone,
            has_medical_notes: entry.has_medical_notes,
        }
    }
}
