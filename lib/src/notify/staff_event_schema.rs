//! The schema of the events for staff: a union that generated clients tell apart by `kind`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::booking::BookingStatus;

/// An event for staff. Its `kind` determines its data. It has no names and no amounts: the page
/// reads the roster or the dashboard again.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = StaffEvent, discriminator(property_name = "kind", mapping(
    ("booking_created" = "#/components/schemas/StaffBookingEvent"),
    ("booking_waitlisted" = "#/components/schemas/StaffBookingEvent"),
    ("booking_promoted" = "#/components/schemas/StaffBookingEvent"),
    ("booking_cancelled" = "#/components/schemas/StaffBookingEvent"),
    ("booking_moved" = "#/components/schemas/StaffBookingEvent"),
    ("attendance_changed" = "#/components/schemas/StaffBookingEvent"),
    ("payment_changed" = "#/components/schemas/StaffPaymentEvent"),
    ("class_created" = "#/components/schemas/StaffClassEvent"),
    ("class_changed" = "#/components/schemas/StaffClassEvent"),
    ("class_cancelled" = "#/components/schemas/StaffClassEvent"),
)))]
#[expect(dead_code, reason = "only the API description uses it")]
pub(super) enum StaffEventSchema {
    Booking(StaffBookingEvent),
    Payment(StaffPaymentEvent),
    Class(StaffClassEvent),
}

/// An event about a booking.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StaffBookingEvent {
    /// The id, which `Last-Event-ID` refers to.
    #[schema(examples("81250-3107"))]
    id: String,
    kind: StaffBookingEventKind,
    data: StaffBookingEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about a booking.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the API description uses it")]
enum StaffBookingEventKind {
    /// A member got a spot.
    BookingCreated,
    /// A member joined the waitlist.
    BookingWaitlisted,
    /// A member got a spot from the waitlist.
    BookingPromoted,
    /// A booking was cancelled.
    BookingCancelled,
    /// Staff moved a booking to another class.
    BookingMoved,
    /// A check-in or a no-show was recorded or undone.
    AttendanceChanged,
}

/// The data of an event about a booking.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StaffBookingEventData {
    booking_id: Uuid,
    /// The id of the class.
    scheduled_class_id: Uuid,
    /// The id of the class that a moved booking has left. Null for other events.
    previous_class_id: Option<Uuid>,
    /// The status of the booking after the change.
    status: BookingStatus,
}

/// An event about a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StaffPaymentEvent {
    /// The id, which `Last-Event-ID` refers to.
    #[schema(examples("81250-3107"))]
    id: String,
    kind: StaffPaymentEventKind,
    data: StaffPaymentEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the API description uses it")]
enum StaffPaymentEventKind {
    /// What pays for a booking has changed: its payment, its pass, or the studio has given the spot.
    PaymentChanged,
}

/// The data of an event about a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StaffPaymentEventData {
    /// Null if no payment has changed.
    payment_id: Option<Uuid>,
    booking_id: Uuid,
    /// The id of the class.
    scheduled_class_id: Uuid,
}

/// An event about a class.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StaffClassEvent {
    /// The id, which `Last-Event-ID` refers to.
    #[schema(examples("81250-3107"))]
    id: String,
    kind: StaffClassEventKind,
    data: StaffClassEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about a class.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "only the API description uses it")]
enum StaffClassEventKind {
    /// A class was added to the timetable.
    #[serde(rename = "class_created")]
    Created,
    /// A class has another time, room, instructor, title, or number of spots.
    #[serde(rename = "class_changed")]
    Changed,
    /// A class was cancelled.
    #[serde(rename = "class_cancelled")]
    Cancelled,
}

/// The data of an event about a class.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StaffClassEventData {
    /// The id of the class.
    scheduled_class_id: Uuid,
}
