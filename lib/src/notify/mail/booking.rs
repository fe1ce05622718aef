//! E-mails about bookings.

use chrono::{DateTime, TimeDelta, Utc};

use super::account::greeting;
use super::message::{Content, Message};
use super::texts::{ClassText, MailTexts, Opening, amount_text};
use super::unsubscribe::UnsubscribeLinks;
use crate::error::Result;
use crate::models::booking::late_cancellation_fee;
use crate::models::mail_outbox::{MailBooking, MailPayload, MailPayment, PreviousTime};
use crate::runtime::config::{StudioAddress, StudioConfig};
use crate::values::money::Money;
use crate::values::time_zone::TimeZone;

/// How long before the start of a class a reminder is sent at the latest.
const LATEST_REMINDER: TimeDelta = TimeDelta::hours(2);

/// The times of a booking as text, in the studio's time zone and the member's language.
pub(super) struct LocalTimes {
    class: LocalTime,
    /// The previous time and room. `None` if neither the class nor the booking was moved, or
    /// if the move was undone.
    previous: Option<(LocalTime, String)>,
    /// The day and the time until which the booking can be cancelled free of charge. `None`
    /// for an entry on the waitlist.
    free_until: Option<(String, String)>,
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

impl LocalTime {
    fn class<'a>(&'a self, title: &'a str, room: &'a str) -> ClassText<'a> {
        ClassText {
            title,
            day: &self.day,
            starts: &self.starts,
            ends: &self.ends,
            room,
        }
    }
}

impl LocalTimes {
    /// Formats the times of a booking. `previous` is the time and room before the class or
    /// the booking was moved.
    pub(super) fn new(
        booking: &MailBooking,
        previous: Option<&PreviousTime>,
        zone: &TimeZone,
    ) -> Self {
        let locale = booking.locale;
        let format = |starts, ends| LocalTime {
            day: zone.format_date(starts, locale),
            starts: zone.format_time(starts, locale),
            ends: zone.format_time(ends, locale),
        };
        let previous = previous.filter(|previous| {
            (previous.start_time, previous.end_time, &previous.room)
                != (booking.start_time, booking.end_time, &booking.room)
        });
        let deadline = |time| {
            let day = zone.format_date(time, locale);
            (day, zone.format_time(time, locale))
        };
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

/// What an e-mail about a booking is composed from.
pub(super) struct BookingMailInput<'a> {
    pub(super) payload: &'a MailPayload,
    pub(super) booking: &'a MailBooking,
    pub(super) times: &'a LocalTimes,
    pub(super) studio: &'a StudioConfig,
    /// The texts in the member's language.
    pub(super) texts: &'a dyn MailTexts,
    pub(super) now: DateTime<Utc>,
}

/// Composes the e-mail about a booking. Returns `None` if the e-mail is outdated, because
/// the booking has changed or moved to another class, or the class has started.
pub(super) fn compose(
    kind: &str,
    input: &BookingMailInput<'_>,
    unsubscribe: Option<UnsubscribeLinks>,
) -> Option<Result<Message>> {
    let (booking, studio, texts) = (input.booking, input.studio, input.texts);
    let mail = BookingMail {
        booking,
        times: input.times,
        class: input.times.class.class(&booking.title, &booking.room),
        late_fee: studio.late_cancel_fee,
        texts,
    };
    let opening = mail.opening(kind, input.payload, input.now)?;
    let address = studio.address.as_ref().filter(|_| kind == "class_reminder");
    let bookings_url = format!("{}/bookings", studio.site_url);
    let content = Content {
        language: booking.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &booking.first_name, booking.is_confirmed),
        paragraphs: opening.paragraphs,
        facts: mail.facts(address),
        links: vec![(texts.labels().open_bookings, bookings_url)],
        footer: texts.booking_footer(&studio.name),
        unsubscribe: unsubscribe.map(|links| (texts.unsubscribe(links.category), links)),
    };
    Some(content.render(None))
}

/// An e-mail about a booking, in the member's language.
struct BookingMail<'a> {
    booking: &'a MailBooking,
    times: &'a LocalTimes,
    class: ClassText<'a>,
    /// `LATE_CANCEL_FEE`. `None`: the price.
    late_fee: Option<Money>,
    texts: &'a dyn MailTexts,
}

impl BookingMail<'_> {
    /// Returns `None` if the e-mail is outdated.
    fn opening(&self, kind: &str, payload: &MailPayload, now: DateTime<Utc>) -> Option<Opening> {
        let booking = self.booking;
        let described_class = payload.scheduled_class_id;
        if described_class.is_some_and(|id| id != booking.scheduled_class_id) {
            return None;
        }
        let is_upcoming = !booking.has_started && !booking.class_is_cancelled;
        let status = booking.status.as_str();
        Some(match kind {
            "booking_confirmed" if is_upcoming && status == "booked" => self.confirmed(),
            "booking_waitlisted" if is_upcoming && status == "waitlisted" => {
                self.texts.booking_waitlisted(&self.class)
            }
            "booking_promoted" if is_upcoming && status == "booked" => self.promoted(),
            "class_reminder"
                if is_upcoming
                    && status == "booked"
                    && payload.start_time == Some(booking.start_time)
                    && booking.start_time - now >= LATEST_REMINDER =>
            {
                self.reminder()
            }
            "booking_cancelled" if status == "cancelled" => {
                self.cancelled(payload.reason.as_deref())
            }
            "class_cancelled" if booking.class_is_cancelled => self.class_cancelled(),
            "class_moved" if is_upcoming && status != "cancelled" => {
                let previous = payload.previous.as_ref();
                match previous.and_then(|previous| previous.title.as_deref()) {
                    Some(title) => self.booking_moved(title)?,
                    None => self.class_moved()?,
                }
            }
            "no_show" if status == "no_show" && !booking.fee.is_zero() => self.no_show(),
            "instructor_changed" if is_upcoming && status != "cancelled" => {
                self.instructor_changed()
            }
            _ => return None,
        })
    }

    fn confirmed(&self) -> Opening {
        let mut opening = self.texts.booking_confirmed(&self.class);
        opening.paragraphs.extend(self.payment_status());
        opening.paragraphs.extend(self.cancellation_terms());
        opening
    }

    fn promoted(&self) -> Opening {
        let mut opening = self.texts.booking_promoted(&self.class);
        opening.paragraphs.extend(self.payment_status());
        opening.paragraphs.extend(self.cancellation_terms());
        let request = self.texts.cancel_for_the_next();
        opening.paragraphs.push(request.to_owned());
        opening
    }

    fn reminder(&self) -> Opening {
        let mut opening = self.texts.class_reminder(&self.class);
        opening.paragraphs.extend(self.payment_before_class());
        let request = self.texts.cancel_if_you_cannot_come();
        opening.paragraphs.push(request.to_owned());
        opening.paragraphs.extend(self.cancellation_terms());
        opening
    }

    fn cancelled(&self, reason: Option<&str>) -> Opening {
        let booking = self.booking;
        let mut opening = self.texts.booking_cancelled(&self.class);
        opening.paragraphs.extend(self.reason_line(reason));
        if !booking.fee.is_zero() {
            let until = self.free_until().unwrap_or_default();
            let fee = self.amount(booking.fee);
            opening
                .paragraphs
                .push(self.texts.late_cancellation_costs(&fee, &until));
            opening.paragraphs.push(self.fee_status());
        }
        let payment = booking.payment.as_ref();
        let refund_status = payment.and_then(|payment| self.refund_status(payment));
        opening.paragraphs.extend(refund_status);
        opening.paragraphs.extend(self.credit_status());
        opening.paragraphs.extend(self.course_refund());
        opening
    }

    fn no_show(&self) -> Opening {
        let booking = self.booking;
        let mut opening = self.texts.no_show(&self.class, &self.amount(booking.fee));
        opening.paragraphs.push(self.fee_status());
        let payment = booking.payment.as_ref();
        let refund_status = payment.and_then(|payment| self.refund_status(payment));
        opening.paragraphs.extend(refund_status);
        opening
            .paragraphs
            .push(self.texts.tell_us_of_mistakes().to_owned());
        opening
    }

    /// Describes whether the fee is to be paid, or kept from what was paid.
    fn fee_status(&self) -> String {
        let text = match self.booking.amount_due.is_zero() {
            true => self.texts.fee_is_kept(),
            false => self.texts.fee_is_owed(),
        };
        text.to_owned()
    }

    fn class_cancelled(&self) -> Opening {
        let mut opening = self.texts.class_cancelled(&self.class);
        let reason = self.booking.class_cancellation_reason.as_deref();
        opening.paragraphs.extend(self.reason_line(reason));
        if let Some(payment) = &self.booking.payment {
            opening.paragraphs.extend(self.refund_status(payment));
        }
        opening.paragraphs.extend(self.credit_status());
        opening.paragraphs.extend(self.course_refund());
        opening
    }

    /// Says what is refunded of the price of a course. Returns `None` if nothing is.
    fn course_refund(&self) -> Option<String> {
        let refund = self.booking.course_refund.as_ref()?;
        let amount = self.amount(refund.amount);
        Some(match refund.is_due {
            true => self.texts.course_share_due(&refund.course, &amount),
            false => self.texts.course_share_refunded(&refund.course, &amount),
        })
    }

    /// Describes a change of time or room. Returns `None` if the change was undone.
    fn class_moved(&self) -> Option<Opening> {
        let (previous, previous_room) = self.times.previous.as_ref()?;
        let previous = previous.class(self.class.title, previous_room);
        let is_waitlisted = self.booking.status == "waitlisted";
        let mut opening = self
            .texts
            .class_moved(&previous, &self.class, is_waitlisted);
        opening.paragraphs.extend(self.cancellation_terms());
        Some(opening)
    }

    /// Describes the move of a booking from the class with this title to another one. Returns
    /// `None` if it was moved back.
    fn booking_moved(&self, previous_title: &str) -> Option<Opening> {
        let (previous, previous_room) = self.times.previous.as_ref()?;
        let previous = previous.class(previous_title, previous_room);
        let mut opening = self.texts.booking_moved(&previous, &self.class);
        opening.paragraphs.extend(self.payment_status());
        opening.paragraphs.extend(self.cancellation_terms());
        Some(opening)
    }

    fn instructor_changed(&self) -> Opening {
        let instructor = &self.booking.instructor;
        let mut opening = self.texts.instructor_changed(&self.class, instructor);
        opening.paragraphs.extend(self.cancellation_terms());
        opening
    }

    /// Describes what pays for a booking. Returns `None` when neither a pass nor the studio pays and
    /// no payment was started, or when its status needs no explanation.
    fn payment_status(&self) -> Option<String> {
        if let Some(pass) = &self.booking.pass {
            return Some(self.texts.paid_with_pass(&pass.name, pass.credits_left));
        }
        if self.booking.is_given {
            return Some(self.texts.given_by_studio().to_owned());
        }
        let payment = self.booking.payment.as_ref()?;
        let amount = self.amount(payment.amount);
        match (payment.status.as_str(), payment.method.as_str()) {
            ("pending", "card") => Some(self.texts.card_payment_pending(&amount)),
            ("pending", _) => Some(self.texts.desk_payment_pending(&amount)),
            ("paid", _) => Some(self.texts.payment_received(&amount)),
            _ => None,
        }
    }

    /// Describes which pass pays for a class that starts soon, or what the member still has to pay.
    /// Returns `None` for a class that is paid, was refunded, or costs nothing.
    fn payment_before_class(&self) -> Option<String> {
        let booking = self.booking;
        if booking.pass.is_some() {
            return self.payment_status();
        }
        if booking.amount_due.is_zero() {
            return None;
        }
        let amount = self.amount(booking.amount_due);
        let payment = booking.payment.as_ref();
        match payment.map(|payment| (payment.status.as_str(), payment.method.as_str())) {
            Some(("pending", "card")) => Some(self.texts.card_payment_pending(&amount)),
            // Staff have given the money back, and know what is to be paid.
            Some(("refund_due" | "refunded" | "partly_refunded", _)) => None,
            _ => Some(self.texts.desk_payment_pending(&amount)),
        }
    }

    /// Describes whether the class of a cancelled booking is back on the pass. Returns `None`
    /// when no pass has paid, or when it is unlimited.
    fn credit_status(&self) -> Option<String> {
        let pass = self.booking.pass.as_ref()?;
        pass.credits_left?;
        match pass.uses_credit {
            true => {
                let until = self.free_until()?;
                Some(self.texts.credit_not_returned(&pass.name, &until))
            }
            false => Some(self.texts.credit_returned(&pass.name)),
        }
    }

    fn refund_status(&self, payment: &MailPayment) -> Option<String> {
        let amount = self.amount(payment.refund);
        match (payment.status.as_str(), payment.method.as_str()) {
            ("refund_due", "card") => Some(self.texts.refund_to_card(&amount)),
            ("refund_due", _) => Some(self.texts.refund_at_desk(&amount)),
            ("refunded" | "partly_refunded", _) => Some(self.texts.refunded(&amount)),
            ("disputed", _) => Some(self.texts.disputed().to_owned()),
            _ => None,
        }
    }

    /// Describes until when the member can cancel free of charge. Returns `None` for entries on the
    /// waitlist, which members can always leave free of charge, and if a late cancellation costs
    /// nothing.
    fn cancellation_terms(&self) -> Option<String> {
        let until = self.free_until()?;
        if self.booking.status == "waitlisted" {
            return None;
        }
        let (pass, is_free) = (&self.booking.pass, self.booking.is_free_to_cancel);
        if pass
            .as_ref()
            .is_some_and(|pass| pass.credits_left.is_some())
        {
            return Some(match is_free {
                true => self.texts.credit_returned_until(&until),
                false => self.texts.credit_was_returned_until(&until),
            });
        }
        let is_unlimited = pass.as_ref().map(|_| true);
        let fee = late_cancellation_fee(self.booking.price, is_unlimited, self.late_fee);
        match (fee.is_zero(), is_free) {
            (true, _) => None,
            (false, true) => Some(self.texts.free_until(&until)),
            (false, false) => Some(self.texts.was_free_until(&until, &self.amount(fee))),
        }
    }

    fn free_until(&self) -> Option<String> {
        let (day, time) = self.times.free_until.as_ref()?;
        Some(self.texts.date_and_time(day, time))
    }

    fn reason_line(&self, reason: Option<&str>) -> Option<String> {
        let reason = reason.filter(|reason| !reason.is_empty())?;
        Some(self.texts.reason(reason))
    }

    fn amount(&self, amount: Money) -> String {
        amount_text(amount, &self.booking.currency)
    }

    /// Returns the facts about the class, with the address of the studio if there is one.
    fn facts(&self, address: Option<&StudioAddress>) -> Vec<(&'static str, String)> {
        let (booking, labels) = (self.booking, self.texts.labels());
        let when = self.texts.class_time_in(&self.class, &self.times.city);
        let mut facts = vec![
            (labels.class, booking.title.clone()),
            (labels.when, when),
            (labels.room, booking.room.clone()),
        ];
        facts.extend(address.map(|address| (labels.address, address.one_line())));
        facts.push((labels.instructor, booking.instructor.clone()));
        if !booking.price.is_zero() {
            facts.push((labels.price, self.amount(booking.price)));
        }
        facts
    }
}
