//! How old an e-mail can get, and how many e-mails a recipient gets in an hour.
//!
//! The order of delivery is a column of the outbox: links first, then notices about
//! accounts, then e-mails about bookings, so that many e-mails about bookings do not delay
//! a password reset.

use std::time::Duration;

use super::notice::NoticeKind;
use crate::models::mail_outbox::MailPayload;
use crate::models::mail_preference::MailCategory;
use crate::models::one_time_token::Purpose;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum age of an e-mail of a kind that `max_ages` does not contain. It is longer than
/// the time that all attempts take together.
pub(super) const MAX_AGE: Duration = DAY.saturating_mul(7);

/// E-mails that a member's own booking or cancellation causes.
const OWN_BOOKING_KINDS: [&str; 3] = [
    "booking_confirmed",
    "booking_waitlisted",
    "booking_cancelled",
];

/// E-mails about bookings that a change by the studio, or by another member, causes, and reminders.
const OTHER_BOOKING_KINDS: [&str; 6] = [
    "booking_promoted",
    "class_cancelled",
    "class_moved",
    "instructor_changed",
    "no_show",
    "class_reminder",
];

/// E-mails about payments of classes and fees, and about refunds.
const PAYMENT_KINDS: [&str; 4] = [
    "receipt_issued",
    "payment_refunded",
    "order_refunded",
    "refund_failed",
];

/// E-mails about orders.
const ORDER_KINDS: [&str; 6] = [
    "order_paid",
    "gift_card_issued",
    "order_refunded",
    "order_disputed",
    "course_refund_at_desk",
    "course_spots_lost",
];

/// E-mails about memberships.
const MEMBERSHIP_KINDS: [&str; 2] = ["membership_payment_failed", "membership_ended"];

/// Returns whether this is a kind of e-mail about a membership.
pub(super) fn is_about_membership(kind: &str) -> bool {
    MEMBERSHIP_KINDS.contains(&kind)
}

/// Returns whether this is a kind of e-mail about an order.
pub(super) fn is_about_order(kind: &str) -> bool {
    ORDER_KINDS.contains(&kind)
}

/// Returns whether this is a kind of e-mail about a booking.
pub(super) fn is_about_booking(kind: &str) -> bool {
    OWN_BOOKING_KINDS.contains(&kind) || OTHER_BOOKING_KINDS.contains(&kind)
}

/// Returns the category of an e-mail that members can switch off. E-mails about money, about the
/// account, and about cancellations have none, and neither has the e-mail about a booking that staff
/// have moved to another class.
pub(super) fn category(kind: &str, payload: &MailPayload) -> Option<MailCategory> {
    let previous = payload.previous.as_ref();
    let is_moved_booking = previous.is_some_and(|previous| previous.title.is_some());
    match kind {
        "class_moved" if is_moved_booking => None,
        "class_reminder" => Some(MailCategory::Reminders),
        "booking_confirmed" => Some(MailCategory::Bookings),
        "booking_waitlisted" | "booking_promoted" => Some(MailCategory::Waitlist),
        "class_moved" | "instructor_changed" => Some(MailCategory::Schedule),
        "pass_ending" => Some(MailCategory::Passes),
        _ => None,
    }
}

/// Returns the maximum ages that differ from [`MAX_AGE`]. An e-mail with a link is dropped
/// when the link expires. An e-mail about a class is also dropped when the class has
/// started.
pub(super) fn max_ages() -> [(&'static str, Duration); 6] {
    let [confirmed, waitlisted, cancelled] = OWN_BOOKING_KINDS;
    [
        (
            NoticeKind::ResetPassword.as_str(),
            Purpose::ResetPassword.lifetime(),
        ),
        (
            NoticeKind::VerifyEmail.as_str(),
            Purpose::VerifyEmail.lifetime(),
        ),
        (
            NoticeKind::Invitation.as_str(),
            Purpose::Invitation.lifetime(),
        ),
        (confirmed, DAY),
        (waitlisted, DAY),
        (cancelled, DAY),
    ]
}

/// The maximum number of e-mails of certain kinds that one recipient gets in an hour.
pub(super) struct Cap {
    pub(super) kinds: Vec<&'static str>,
    pub(super) mails: i64,
}

/// Returns the cap for a kind of e-mail. Each kind of e-mail about an account has its own
/// cap, so that nobody can prevent a security warning by causing other e-mails. E-mails to
/// the studio have no cap.
pub(super) fn cap(kind: &str) -> Option<Cap> {
    if OWN_BOOKING_KINDS.contains(&kind) {
        return Some(Cap {
            kinds: OWN_BOOKING_KINDS.to_vec(),
            mails: 20,
        });
    }
    if OTHER_BOOKING_KINDS.contains(&kind) {
        return Some(Cap {
            kinds: OTHER_BOOKING_KINDS.to_vec(),
            mails: 60,
        });
    }
    if kind == "order_paid" || kind == "gift_card_issued" {
        return Some(Cap {
            kinds: vec!["order_paid", "gift_card_issued"],
            mails: 20,
        });
    }
    if is_about_membership(kind) {
        return Some(Cap {
            kinds: MEMBERSHIP_KINDS.to_vec(),
            mails: 10,
        });
    }
    if PAYMENT_KINDS.contains(&kind) {
        return Some(Cap {
            kinds: PAYMENT_KINDS.to_vec(),
            mails: 60,
        });
    }
    let kind = NoticeKind::parse(kind)?;
    let mails = match kind {
        // A new link replaces the previous one, so the e-mail with the new link must not be
        // dropped. The caps of e-mails with links are as high as the number of links that the
        // rate limits allow in two consecutive windows.
        NoticeKind::VerifyEmail => 20,
        // Anyone can cause these.
        NoticeKind::AccountExists | NoticeKind::SignInBlocked => 3,
        _ => 10,
    };
    Some(Cap {
        kinds: vec![kind.as_str()],
        mails,
    })
}
