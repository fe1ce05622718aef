//! The schema of a member's events: a union that generated clients tell apart by `kind`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A member's event. Its `kind` determines its data.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = MemberEvent, discriminator(property_name = "kind", mapping(
    ("session_started" = "#/components/schemas/SessionEvent"),
    ("session_ended" = "#/components/schemas/SessionEvent"),
    ("sessions_ended" = "#/components/schemas/SessionEvent"),
    ("booking_confirmed" = "#/components/schemas/BookingEvent"),
    ("booking_waitlisted" = "#/components/schemas/BookingEvent"),
    ("booking_promoted" = "#/components/schemas/BookingEvent"),
    ("booking_cancelled" = "#/components/schemas/BookingEvent"),
    ("booking_moved" = "#/components/schemas/BookingEvent"),
    ("class_cancelled" = "#/components/schemas/BookingEvent"),
    ("class_moved" = "#/components/schemas/BookingEvent"),
    ("instructor_changed" = "#/components/schemas/BookingEvent"),
    ("payment_paid" = "#/components/schemas/PaymentEvent"),
    ("payment_refund_due" = "#/components/schemas/PaymentEvent"),
    ("payment_refunded" = "#/components/schemas/PaymentEvent"),
    ("order_paid" = "#/components/schemas/OrderEvent"),
    ("order_refund_due" = "#/components/schemas/OrderEvent"),
    ("order_refunded" = "#/components/schemas/OrderEvent"),
)))]
#[expect(dead_code, reason = "only the API description uses it")]
pub(super) enum MemberEventSchema {
    Booking(BookingEvent),
    Order(OrderEvent),
    Payment(PaymentEvent),
    Session(SessionEvent),
}

/// An event about a booking or its class.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BookingEvent {
    /// The id, which `Last-Event-ID` refers to.
    id: i64,
    kind: BookingEventKind,
    data: BookingEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about a booking or its class.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the API description uses it")]
enum BookingEventKind {
    /// The member got a spot.
    BookingConfirmed,
    /// The member joined a waitlist.
    BookingWaitlisted,
    /// The member got a spot from the waitlist.
    BookingPromoted,
    /// A booking was cancelled.
    BookingCancelled,
    /// Staff moved a booking to another class.
    BookingMoved,
    /// The studio cancelled the class of a booking.
    ClassCancelled,
    /// The class of a booking has another time or room.
    ClassMoved,
    /// The class of a booking has another instructor.
    InstructorChanged,
}

/// The data of an event about a booking or its class.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BookingEventData {
    booking_id: Uuid,
    /// The id of the class.
    scheduled_class_id: Uuid,
}

/// An event about an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderEvent {
    /// The id, which `Last-Event-ID` refers to.
    id: i64,
    kind: OrderEventKind,
    data: OrderEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about an order.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "only the API description uses it")]
enum OrderEventKind {
    /// The payment was received, and the passes were issued.
    #[serde(rename = "order_paid")]
    Paid,
    /// The payment is to be refunded, in whole or in part.
    #[serde(rename = "order_refund_due")]
    RefundDue,
    /// The payment was refunded, in whole or in part.
    #[serde(rename = "order_refunded")]
    Refunded,
}

/// The data of an event about an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrderEventData {
    order_id: Uuid,
    payment_id: Uuid,
}

/// An event about a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentEvent {
    /// The id, which `Last-Event-ID` refers to.
    id: i64,
    kind: PaymentEventKind,
    data: PaymentEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about a payment.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "only the API description uses it")]
enum PaymentEventKind {
    /// A payment was received.
    #[serde(rename = "payment_paid")]
    Paid,
    /// A payment is to be refunded.
    #[serde(rename = "payment_refund_due")]
    RefundDue,
    /// A payment was refunded.
    #[serde(rename = "payment_refunded")]
    Refunded,
}

/// The data of an event about a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PaymentEventData {
    booking_id: Uuid,
    payment_id: Uuid,
}

/// An event about the member's sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionEvent {
    /// The id, which `Last-Event-ID` refers to.
    id: i64,
    kind: SessionEventKind,
    data: SessionEventData,
    created_at: DateTime<Utc>,
}

/// The kind of an event about the member's sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the API description uses it")]
enum SessionEventKind {
    /// The member signed in or registered.
    SessionStarted,
    /// A session of the member ended.
    SessionEnded,
    /// Several sessions of the member ended at once.
    SessionsEnded,
}

/// The data of an event about the member's sessions. It is empty.
#[derive(Serialize, ToSchema)]
struct SessionEventData {}
