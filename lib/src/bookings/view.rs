//! The JSON of bookings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::booking::{
    Booking, BookingCourse, BookingPass, BookingStatus, CheckInAuthor, LastPayment, RosterEntry,
};
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::models::user::ExperienceLevel;
use crate::runtime::config::StudioConfig;
use crate::values::email;
use crate::values::money::Amount;
use crate::values::time_zone::TimeZone;

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
    /// The price at the time of booking. 0 if a pass pays, or if it was booked with a course.
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    booked_at: DateTime<Utc>,
    /// The time until which the booking can be cancelled free of charge, at the latest the
    /// start of the class. It becomes earlier only if the class moves to a start before this
    /// time. Null on the waitlist, which the member can leave at any time, unless the entry is
    /// a reopened booking whose payment was kept.
    free_cancellation_until: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
    /// Whether the booking was cancelled too late to be free of charge.
    late_cancellation: bool,
    /// The fee for the late cancellation or the no-show. Null if there is none. What was paid
    /// beyond it is refunded.
    fee: Option<Amount>,
    /// What a cancellation after `freeCancellationUntil` costs. 0 if a pass with credits pays,
    /// whose credit is then used up.
    late_cancellation_fee: Amount,
    /// What is still to be paid: the price or the fee. 0 if nothing is.
    amount_due: Amount,
    /// The reason that the member or the studio gave.
    cancellation_reason: Option<String>,
    /// The status of the last payment. Null if there is no payment.
    payment_status: Option<PaymentStatus>,
    /// The last payment. Null if there is no payment.
    payment: Option<LastPaymentView>,
    /// The pass that pays. Null if no pass does.
    pass: Option<BookingPassView>,
    /// Whether the studio has given the spot for free.
    is_given: bool,
    /// The course that it was booked with. Null if it was booked by itself.
    course: Option<BookingCourseView>,
    class: BookedClassView,
}

/// The pass that pays for a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingPass)]
struct BookingPassView {
    id: Uuid,
    /// The name of the product as it was sold.
    #[schema(examples("Ten classes"))]
    name: String,
    /// Whether the booking uses a credit. False if the credit was given back.
    uses_credit: bool,
    /// The number of classes that are left. Null if it is unlimited.
    credits_left: Option<i32>,
    /// The last day on which the pass is good, in the studio's time zone. Null if the pass
    /// begins with the first class, and none is booked.
    last_day: Option<NaiveDate>,
}

impl From<BookingPass> for BookingPassView {
    fn from(pass: BookingPass) -> Self {
        Self {
            id: pass.id,
            name: pass.name,
            uses_credit: pass.uses_credit,
            credits_left: pass.credits_left,
            last_day: pass.last_day,
        }
    }
}

/// The course that a booking is part of.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingCourse)]
struct BookingCourseView {
    /// The id of the course, which is the id of its product.
    course_id: Uuid,
    /// The name of the course as it was sold.
    #[schema(examples("Salsa for beginners"))]
    name: String,
    order_id: Uuid,
    /// Whether the order is paid. Otherwise, the spot is lost when it is not paid in time.
    is_paid: bool,
    /// The part of what the course has cost.
    share: Amount,
    /// Whether the share is refunded if the member cancels before the start, because the studio has
    /// changed the class.
    is_refundable: bool,
    /// What was refunded of the share, or will be, because the studio has cancelled or changed the
    /// class. `0.00` if nothing is.
    refund: Amount,
    /// Whether the booking is cancelled, and the member can book the class again without paying for it
    /// once more.
    can_be_taken_again: bool,
}

impl BookingCourseView {
    fn new(course: BookingCourse, currency: &str) -> Self {
        Self {
            course_id: course.id,
            name: course.name,
            order_id: course.order_id,
            is_paid: course.is_paid,
            share: course.share.in_currency(currency),
            is_refundable: course.is_refundable,
            refund: course.refund.in_currency(currency),
            can_be_taken_again: course.can_be_taken_again,
        }
    }
}

/// The last payment of a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LastPayment)]
struct LastPaymentView {
    id: Uuid,
    method: PaymentMethod,
    status: PaymentStatus,
    /// The price, or the fee.
    amount: Amount,
    /// The URL of the page on which the member pays by card. Null if the booking cannot be
    /// paid there.
    checkout_url: Option<String>,
    /// When an unpaid card payment expires. Null for other payments.
    expires_at: Option<DateTime<Utc>>,
}

impl LastPaymentView {
    /// Creates the view of a payment at the time `now`. The view of an overdue payment has
    /// no checkout URL.
    fn new(payment: LastPayment, currency: &str, now: DateTime<Utc>) -> Self {
        let is_open = payment.status == PaymentStatus::Pending
            && payment.expires_at.is_none_or(|expires_at| expires_at > now);
        Self {
            id: payment.id,
            method: payment.method,
            status: payment.status,
            amount: payment.amount.in_currency(currency),
            checkout_url: payment.checkout_url.filter(|_| is_open),
            expires_at: payment.expires_at,
        }
    }
}

/// The class that a booking is for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookedClass)]
struct BookedClassView {
    class_type_id: Uuid,
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

impl BookingView {
    /// Creates the view of a booking at the time `now`, with local times in `zone`.
    pub fn new(
        booking: Booking,
        studio: &StudioConfig,
        zone: &TimeZone,
        now: DateTime<Utc>,
    ) -> Self {
        let local = zone.local(booking.start_time).naive_local();
        let late_cancellation_fee = booking.late_cancellation_fee(studio.late_cancel_fee);
        let payment = booking.payment;
        Self {
            id: booking.id,
            scheduled_class_id: booking.scheduled_class_id,
            status: booking.status,
            waitlist_position: booking.waitlist_position,
            price: booking.price.in_currency(&booking.currency),
            booked_at: booking.booked_at,
            free_cancellation_until: booking.free_until,
            cancelled_at: booking.cancelled_at,
            late_cancellation: booking.late_cancellation,
            fee: booking.fee.map(|fee| fee.in_currency(&booking.currency)),
            late_cancellation_fee: late_cancellation_fee.in_currency(&booking.currency),
            amount_due: booking.amount_due.in_currency(&booking.currency),
            cancellation_reason: booking.cancellation_reason,
            payment_status: payment.as_ref().map(|payment| payment.status),
            payment: payment.map(|payment| LastPaymentView::new(payment, &booking.currency, now)),
            course: booking
                .course
                .map(|course| BookingCourseView::new(course, &booking.currency)),
            currency: booking.currency,
            pass: booking.pass.map(BookingPassView::from),
            is_given: booking.is_given,
            class: BookedClassView {
                class_type_id: booking.class_type_id,
                title: booking.title,
                start_time: booking.start_time,
                end_time: booking.end_time,
                local_date: local.date(),
                local_time: local.format("%H:%M").to_string(),
                time_zone: zone.name().to_owned(),
                room: booking.room,
                instructor: booking.instructor,
                is_cancelled: booking.class_cancelled,
            },
        }
    }
}

/// The member who checked another one in.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CheckInAuthor)]
pub(super) struct CheckInAuthorView {
    id: Uuid,
    /// The first and last name.
    name: String,
}

impl From<CheckInAuthor> for CheckInAuthorView {
    fn from(author: CheckInAuthor) -> Self {
        Self {
            id: author.id,
            name: author.name,
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
    /// When the booking was cancelled, by anyone or with its class. Null if it is not.
    cancelled_at: Option<DateTime<Utc>>,
    /// When the member was checked in. Null if they are not.
    checked_in_at: Option<DateTime<Utc>>,
    /// Who checked the member in. Null if they are not, or if it is unknown.
    checked_in_by: Option<CheckInAuthorView>,
    /// The time until which the booking can be cancelled free of charge. Null on the
    /// waitlist, unless the entry is a reopened booking whose payment was kept.
    free_cancellation_until: Option<DateTime<Utc>>,
    /// The price at the time of booking.
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    /// The fee for the late cancellation or the no-show. Null if there is none.
    fee: Option<Amount>,
    /// What is still to be paid: the price or the fee. 0 if nothing is.
    amount_due: Amount,
    /// Whether `amountDue` is more than 0.
    is_unpaid: bool,
    /// What a cancellation after `freeCancellationUntil` costs. 0 if a pass with credits pays.
    late_cancellation_fee: Amount,
    /// The status of the last payment. Null if there is no payment.
    payment_status: Option<PaymentStatus>,
    /// The method of the last payment. Null if there is no payment.
    payment_method: Option<PaymentMethod>,
    /// The name of the pass that pays. Null if no pass does.
    pass_name: Option<String>,
    /// Why the studio has given the spot for free. Null if it has not.
    #[schema(examples("Helped at the door"))]
    given_reason: Option<String>,
    /// The name of the course that it was booked with. Null if it was booked by itself.
    course_name: Option<String>,
    /// Whether the course is paid. Otherwise, the spot is lost when it is not paid in time. Null
    /// without a course.
    is_course_paid: Option<bool>,
    /// Whether its part of the course price is refunded if it is cancelled before the start, because
    /// the studio has changed the class. Null without a course.
    is_course_refundable: Option<bool>,
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
    /// `POST /api/admin/medical-notes`. False if the class started on an earlier day and is
    /// over, if it is cancelled, and for bookings without a spot.
    has_medical_notes: bool,
}

impl RosterEntryView {
    /// Creates the view of an entry.
    pub fn new(entry: RosterEntry, studio: &StudioConfig) -> Self {
        let late_cancellation_fee = entry.late_cancellation_fee(studio.late_cancel_fee);
        Self {
            booking_id: entry.booking_id,
            status: entry.status,
            waitlist_position: entry.waitlist_position,
            booked_at: entry.booked_at,
            cancelled_at: entry.cancelled_at,
            checked_in_at: entry.checked_in_at,
            checked_in_by: entry.checked_in_by.map(CheckInAuthorView::from),
            free_cancellation_until: entry.free_until,
            price: entry.price.in_currency(&entry.currency),
            fee: entry.fee.map(|fee| fee.in_currency(&entry.currency)),
            amount_due: entry.amount_due.in_currency(&entry.currency),
            is_unpaid: !entry.amount_due.is_zero(),
            late_cancellation_fee: late_cancellation_fee.in_currency(&entry.currency),
            currency: entry.currency,
            payment_status: entry.payment_status,
            payment_method: entry.payment_method,
            pass_name: entry.pass_name,
            given_reason: entry.given_reason,
            course_name: entry.course_name,
            is_course_paid: entry.is_course_paid,
            is_course_refundable: entry.is_course_refundable,
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
