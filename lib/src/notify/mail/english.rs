//! The texts of e-mails in English.

use super::notice::{Access, AccessWay, NoticeKind};
use super::texts::{ClassText, Labels, MailTexts, Opening, join_ways};
use crate::models::mail_outbox::RefundDestination;
use crate::models::mail_preference::MailCategory;

/// English.
pub(super) struct English;

impl MailTexts for English {
    fn labels(&self) -> Labels {
        Labels {
            class: "Class",
            when: "When",
            room: "Room",
            address: "Address",
            instructor: "Teacher",
            price: "Price",
            product: "Pass",
            course: "Course",
            gift_card: "Gift card",
            gift_card_code: "Code",
            promo_code: "Promo code",
            refund: "Refunded in total",
            order: "Order",
            amount: "Amount",
            receipt: "Receipt",
            late_cancellation: "Late cancellation",
            no_show: "No-show",
            included_tax: "Tax included",
            total: "Total",
            last_day: "Last day",
            device: "Device",
            ip_address: "IP address",
            open_bookings: "Open my bookings",
            open_passes: "Open my passes",
            open_shop: "Open the shop",
            open_membership: "Open my membership",
            open_receipts: "Open my receipts",
            open_account: "Open my account",
            confirm_address: "Confirm my address",
            choose_password: "Choose a new password",
        }
    }

    fn greeting(&self, first_name: Option<&str>) -> String {
        match first_name {
            Some(name) => format!("Hola {name},"),
            None => "Hola,".to_owned(),
        }
    }

    fn date_and_time(&self, day: &str, time: &str) -> String {
        format!("{day}, {time}")
    }

    fn date_and_time_in(&self, day: &str, time: &str, city: &str) -> String {
        format!("{day}, {time} ({city} time)")
    }

    fn class_time_in(&self, class: &ClassText<'_>, city: &str) -> String {
        let ClassText {
            day, starts, ends, ..
        } = class;
        format!("{day}, {starts} to {ends} ({city} time)")
    }

    fn booking_footer(&self, studio: &str) -> String {
        format!(
            "You receive this e-mail because you have a booking with {studio}. \
             If something is wrong, just reply."
        )
    }

    fn order_footer(&self, studio: &str) -> String {
        format!(
            "You receive this e-mail because it concerns your order with {studio}. \
             If something is wrong, just reply."
        )
    }

    fn account_footer(&self, studio: &str) -> String {
        format!(
            "You receive this e-mail because it concerns your account with {studio}. \
             We will never ask you for a password or a code."
        )
    }

    fn payment_footer(&self, studio: &str) -> String {
        format!(
            "You receive this e-mail because it is about a payment or refund at {studio}. \
             If something is wrong, just reply."
        )
    }

    fn pass_footer(&self, studio: &str) -> String {
        format!(
            "You receive this e-mail because you have a pass at {studio}. \
             If something is wrong, just reply."
        )
    }

    fn unsubscribe(&self, category: MailCategory) -> &'static str {
        match category {
            MailCategory::Reminders => "Unsubscribe from class reminders",
            MailCategory::Bookings => "Unsubscribe from booking confirmations",
            MailCategory::Waitlist => "Unsubscribe from waitlist e-mails",
            MailCategory::Schedule => "Unsubscribe from e-mails about changed classes",
            MailCategory::Passes => "Unsubscribe from e-mails about passes that end",
        }
    }

    fn booking_confirmed(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Booked: {title}, {day}"),
            headline: "Your spot is booked",
            paragraphs: vec![format!(
                "Your spot in {title} is booked. We look forward to dancing with you."
            )],
        }
    }

    fn booking_waitlisted(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("On the waitlist: {title}, {day}"),
            headline: "You are on the waitlist",
            paragraphs: vec![
                format!(
                    "You do not need to do anything: {title} is full, and you are on its waitlist."
                ),
                "We will e-mail you as soon as a spot is yours. There is nothing to pay until then."
                    .to_owned(),
            ],
        }
    }

    fn booking_promoted(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("You have a spot: {title}, {day}"),
            headline: "You have a spot",
            paragraphs: vec![format!(
                "A spot in {title} has become free, and it is yours."
            )],
        }
    }

    fn cancel_for_the_next(&self) -> &'static str {
        "If you cannot come, please cancel, so that the next person on the waitlist can dance."
    }

    fn class_reminder(&self, class: &ClassText<'_>) -> Opening {
        let ClassText {
            title,
            day,
            starts,
            ends,
            room,
        } = class;
        Opening {
            subject: format!("Reminder: {title}, {day} at {starts}"),
            headline: "See you soon",
            paragraphs: vec![format!(
                "{title} is on {day}, {starts} to {ends}, in {room}. We look forward to dancing with \
                 you."
            )],
        }
    }

    fn cancel_if_you_cannot_come(&self) -> &'static str {
        "If you cannot come, please cancel under “My bookings”, so that somebody else can dance."
    }

    fn booking_cancelled(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Cancelled: {title}, {day}"),
            headline: "Your booking is cancelled",
            paragraphs: vec![format!("Your booking for {title} has been cancelled.")],
        }
    }

    fn class_cancelled(&self, class: &ClassText<'_>) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("Class cancelled: {title}, {day}"),
            headline: "This class is cancelled",
            paragraphs: vec![format!(
                "We are sorry: {title} on {day} has been cancelled, and your booking with it."
            )],
        }
    }

    fn class_moved(
        &self,
        previous: &ClassText<'_>,
        class: &ClassText<'_>,
        is_waitlisted: bool,
    ) -> Opening {
        let ClassText {
            title,
            day,
            starts,
            ends,
            room,
        } = class;
        let kept = match is_waitlisted {
            true => "You keep your place on the waitlist",
            false => "You keep your spot",
        };
        Opening {
            subject: match previous.has_same_time(class) {
                true => format!("New room: {title}, {day}"),
                false => format!("New time: {title}, {day} at {starts}"),
            },
            headline: "Your class has moved",
            paragraphs: vec![
                format!(
                    "{title} was planned for {}, {} to {}, in {}. It is now on {day}, {starts} to \
                     {ends}, in {room}.",
                    previous.day, previous.starts, previous.ends, previous.room
                ),
                format!("{kept}. If you cannot come, please cancel."),
            ],
        }
    }

    fn booking_moved(&self, previous: &ClassText<'_>, class: &ClassText<'_>) -> Opening {
        let ClassText {
            title,
            day,
            starts,
            ends,
            room,
        } = class;
        Opening {
            subject: format!("Booking moved: {title}, {day} at {starts}"),
            headline: "Your booking has moved",
            paragraphs: vec![format!(
                "Your booking for {} on {}, {} to {}, in {}, has been moved. It is now for {title} \
                 on {day}, {starts} to {ends}, in {room}.",
                previous.title, previous.day, previous.starts, previous.ends, previous.room
            )],
        }
    }

    fn instructor_changed(&self, class: &ClassText<'_>, instructor: &str) -> Opening {
        let ClassText { title, day, .. } = class;
        Opening {
            subject: format!("New teacher: {title}, {day}"),
            headline: "Your class has a new teacher",
            paragraphs: vec![format!(
                "{title} will now be taught by {instructor}. You keep your booking."
            )],
        }
    }

    fn no_show(&self, class: &ClassText<'_>, fee: &str) -> Opening {
        Opening {
            subject: format!("You missed {}", class.title),
            headline: "You missed a class",
            paragraphs: vec![format!(
                "You had a spot in {} on {}, but you did not come. The fee for a missed class is {fee}.",
                class.title, class.day
            )],
        }
    }

    fn order_paid(&self, product_names: &str, is_free: bool) -> Opening {
        let received = match is_free {
            true => format!("You have “{product_names}” now."),
            false => format!("We have received your payment for “{product_names}”."),
        };
        Opening {
            subject: format!("Your purchase: {product_names}"),
            headline: "Thank you for your purchase",
            paragraphs: vec![
                received,
                "When you book a class, a pass pays for it.".to_owned(),
            ],
        }
    }

    fn course_paid(&self, product_names: &str, is_free: bool) -> Opening {
        let received = match is_free {
            true => format!("You have a spot in “{product_names}” now."),
            false => format!("We have received your payment for “{product_names}”."),
        };
        let spots = "You have a spot in each class below. If you cannot come to a class, please \
                     cancel your booking, so that somebody else can come.";
        let refunds = "Nothing is refunded for a class that you cancel. If the studio cancels a \
                       class, its part of the price is refunded.";
        let refunds = (!is_free).then_some(refunds);
        let paragraphs = [spots].into_iter().chain(refunds).map(str::to_owned);
        Opening {
            subject: format!("Your course: {product_names}"),
            headline: "Your spots are booked",
            paragraphs: [received].into_iter().chain(paragraphs).collect(),
        }
    }

    fn gift_card_issued(&self, product_names: &str) -> Opening {
        Opening {
            subject: format!("Your gift card: {product_names}"),
            headline: "Here is your gift card",
            paragraphs: vec![
                "Give the code below to the person who gets the gift card. They enter it in the \
                 shop when they buy a pass, or show it at the studio."
                    .to_owned(),
                "Keep it like cash: anybody who has the code can spend the money.".to_owned(),
            ],
        }
    }

    fn receipt_issued(&self, amount: &str, number: &str) -> Opening {
        Opening {
            subject: format!("Your receipt {number}"),
            headline: "Thank you for your payment",
            paragraphs: vec![format!(
                "We have received your payment of {amount}. You can print your receipt on our \
                 site."
            )],
        }
    }

    fn refund_destination(&self, amount: &str, destination: RefundDestination) -> String {
        match destination {
            RefundDestination::Card => format!(
                "We have refunded {amount} to your card. Your bank can take up to ten days to show it."
            ),
            RefundDestination::GiftCard => format!("We have put {amount} back on your gift card."),
            RefundDestination::Credit => format!(
                "We have added {amount} to your credit. It is used first when you buy a pass or a course."
            ),
            RefundDestination::Transfer => format!("We have transferred {amount} back to you."),
            RefundDestination::Desk => format!("We have given {amount} back to you at the desk."),
        }
    }

    fn pass_ending(&self, name: &str, last_day: &str, credits_left: Option<i32>) -> Opening {
        let left = match credits_left {
            None => "Until then, you can come as often as you like.".to_owned(),
            Some(1) => "You have one class left.".to_owned(),
            Some(left) => format!("You have {left} classes left."),
        };
        Opening {
            subject: format!("Your pass ends soon: {name}"),
            headline: "Your pass ends soon",
            paragraphs: vec![
                format!("You can use your pass “{name}” until the end of {last_day}. {left}"),
                "To keep dancing after that, get a new pass in the shop.".to_owned(),
            ],
        }
    }

    fn refund_made(&self, item: &str, refund: String) -> Opening {
        Opening {
            subject: format!("Refund: {item}"),
            headline: "Your refund",
            paragraphs: vec![refund],
        }
    }

    fn refund_failed(&self, item: &str, amount: &str) -> Opening {
        Opening {
            subject: format!("Your refund has not arrived: {item}"),
            headline: "Your refund has not arrived",
            paragraphs: vec![
                format!(
                    "Your bank has returned the {amount} that we refunded to your card. The card \
                     may have expired."
                ),
                "We will take care of it. If you have a new card, please reply to this e-mail."
                    .to_owned(),
            ],
        }
    }

    fn order_disputed(&self, product_names: &str) -> Opening {
        Opening {
            subject: format!("Cannot be used: {product_names}"),
            headline: "Your pass cannot be used",
            paragraphs: vec![
                format!(
                    "Your bank has taken back the payment for “{product_names}”, because it is \
                     disputed. Until the dispute is decided, you cannot use the pass."
                ),
                "Upcoming classes that you have booked with it stay booked, but you must pay for \
                 them."
                    .to_owned(),
                "If you do not know about a dispute, please talk to us or to your bank.".to_owned(),
            ],
        }
    }

    fn course_refund_at_desk(&self, product_names: &str, amount: &str) -> Opening {
        Opening {
            subject: format!("Your refund: {product_names}"),
            headline: "Your refund is at the desk",
            paragraphs: vec![
                format!("We refund a part of the price of “{product_names}”."),
                self.refund_at_desk(amount),
            ],
        }
    }

    fn course_spots_lost(&self, product_names: &str, is_unpaid: bool) -> Opening {
        let text = match is_unpaid {
            true => format!(
                "Your order of “{product_names}” is cancelled, because it was not paid in full. You no \
                 longer have a spot in its classes."
            ),
            false => format!(
                "The studio has released your spots in the upcoming classes of “{product_names}”."
            ),
        };
        Opening {
            subject: format!("Your spots: {product_names}"),
            headline: "You no longer have these spots",
            paragraphs: vec![text, "If this is a mistake, please talk to us.".to_owned()],
        }
    }

    fn course_disputed(&self, product_names: &str) -> Opening {
        Opening {
            subject: format!("Unpaid: {product_names}"),
            headline: "Your course is unpaid",
            paragraphs: vec![
                format!(
                    "Your bank has taken back the payment for “{product_names}”, because it is \
                     disputed."
                ),
                "Your upcoming classes stay booked, but you must pay for them.".to_owned(),
                "If you do not know about a dispute, please talk to us or to your bank.".to_owned(),
            ],
        }
    }

    fn late_payment_refunded(&self, product_names: &str, refund: String) -> Opening {
        Opening {
            subject: format!("Refund: {product_names}"),
            headline: "Your payment is refunded",
            paragraphs: vec![
                format!(
                    "Your payment for “{product_names}” arrived after the order was cancelled, so \
                     you have not bought anything."
                ),
                refund,
                "You can place the order again at any time.".to_owned(),
            ],
        }
    }

    fn membership_payment_failed(
        &self,
        name: &str,
        price: &str,
        grace_ends_on: Option<&str>,
    ) -> Opening {
        let mut paragraphs = vec![format!(
            "We could not take {price} for “{name}”. Please check your card on our site. We will \
             try again in the next few days."
        )];
        paragraphs.extend(grace_ends_on.map(|day| {
            format!(
                "We keep your bookings until {day}. If the payment has not arrived by then, you \
                 pay for each class after that day separately."
            )
        }));
        Opening {
            subject: format!("Your payment failed: {name}"),
            headline: "We could not take your payment",
            paragraphs,
        }
    }

    fn membership_ended(&self, name: &str, paid_until: Option<&str>) -> Opening {
        let mut paragraphs = vec![format!(
            "Your membership “{name}” has ended. We take no further payments for it."
        )];
        paragraphs
            .extend(paid_until.map(|day| format!("The last day that you have paid for is {day}.")));
        paragraphs.push("You can start a membership again at any time.".to_owned());
        Opening {
            subject: format!("Your membership has ended: {name}"),
            headline: "Your membership has ended",
            paragraphs,
        }
    }

    fn card_payment_pending(&self, amount: &str) -> String {
        format!("We hold your spot while your card payment of {amount} is in progress.")
    }

    fn desk_payment_pending(&self, amount: &str) -> String {
        format!("Please pay {amount} at the desk before the class.")
    }

    fn promo_code_saved(&self, code: &str, amount: &str) -> String {
        format!("{code} (you saved {amount})")
    }

    fn payment_received(&self, amount: &str) -> String {
        format!("We have received your payment of {amount}. Thank you!")
    }

    fn free_until(&self, until: &str) -> String {
        format!("You can cancel free of charge until {until}.")
    }

    fn was_free_until(&self, until: &str, fee: &str) -> String {
        format!("The time for a free cancellation ended on {until}. Cancelling now costs {fee}.")
    }

    fn late_cancellation_costs(&self, fee: &str, until: &str) -> String {
        format!(
            "The cancellation costs {fee}, because the time for a free cancellation ended on \
             {until}."
        )
    }

    fn fee_is_owed(&self) -> &'static str {
        "Please pay this under “My bookings”, or at the desk."
    }

    fn fee_is_kept(&self) -> &'static str {
        "We keep this amount from your payment."
    }

    fn tell_us_of_mistakes(&self) -> &'static str {
        "If you were there after all, please tell us, and we will correct it."
    }

    fn paid_with_pass(&self, name: &str, credits_left: Option<i32>) -> String {
        match credits_left {
            None => format!("Your pass “{name}” pays for this class."),
            Some(0) => {
                format!("Your pass “{name}” pays for this class. No classes are left on the pass.")
            }
            Some(1) => {
                format!("Your pass “{name}” pays for this class. One class is left on the pass.")
            }
            Some(left) => {
                format!(
                    "Your pass “{name}” pays for this class. {left} classes are left on the pass."
                )
            }
        }
    }

    fn given_by_studio(&self) -> &'static str {
        "The studio gives you this class. You pay nothing."
    }

    fn credit_returned_until(&self, until: &str) -> String {
        format!("You can cancel until {until}, and the class then goes back to your pass.")
    }

    fn credit_was_returned_until(&self, until: &str) -> String {
        format!(
            "The time for a free cancellation ended on {until}. \
             If you cancel now, the class does not go back to your pass."
        )
    }

    fn credit_returned(&self, name: &str) -> String {
        format!("The class is back on your pass “{name}”.")
    }

    fn credit_not_returned(&self, name: &str, until: &str) -> String {
        format!(
            "The class does not go back to your pass “{name}”, because the time for a free \
             cancellation ended on {until}."
        )
    }

    fn reason(&self, reason: &str) -> String {
        format!("Reason: {reason}")
    }

    fn refund_to_card(&self, amount: &str) -> String {
        format!(
            "We are refunding {amount} to your card. It can take a few days until your bank \
             shows it."
        )
    }

    fn refund_at_desk(&self, amount: &str) -> String {
        format!("Please collect your refund of {amount} at the desk.")
    }

    fn course_share_due(&self, course: &str, amount: &str) -> String {
        format!(
            "The class was part of the course “{course}”. Unless you book it again, we refund \
             {amount} of the course price to your card, gift card, or credit. If you paid at the desk, we \
             will write to you when you can collect it there."
        )
    }

    fn course_share_refunded(&self, course: &str, amount: &str) -> String {
        format!(
            "The class was part of the course “{course}”. We refund {amount} of the course price to \
             your card, gift card, or credit. If you paid at the desk, please collect it there."
        )
    }

    fn refunded(&self, amount: &str) -> String {
        format!("We have refunded {amount}.")
    }

    fn disputed(&self) -> &'static str {
        "You have disputed this payment at your bank. Your bank now decides who gets the \
         money, so we cannot refund the payment."
    }

    fn notice(
        &self,
        kind: NoticeKind,
        new_address_or_provider: Option<&str>,
        access: &Access,
    ) -> Opening {
        let new_address_or_provider = new_address_or_provider.unwrap_or("another address");
        let (subject, headline, paragraph) = match kind {
            NoticeKind::VerifyEmail => (
                "Please confirm your e-mail address",
                "Confirm your e-mail address",
                "Please confirm your e-mail address with the button below. The link works once \
                 and expires after 24 hours."
                    .to_owned(),
            ),
            NoticeKind::Invitation => (
                "Your account with us",
                "Your account is ready",
                "We have created an account for you, where you can see and cancel your bookings. \
                 Please confirm your e-mail address with the button below and choose a password. \
                 The link works once and expires after seven days. If it has expired, you can get \
                 a new one with \u{201c}Forgot your password?\u{201d} on the sign-in page."
                    .to_owned(),
            ),
            NoticeKind::ResetPassword => (
                "Reset your password",
                "Choose a new password",
                "Choose a new password with the button below. The link works once \
                 and expires after one hour. A newer link replaces it."
                    .to_owned(),
            ),
            NoticeKind::AccountExists => (
                "You already have an account",
                "You already have an account",
                "Somebody has just tried to use your e-mail address for another account. If it was \
                 you, sign in, or reset your password if you have forgotten it."
                    .to_owned(),
            ),
            NoticeKind::EmailChangeRequested => (
                "Your e-mail address is about to change",
                "Your e-mail address is about to change",
                format!(
                    "The e-mail address of your account will change to {new_address_or_provider} when \
                     that address is confirmed."
                ),
            ),
            NoticeKind::EmailChanged => (
                "Your e-mail address has changed",
                "Your e-mail address has changed",
                format!("The e-mail address of your account is now {new_address_or_provider}."),
            ),
            NoticeKind::PasswordChanged => (
                "Your password has been changed",
                "Your password has been changed",
                "Your password has been changed, and you are signed out on all other devices."
                    .to_owned(),
            ),
            NoticeKind::PasswordReset => (
                "Your password has been reset",
                "Your password has been reset",
                self.password_reset(access),
            ),
            NoticeKind::NewDevice => (
                "A new sign-in to your account",
                "Was this you?",
                "Please check this sign-in: somebody has signed in to your account on a new \
                 device."
                    .to_owned(),
            ),
            NoticeKind::TwoFactorEnabled => (
                "Two-factor authentication is on",
                "Two-factor authentication is on",
                "From now on you need a code to sign in. Keep your recovery codes in a place that \
                 you can reach without your phone."
                    .to_owned(),
            ),
            NoticeKind::TwoFactorDisabled => (
                "Two-factor authentication is off",
                "Two-factor authentication is off",
                "From now on you can sign in with your password alone.".to_owned(),
            ),
            NoticeKind::RecoveryCodeUsed => (
                "A recovery code has been used",
                "A recovery code has been used",
                "One of your recovery codes has been used and no longer works. To get new codes, \
                 set up two-factor authentication again."
                    .to_owned(),
            ),
            NoticeKind::WrongCodesEntered => (
                "Somebody may know your password",
                "Somebody may know your password",
                "Please change your password. Somebody who knows it, or who can use an account that \
                 is linked to yours, has entered so many wrong codes that no more are accepted for \
                 now. To sign in on a new device in the meantime, use a recovery code."
                    .to_owned(),
            ),
            NoticeKind::SignInBlocked => (
                "Somebody is guessing your password",
                "Somebody is guessing your password",
                "Somebody has entered so many wrong passwords for your account that no more are \
                 accepted on unknown devices for up to an hour. They did not get in. Until then, \
                 you can sign in only on a device that you have used before. To sign in on another \
                 device, reset your password first (\u{201c}Forgot your password?\u{201d} on the \
                 sign-in page)."
                    .to_owned(),
            ),
            NoticeKind::IdentityLinked => (
                "A sign-in method was added",
                "A sign-in method was added",
                format!("You can now sign in with {new_address_or_provider}."),
            ),
            NoticeKind::IdentityUnlinked => (
                "A sign-in method was removed",
                "A sign-in method was removed",
                format!("You can no longer sign in with {new_address_or_provider}."),
            ),
            NoticeKind::AccountClosed => (
                "Your account is closed",
                "Your account is closed",
                "Your account is closed, as you asked. Your upcoming bookings are cancelled, and \
                 your personal details are erased. You can register with this address again at any \
                 time."
                    .to_owned(),
            ),
        };
        Opening {
            subject: subject.to_owned(),
            headline,
            paragraphs: vec![paragraph],
        }
    }

    fn advice(&self, kind: NoticeKind) -> &'static str {
        match kind {
            NoticeKind::Invitation => {
                "If you have not been to our studio, you can ignore this e-mail."
            }
            NoticeKind::VerifyEmail | NoticeKind::ResetPassword => {
                "If you did not request this, you can ignore this e-mail."
            }
            NoticeKind::AccountExists => "If it was not you, you can ignore this e-mail.",
            NoticeKind::SignInBlocked => {
                "If your password is long and you use it nowhere else, you need not do anything."
            }
            NoticeKind::EmailChanged | NoticeKind::AccountClosed => {
                "If this was not you, reply to this e-mail at once, and we will help you."
            }
            _ => {
                "If this was not you, reset your password at once (\u{201c}Forgot your \
                 password?\u{201d} on the sign-in page). That signs out all devices. Then reply \
                 to this e-mail."
            }
        }
    }

    fn access_way(&self, way: &AccessWay) -> String {
        match way {
            AccessWay::CalendarFeed => "the calendar feed".to_owned(),
            AccessWay::TwoFactor => "two-factor authentication".to_owned(),
            AccessWay::Provider(name) => format!("sign-in with {name}"),
        }
    }

    fn device(&self, device: &str) -> String {
        device.to_owned()
    }
}

impl English {
    fn password_reset(&self, access: &Access) -> String {
        let mut text = "Your password has been reset with a link that we e-mailed to you. You are \
            signed out on all devices."
            .to_owned();
        if !access.ended.is_empty() {
            let ended = match access.ended.len() {
                1 => "This has also ended",
                _ => "These have also ended",
            };
            text += &format!(" {ended}: {}.", join_ways(self, &access.ended));
        }
        if !access.remaining.is_empty() {
            text += &format!(" What still works: {}.", join_ways(self, &access.remaining));
        }
        text
    }
}
