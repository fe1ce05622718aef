//! E-mails about bookings.

use super::account::greeting;
use super::message::{Content, Message};
use crate::error::Result;
use crate::models::mail_outbox::{MailBooking, MailPayload, MailPayment, PreviousTime};
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// The times of a booking as text, in the studio's time zone.
pub(super) struct LocalTimes {
    class: LocalTime,
    /// The previous time and room. `None` if neither the class nor the booking was moved, or
    /// if the move was undone.
    previous: Option<(LocalTime, String)>,
    /// The time until which the booking can be cancelled free of charge, such as `Friday,
    /// August 7, 2026, 7:00 AM`. `None` for an entry on the waitlist.
    free_until: Option<String>,
    /// The city of the time zone, such as `Denver`.
    city: String,
}

/// The time of a class as text.
#[derive(PartialEq, Eq)]
struct LocalTime {
    /// The day, such as `Friday, August 7, 2026`.
    day: String,
    /// The start, such as `7:00 PM`.
    starts: String,
    /// The end, such as `8:00 PM`.
    ends: String,
}

impl LocalTimes {
    /// Formats the times of a booking. `previous` is the time and room before the class or
    /// the booking was moved.
    pub(super) fn new(
        booking: &MailBooking,
        previous: Option<&PreviousTime>,
        zone: &TimeZone,
    ) -> Self {
        let format = |starts, ends| LocalTime {
            day: zone.format_date(starts),
            starts: zone.format_time(starts),
            ends: zone.format_time(ends),
        };
        let previous = previous.filter(|previous| {
            (previous.start_time, previous.end_time, &previous.room)
                != (booking.start_time, booking.end_time, &booking.room)
        });
        let deadline = |time| format!("{}, {}", zone.format_date(time), zone.format_time(time));
        Self {
            class: format(booking.start_time, booking.end_time),
            previous: previous.map(|previous| {
                (
                    format(previous.start_time, previous.end_time),
                    previous.room.clone(),
                )
            }),
            free_until: booking.free_until.map(deadline),
            city: zone.city(),
        }
    }
}

/// Composes the e-mail about a booking. Returns `None` if the e-mail is outdated, because
/// the booking has changed or the class has started.
pub(super) fn compose(
    kind: &str,
    payload: &MailPayload,
    booking: &MailBooking,
    times: &LocalTimes,
    studio: &StudioConfig,
) -> Option<Result<Message>> {
    let is_upcoming = !booking.has_started && !booking.class_is_cancelled;
    let status = booking.status.as_str();
    let previous_title = payload
        .previous
        .as_ref()
        .and_then(|previous| previous.title.as_deref());
    let (subject, headline, paragraphs) = match kind {
        "booking_confirmed" if is_upcoming && status == "booked" => confirmed(booking, times),
        "booking_waitlisted" if is_upcoming && status == "waitlisted" => waitlisted(booking, times),
        "booking_promoted" if is_upcoming && status == "booked" => promoted(booking, times),
        "booking_cancelled" if status == "cancelled" => {
            cancelled(booking, times, payload.reason.as_deref())
        }
        "class_cancelled" if booking.class_is_cancelled => class_cancelled(booking, times),
        "class_moved" if is_upcoming && status != "cancelled" => match previous_title {
            Some(title) => booking_moved(title, booking, times)?,
            None => moved(booking, times)?,
        },
        "instructor_changed" if is_upcoming && status != "cancelled" => {
            new_instructor(booking, times)
        }
        _ => return None,
    };
    let content = Content {
        studio: &studio.name,
        subject,
        headline: headline.to_owned(),
        greeting: greeting(&booking.first_name, booking.is_confirmed),
        paragraphs,
        facts: facts(booking, times),
        link: Some(("Open my bookings", format!("{}/bookings", studio.site_url))),
        footer: format!(
            "You receive this e-mail because you have a booking with {}. \
             If something is wrong, just reply.",
            studio.name
        ),
    };
    Some(content.render(None))
}

/// The subject, headline and paragraphs of an e-mail.
type EmailText = (String, &'static str, Vec<String>);

fn confirmed(booking: &MailBooking, times: &LocalTimes) -> EmailText {
    let mut paragraphs = vec![format!(
        "Your spot in {} is booked. We look forward to dancing with you.",
        booking.title
    )];
    paragraphs.extend(payment_status(booking));
    paragraphs.extend(cancellation_terms(booking, times));
    (
        format!("Booked: {}, {}", booking.title, times.class.day),
        "Your spot is booked",
        paragraphs,
    )
}

fn waitlisted(booking: &MailBooking, times: &LocalTimes) -> EmailText {
    (
        format!("On the waitlist: {}, {}", booking.title, times.class.day),
        "You are on the waitlist",
        vec![
            format!(
                "You do not need to do anything: {} is full, and you are on its waitlist.",
                booking.title
            ),
            "We will e-mail you as soon as a spot is yours. There is nothing to pay until then."
                .to_owned(),
        ],
    )
}

fn promoted(booking: &MailBooking, times: &LocalTimes) -> EmailText {
    let mut paragraphs = vec![format!(
        "A spot in {} has become free, and it is yours.",
        booking.title
    )];
    paragraphs.extend(payment_status(booking));
    paragraphs.extend(cancellation_terms(booking, times));
    paragraphs.push(
        "If you cannot come, please cancel, so that the next person on the waitlist can dance."
            .to_owned(),
    );
    (
        format!("You have a spot: {}, {}", booking.title, times.class.day),
        "You have a spot",
        paragraphs,
    )
}

/// Describes the payment of a booking. Returns `None` when no payment was started, or
/// when its status needs no explanation.
fn payment_status(booking: &MailBooking) -> Option<String> {
    let payment = booking.payment.as_ref()?;
    let amount = format!(
        "{} {}",
        payment.amount.in_currency(&booking.currency),
        booking.currency
    );
    match (payment.status.as_str(), payment.method.as_str()) {
        ("pending", "card") => Some(format!(
            "We hold your spot while your card payment of {amount} is in progress."
        )),
        ("pending", _) => Some(format!("Please pay {amount} at the desk before the class.")),
        ("paid", _) => Some(format!(
            "We have received your payment of {amount}. Thank you!"
        )),
        _ => None,
    }
}

/// Describes until when the member can cancel free of charge. Returns `None` for classes
/// without a price and for entries on the waitlist, because members can always leave the
/// waitlist free of charge.
fn cancellation_terms(booking: &MailBooking, times: &LocalTimes) -> Option<String> {
    let until = times.free_until.as_ref()?;
    if booking.price.is_zero() || booking.status == "waitlisted" {
        return None;
    }
    Some(match booking.is_free_to_cancel {
        true => format!("You can cancel free of charge until {until}."),
        false => format!(
            "You could cancel free of charge until {until}. \
             If you cancel later, the price is not refunded."
        ),
    })
}

fn cancelled(booking: &MailBooking, times: &LocalTimes, reason: Option<&str>) -> EmailText {
    let mut paragraphs = vec![format!(
        "Your booking for {} has been cancelled.",
        booking.title
    )];
    paragraphs.extend(reason_line(reason));
    match &booking.payment {
        Some(payment)
            if booking.is_late && matches!(payment.status.as_str(), "paid" | "partly_refunded") =>
        {
            let until = times.free_until.as_deref().unwrap_or_default();
            paragraphs.push(format!(
                "The price is not refunded, because the time for a free cancellation ended on \
                 {until}."
            ));
        }
        Some(payment) => paragraphs.extend(refund_status(payment, &booking.currency)),
        None => {}
    }
    (
        format!("Cancelled: {}, {}", booking.title, times.class.day),
        "Your booking is cancelled",
        paragraphs,
    )
}

fn class_cancelled(booking: &MailBooking, times: &LocalTimes) -> EmailText {
    let mut paragraphs = vec![format!(
        "We are sorry: {} on {} has been cancelled, and your booking with it.",
        booking.title, times.class.day
    )];
    paragraphs.extend(reason_line(booking.class_cancellation_reason.as_deref()));
    if let Some(payment) = &booking.payment {
        paragraphs.extend(refund_status(payment, &booking.currency));
    }
    (
        format!("Class cancelled: {}, {}", booking.title, times.class.day),
        "This class is cancelled",
        paragraphs,
    )
}

fn reason_line(reason: Option<&str>) -> Option<String> {
    let reason = reason.filter(|reason| !reason.is_empty())?;
    Some(format!("Reason: {reason}"))
}

fn refund_status(payment: &MailPayment, currency: &str) -> Option<String> {
    let amount = format!("{} {currency}", payment.refund.in_currency(currency));
    match (payment.status.as_str(), payment.method.as_str()) {
        ("refund_due", "card") => Some(format!(
            "We are refunding {amount} to your card. It can take a few days until your bank \
             shows it."
        )),
        ("refund_due", _) => Some(format!(
            "Please collect your refund of {amount} at the desk."
        )),
        ("refunded" | "partly_refunded", _) => Some(format!("We have refunded {amount}.")),
        ("disputed", _) => Some(
            "You have disputed this payment at your bank. Your bank now decides who gets the \
             money, so we cannot refund the payment."
                .to_owned(),
        ),
        _ => None,
    }
}

/// Describes a change of time or room. Returns `None` if the change was undone.
fn moved(booking: &MailBooking, times: &LocalTimes) -> Option<EmailText> {
    let (previous, previous_room) = times.previous.as_ref()?;
    let now = &times.class;
    let spot_status = match booking.status.as_str() {
        "waitlisted" => "You keep your place on the waitlist",
        _ => "You keep your spot",
    };
    let subject = match previous == now {
        true => format!("New room: {}, {}", booking.title, now.day),
        false => format!("New time: {}, {} at {}", booking.title, now.day, now.starts),
    };
    let mut paragraphs = vec![
        format!(
            "{} was planned for {}, {} to {}, in {previous_room}. It is now on {}, {} to {}, in {}.",
            booking.title,
            previous.day,
            previous.starts,
            previous.ends,
            now.day,
            now.starts,
            now.ends,
            booking.room
        ),
        format!("{spot_status}. If you cannot come, please cancel."),
    ];
    paragraphs.extend(cancellation_terms(booking, times));
    Some((subject, "Your class has moved", paragraphs))
}

/// Describes the move of a booking from the class with this title to another one. Returns
/// `None` if it was moved back.
fn booking_moved(
    previous_title: &str,
    booking: &MailBooking,
    times: &LocalTimes,
) -> Option<EmailText> {
    let (previous, previous_room) = times.previous.as_ref()?;
    let now = &times.class;
    let mut paragraphs = vec![format!(
        "Your booking for {previous_title} on {}, {} to {}, in {previous_room}, has been moved. It \
         is now for {} on {}, {} to {}, in {}.",
        previous.day,
        previous.starts,
        previous.ends,
        booking.title,
        now.day,
        now.starts,
        now.ends,
        booking.room
    )];
    paragraphs.extend(payment_status(booking));
    paragraphs.extend(cancellation_terms(booking, times));
    let subject = format!(
        "Booking moved: {}, {} at {}",
        booking.title, now.day, now.starts
    );
    Some((subject, "Your booking has moved", paragraphs))
}

fn new_instructor(booking: &MailBooking, times: &LocalTimes) -> EmailText {
    let mut paragraphs = vec![format!(
        "{} will now be taught by {}. You keep your booking.",
        booking.title, booking.instructor
    )];
    paragraphs.extend(cancellation_terms(booking, times));
    (
        format!("New instructor: {}, {}", booking.title, times.class.day),
        "Your class has a new instructor",
        paragraphs,
    )
}

fn facts(booking: &MailBooking, times: &LocalTimes) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Class", booking.title.clone()),
        (
            "When",
            format!(
                "{}, {} to {} ({} time)",
                times.class.day, times.class.starts, times.class.ends, times.city
            ),
        ),
        ("Room", booking.room.clone()),
        ("Instructor", booking.instructor.clone()),
    ];
    if !booking.price.is_zero() {
        facts.push((
            "Price",
            format!(
                "{} {}",
                booking.price.in_currency(&booking.currency),
                booking.currency
            ),
        ));
    }
    facts
}
