//! The texts of e-mails to members. Each language implements [`MailTexts`], so a missing text does
//! not compile.

use super::notice::{Access, AccessWay, NoticeKind};
use crate::models::mail_outbox::RefundDestination;
use crate::models::mail_preference::MailCategory;
use crate::values::money::Money;

/// The short texts of e-mails.
pub(super) struct Labels {
    pub(super) class: &'static str,
    pub(super) when: &'static str,
    pub(super) room: &'static str,
    pub(super) address: &'static str,
    pub(super) instructor: &'static str,
    pub(super) price: &'static str,
    pub(super) product: &'static str,
    pub(super) course: &'static str,
    pub(super) gift_card: &'static str,
    pub(super) gift_card_code: &'static str,
    pub(super) promo_code: &'static str,
    pub(super) refund: &'static str,
    pub(super) order: &'static str,
    pub(super) amount: &'static str,
    pub(super) receipt: &'static str,
    pub(super) late_cancellation: &'static str,
    pub(super) no_show: &'static str,
    pub(super) included_tax: &'static str,
    pub(super) total: &'static str,
    pub(super) last_day: &'static str,
    pub(super) device: &'static str,
    pub(super) ip_address: &'static str,
    pub(super) open_bookings: &'static str,
    pub(super) open_passes: &'static str,
    pub(super) open_shop: &'static str,
    pub(super) open_membership: &'static str,
    pub(super) open_receipts: &'static str,
    pub(super) open_account: &'static str,
    pub(super) confirm_address: &'static str,
    pub(super) choose_password: &'static str,
}

/// The subject, the headline and the first paragraphs of an e-mail.
pub(super) struct Opening {
    pub(super) subject: String,
    pub(super) headline: &'static str,
    pub(super) paragraphs: Vec<String>,
}

/// A class at a time, as text.
pub(super) struct ClassText<'a> {
    pub(super) title: &'a str,
    /// The day, such as `Friday, August 7, 2026`.
    pub(super) day: &'a str,
    /// The start, such as `7:00 PM`.
    pub(super) starts: &'a str,
    /// The end, such as `8:00 PM`.
    pub(super) ends: &'a str,
    pub(super) room: &'a str,
}

impl ClassText<'_> {
    /// Returns whether the other class has the same day and time.
    pub(super) fn has_same_time(&self, other: &Self) -> bool {
        (self.day, self.starts, self.ends) == (other.day, other.starts, other.ends)
    }
}

/// Returns an amount with its currency, such as `25.00 USD`.
pub(super) fn amount_text(amount: Money, currency: &str) -> String {
    format!("{} {currency}", amount.in_currency(currency))
}

/// The texts of e-mails to members, in one language. Amounts contain the currency.
pub(super) trait MailTexts: Sync {
    fn labels(&self) -> Labels;

    /// Returns the greeting, with the first name if it is known.
    fn greeting(&self, first_name: Option<&str>) -> String;

    /// Returns a day and a time of day, such as `Friday, August 7, 2026, 7:00 AM`.
    fn date_and_time(&self, day: &str, time: &str) -> String;

    /// Returns a day and a time of day with the city of the time zone.
    fn date_and_time_in(&self, day: &str, time: &str, city: &str) -> String;

    /// Returns the day and the time of a class with the city of the time zone.
    fn class_time_in(&self, class: &ClassText<'_>, city: &str) -> String;

    fn booking_footer(&self, studio: &str) -> String;
    fn order_footer(&self, studio: &str) -> String;
    fn account_footer(&self, studio: &str) -> String;
    fn payment_footer(&self, studio: &str) -> String;
    fn pass_footer(&self, studio: &str) -> String;

    /// Returns the label of the link with which a member unsubscribes from a category.
    fn unsubscribe(&self, category: MailCategory) -> &'static str;

    fn booking_confirmed(&self, class: &ClassText<'_>) -> Opening;
    fn booking_waitlisted(&self, class: &ClassText<'_>) -> Opening;
    fn booking_promoted(&self, class: &ClassText<'_>) -> Opening;

    /// Asks a member who was promoted to cancel if they cannot come.
    fn cancel_for_the_next(&self) -> &'static str;

    fn class_reminder(&self, class: &ClassText<'_>) -> Opening;

    /// Asks a member who is reminded to cancel if they cannot come.
    fn cancel_if_you_cannot_come(&self) -> &'static str;

    fn booking_cancelled(&self, class: &ClassText<'_>) -> Opening;
    fn class_cancelled(&self, class: &ClassText<'_>) -> Opening;

    /// Describes a change of time or room.
    fn class_moved(
        &self,
        previous: &ClassText<'_>,
        class: &ClassText<'_>,
        is_waitlisted: bool,
    ) -> Opening;

    /// Describes the move of a booking to another class.
    fn booking_moved(&self, previous: &ClassText<'_>, class: &ClassText<'_>) -> Opening;

    /// Says that the member did not come, and what this costs.
    fn no_show(&self, class: &ClassText<'_>, fee: &str) -> Opening;

    fn instructor_changed(&self, class: &ClassText<'_>, instructor: &str) -> Opening;

    /// Says that an order is paid. It may cost nothing.
    fn order_paid(&self, product_names: &str, is_free: bool) -> Opening;

    /// Thanks for the purchase of a gift card. The code is among the facts.
    fn gift_card_issued(&self, product_names: &str) -> Opening;

    /// Thanks for the payment of a class or a fee, with the number of the receipt.
    fn receipt_issued(&self, amount: &str, number: &str) -> Opening;

    /// Says that the order of a course is paid. It may cost nothing.
    fn course_paid(&self, product_names: &str, is_free: bool) -> Opening;

    /// Says that money was given back. `item` is what had been paid for, and `refund` a sentence
    /// about the refund.
    fn refund_made(&self, item: &str, refund: String) -> Opening;

    /// Says that the bank has returned a refund. `item` is what had been paid for.
    fn refund_failed(&self, item: &str, amount: &str) -> Opening;

    /// Says how much money was given back, and where it went.
    fn refund_destination(&self, amount: &str, destination: RefundDestination) -> String;

    /// Says that a pass ends, and how many classes are left on it. `None` if it is unlimited.
    fn pass_ending(&self, name: &str, last_day: &str, credits_left: Option<i32>) -> Opening;

    /// Says that passes cannot be used, because their payment is disputed.
    fn order_disputed(&self, product_names: &str) -> Opening;

    /// Says that the classes of a course are unpaid, because its payment is disputed.
    fn course_disputed(&self, product_names: &str) -> Opening;

    /// Says that a refund for a class of a course waits at the desk.
    fn course_refund_at_desk(&self, product_names: &str, amount: &str) -> Opening;

    /// Says that the member has no spots any more in the upcoming classes of a course: `is_unpaid`
    /// because it was not paid, otherwise because the studio has released them.
    fn course_spots_lost(&self, product_names: &str, is_unpaid: bool) -> Opening;

    /// Says that a payment arrived after its order was cancelled. `refund` is a sentence about its
    /// refund.
    fn late_payment_refunded(&self, product_names: &str, refund: String) -> Opening;

    /// Says that the payment of a membership has failed. `grace_ends_on` is the last day of the
    /// grace period. `None` if it is over.
    fn membership_payment_failed(
        &self,
        name: &str,
        price: &str,
        grace_ends_on: Option<&str>,
    ) -> Opening;

    /// Says that a membership has ended. `paid_until` is the last day that is paid.
    fn membership_ended(&self, name: &str, paid_until: Option<&str>) -> Opening;

    fn card_payment_pending(&self, amount: &str) -> String;
    fn desk_payment_pending(&self, amount: &str) -> String;
    fn payment_received(&self, amount: &str) -> String;
    /// Returns the promo code of an order, and how much it has saved.
    fn promo_code_saved(&self, code: &str, amount: &str) -> String;
    fn free_until(&self, until: &str) -> String;
    /// Says that a cancellation is no longer free of charge, and what it costs.
    fn was_free_until(&self, until: &str, fee: &str) -> String;
    /// Says what the late cancellation costs.
    fn late_cancellation_costs(&self, fee: &str, until: &str) -> String;
    /// Says that a fee is to be paid.
    fn fee_is_owed(&self) -> &'static str;
    /// Says that a fee is taken from what was paid.
    fn fee_is_kept(&self) -> &'static str;
    /// Asks the member to report a mistake of the studio.
    fn tell_us_of_mistakes(&self) -> &'static str;
    /// Says that a pass pays, and how many classes are left on it. `None` if it is unlimited.
    fn paid_with_pass(&self, name: &str, credits_left: Option<i32>) -> String;
    /// Says that the studio gives the spot for free.
    fn given_by_studio(&self) -> &'static str;
    /// Says until when a cancellation gives the class back to the pass.
    fn credit_returned_until(&self, until: &str) -> String;
    /// Says that a cancellation no longer gives the class back to the pass.
    fn credit_was_returned_until(&self, until: &str) -> String;
    /// Says that the cancellation has given the class back to the pass.
    fn credit_returned(&self, name: &str) -> String;
    /// Says that the cancellation was too late for that.
    fn credit_not_returned(&self, name: &str, until: &str) -> String;
    fn reason(&self, reason: &str) -> String;
    fn refund_to_card(&self, amount: &str) -> String;
    fn refund_at_desk(&self, amount: &str) -> String;
    fn refunded(&self, amount: &str) -> String;
    fn disputed(&self) -> &'static str;

    /// Says that the part of a cancelled class in the price of its course will be refunded.
    fn course_share_due(&self, course: &str, amount: &str) -> String;

    /// Says that this part was refunded.
    fn course_share_refunded(&self, course: &str, amount: &str) -> String;

    /// Returns the texts of a notice about an account. `new_address_or_provider` is `None` if
    /// the notice has neither, or if the e-mail must not contain it.
    fn notice(
        &self,
        kind: NoticeKind,
        new_address_or_provider: Option<&str>,
        access: &Access,
    ) -> Opening;

    /// Returns the advice for a member who did not cause the notice.
    fn advice(&self, kind: NoticeKind) -> &'static str;

    /// Returns the name of a way to access an account, as a part of a sentence.
    fn access_way(&self, way: &AccessWay) -> String;

    /// Translates a device that is stored as English text, such as `Firefox on Linux`.
    fn device(&self, device: &str) -> String;
}

/// Joins the names of ways to access an account.
pub(super) fn join_ways(texts: &dyn MailTexts, ways: &[AccessWay]) -> String {
    let names: Vec<_> = ways.iter().map(|way| texts.access_way(way)).collect();
    names.join(", ")
}
