//! What the mails say.

mod account;

use askama::Template;

pub(super) use self::account::about_account;
use crate::error::{Error, Result};
use crate::models::contact::Submission;
use crate::models::mail_outbox::{BookingTold, PaymentTold};
use crate::runtime::config::StudioConfig;

/// A mail as its reader sees it, twice: as plain text and as HTML.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// Who answers go to, when that is not the sender.
    pub(super) reply_to: Option<(String, String)>,
}

/// The text of a letter. Nothing in it is markup: the HTML escapes it all.
struct Said {
    subject: String,
    headline: String,
    greeting: String,
    paragraphs: Vec<String>,
    facts: Vec<(&'static str, String)>,
    link: Option<(&'static str, String)>,
    footer: String,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    subject: &'a str,
    headline: &'a str,
    greeting: &'a str,
    paragraphs: &'a [String],
    facts: &'a [(&'static str, String)],
    link: &'a Option<(&'static str, String)>,
    footer: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a> {
    greeting: &'a str,
    paragraphs: &'a [String],
    facts: &'a [(&'static str, String)],
    link: &'a Option<(&'static str, String)>,
    footer: &'a str,
}

impl Said {
    fn render(self, reply_to: Option<(String, String)>) -> Result<Letter> {
        let broken = |error: askama::Error| Error::Internal(Box::new(error));
        let text = Text {
            greeting: &self.greeting,
            paragraphs: &self.paragraphs,
            facts: &self.facts,
            link: &self.link,
            footer: &self.footer,
        };
        let html = Html {
            subject: &self.subject,
            headline: &self.headline,
            greeting: &self.greeting,
            paragraphs: &self.paragraphs,
            facts: &self.facts,
            link: &self.link,
            footer: &self.footer,
        };
        Ok(Letter {
            text: text.render().map_err(broken)?,
            html: html.render().map_err(broken)?,
            subject: one_line(&self.subject),
            reply_to: reply_to.map(|(name, address)| (one_line(&name), address)),
        })
    }
}

/// A line break in a header would begin another, of somebody else's choice.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// The letter about a booking. `None` when what it was to tell does not hold
/// any more: another mail tells what does.
pub(super) fn about_booking(
    kind: &str,
    told: &BookingTold,
    studio: &StudioConfig,
) -> Option<Result<Letter>> {
    let is_on = !told.is_over && !told.class_is_cancelled;
    let status = told.status.as_str();
    let (subject, headline, paragraphs) = match kind {
        "booking_confirmed" if is_on && status == "booked" => confirmed(told),
        "booking_waitlisted" if is_on && status == "waitlisted" => waitlisted(told),
        "booking_promoted" if is_on && status == "booked" => promoted(told),
        "booking_cancelled" if status == "cancelled" => cancelled(told, studio),
        "class_cancelled" if told.class_is_cancelled => class_cancelled(told),
        "class_moved" if is_on && status != "cancelled" => moved(told)?,
        "instructor_changed" if is_on && status != "cancelled" => instructor_changed(told),
        _ => return None,
    };
    let said = Said {
        subject,
        headline: headline.to_owned(),
        greeting: format!("Hola {},", told.first_name),
        paragraphs,
        facts: facts(told, studio),
        link: Some(("Open my bookings", format!("{}/", studio.site_url))),
        footer: "You get this mail because you have a booking with us. \
                 Just answer it if something is not right."
            .to_owned(),
    };
    Some(said.render(None))
}

type Words = (String, &'static str, Vec<String>);

fn confirmed(told: &BookingTold) -> Words {
    let mut paragraphs = vec![format!(
        "Your place in {} is booked. We look forward to dancing with you.",
        told.title
    )];
    paragraphs.extend(to_pay(told));
    (
        format!("Booked: {}, {}", told.title, told.time.day),
        "You are in!",
        paragraphs,
    )
}

fn waitlisted(told: &BookingTold) -> Words {
    (
        format!("On the waitlist: {}, {}", told.title, told.time.day),
        "You are on the waitlist",
        vec![
            format!(
                "{} is full at the moment, and you are on its waitlist.",
                told.title
            ),
            "As soon as a place is yours we tell you by mail. There is nothing to pay until then."
                .to_owned(),
        ],
    )
}

fn promoted(told: &BookingTold) -> Words {
    let mut paragraphs = vec![format!(
        "A place in {} has become free, and it is yours.",
        told.title
    )];
    paragraphs.extend(to_pay(told));
    paragraphs
        .push("If you cannot come, please cancel, so that the next in line can dance.".to_owned());
    (
        format!("You have a place: {}, {}", told.title, told.time.day),
        "A place is yours!",
        paragraphs,
    )
}

/// Only what is known to be open: a booking without a payment was settled, or
/// will be, in the studio.
fn to_pay(told: &BookingTold) -> Option<String> {
    let payment = told.payment.as_ref()?;
    let sum = format!("{} {}", payment.amount, told.currency);
    match (payment.status.as_str(), payment.method.as_str()) {
        ("pending", "card") => Some(format!(
            "It is kept for you while your card payment of {sum} is under way."
        )),
        ("pending", _) => Some(format!("Please pay {sum} at the desk before the class.")),
        ("paid", _) => Some(format!(
            "We have received your payment of {sum}. Thank you!"
        )),
        _ => None,
    }
}

fn cancelled(told: &BookingTold, studio: &StudioConfig) -> Words {
    let mut paragraphs = vec![format!(
        "Your booking of {} has been cancelled.",
        told.title
    )];
    paragraphs.extend(reason(told.reason.as_deref()));
    match &told.payment {
        Some(payment) if told.is_late && payment.status == "paid" => {
            let hours = studio.cancellation_window.as_secs() / 3_600;
            paragraphs.push(format!(
                "As this was less than {hours} hours before the class, the price is not returned."
            ));
        }
        Some(payment) => paragraphs.extend(refund(payment, &told.currency)),
        None => {}
    }
    (
        format!("Cancelled: {}, {}", told.title, told.time.day),
        "Your booking is cancelled",
        paragraphs,
    )
}

fn class_cancelled(told: &BookingTold) -> Words {
    let mut paragraphs = vec![format!(
        "We are sorry: {} on {} will not take place.",
        told.title, told.time.day
    )];
    paragraphs.extend(reason(told.class_reason.as_deref()));
    if let Some(payment) = &told.payment {
        paragraphs.extend(refund(payment, &told.currency));
    }
    (
        format!("Class cancelled: {}, {}", told.title, told.time.day),
        "This class will not take place",
        paragraphs,
    )
}

fn reason(given: Option<&str>) -> Option<String> {
    let given = given.filter(|reason| !reason.is_empty())?;
    Some(format!("Reason: {given}"))
}

fn refund(payment: &PaymentTold, currency: &str) -> Option<String> {
    let sum = format!("{} {currency}", payment.amount);
    match (payment.status.as_str(), payment.method.as_str()) {
        ("refund_due", "card") => Some(format!(
            "Your {sum} go back to your card; banks take a few days to show it."
        )),
        ("refund_due", _) => Some(format!("Your {sum} are waiting for you at the desk.")),
        ("refunded", _) => Some(format!("Your {sum} have been returned.")),
        _ => None,
    }
}

/// `None` when it is when and where it was: a move that was taken back.
fn moved(told: &BookingTold) -> Option<Words> {
    let (was, room) = told.before.as_ref()?;
    let is = &told.time;
    let yours = match told.status.as_str() {
        "waitlisted" => "Your place on the waitlist",
        _ => "Your place",
    };
    let subject = match was == is {
        true => format!("New room: {}, {}", told.title, is.day),
        false => format!("New time: {}, {} at {}", told.title, is.day, is.starts),
    };
    Some((
        subject,
        "Your class has moved",
        vec![
            format!(
                "{} was planned for {}, {} to {}, in {room}. It is now on {}, {} to {}, in {}.",
                told.title, was.day, was.starts, was.ends, is.day, is.starts, is.ends, told.room
            ),
            format!("{yours} moves along. If this does not suit you, please cancel."),
        ],
    ))
}

fn instructor_changed(told: &BookingTold) -> Words {
    (
        format!("Another instructor: {}, {}", told.title, told.time.day),
        "Somebody else teaches your class",
        vec![format!(
            "{} will now be taught by {}.",
            told.title, told.instructor
        )],
    )
}

fn facts(told: &BookingTold, studio: &StudioConfig) -> Vec<(&'static str, String)> {
    // `America/Denver` is no name for people; its city is.
    let place = studio.time_zone.rsplit('/').next().unwrap_or_default();
    let place = place.replace('_', " ");
    let mut facts = vec![
        ("Class", told.title.clone()),
        (
            "When",
            format!(
                "{}, {} to {} ({place} time)",
                told.time.day, told.time.starts, told.time.ends
            ),
        ),
        ("Where", told.room.clone()),
        ("With", told.instructor.clone()),
    ];
    if !told.price.is_zero() {
        facts.push(("Price", format!("{} {}", told.price, told.currency)));
    }
    facts
}

/// The letter that tells the studio of a message.
pub(super) fn contact_received(submission: &Submission, studio: &StudioConfig) -> Result<Letter> {
    let mut facts = vec![
        ("From", submission.name.clone()),
        ("E-mail", submission.email.clone()),
    ];
    facts.extend(submission.phone.clone().map(|phone| ("Phone", phone)));
    facts.push(("Subject", submission.subject.clone()));
    let said = Said {
        subject: format!("Contact: {}", submission.subject),
        headline: format!("{} wrote to the studio", submission.name),
        greeting: "A message from the contact form:".to_owned(),
        paragraphs: vec![submission.message.clone()],
        facts,
        link: None,
        footer: format!(
            "Answer this mail to answer {}. It came by {}.",
            submission.name, studio.site_url
        ),
    };
    said.render(Some((submission.name.clone(), submission.email.clone())))
}

#[cfg(test)]
mod properties {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::testing::arbitrary::{config, text};

    proptest! {
        #[test]
        fn what_a_visitor_writes_is_never_markup(words in prop_oneof![text(), "[<>&\"'/a-z!=-]{0,60}"]) {
            let letter = |words: &str| {
                let submission = Submission {
                    id: Uuid::nil(), name: words.to_owned(), email: words.to_owned(), phone: Some(words.to_owned()),
                    subject: words.to_owned(), message: words.to_owned(), is_processed: false,
                    processed_at: None, processed_by: None, created_at: DateTime::default(),
                };
                contact_received(&submission, &config(&[]).studio).unwrap()
            };
            let (told, plain) = (letter(&words), letter("Ana"));
            let marks = |html: &str| html.matches(['<', '>']).count();
            // A paragraph of several lines has breaks in it.
            let breaks = told.html.matches("<br>").count() - plain.html.matches("<br>").count();
            assert_eq!(marks(&told.html), marks(&plain.html) + 2 * breaks, "{}", told.html);
            assert!(!told.subject.contains(char::is_control), "{:?}", told.subject);
        }
    }
}
