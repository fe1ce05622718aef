//! A member's calendar feed: the classes that the member has booked.

use chrono::TimeDelta;

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::models::booking::BookingStatus;
use crate::models::calendar::{self, CalendarBooking};
use crate::values::ical::{self, Entry, render};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// How far back the feed reaches.
const HISTORY: TimeDelta = TimeDelta::days(90);

/// Renders the feed of the member who holds `token`, with the member's bookings of classes in
/// the last 90 days and in the future. Cancelled bookings stay in the feed, because some
/// calendar programs do not remove entries that are missing.
///
/// # Errors
///
/// [`Error::NotFound`] when no active member with a confirmed address holds the token.
pub fn render_feed<'a>(app: &'a App, token: &'a str) -> BoxFuture<'a, Result<String>> {
    Box::pin(async move {
        let studio = &app.config().studio;
        let zone = TimeZone::of_studio(studio)?;
        let (hash, since) = (sha256_hex(token.as_bytes()), app.clock().now() - HISTORY);
        let bookings = app
            .db()
            .read(async move |client| calendar::list_by_token(client, &hash, since).await)
            .await?
            .ok_or(Error::NotFound)?;
        let entries: Vec<_> = bookings.into_iter().map(Entry::from).collect();
        Ok(render(&zone, &studio.name, &studio.site_url, &entries))
    })
}

impl From<CalendarBooking> for Entry {
    fn from(booking: CalendarBooking) -> Self {
        // A calendar accepts an update of an entry only if the sequence is higher, so the rank
        // of the status is added to the sequence. Statuses with a spot share a rank, because
        // attendance can be corrected in both directions and looks the same in a calendar.
        let (status, prefix, rank) = match booking.status {
            _ if booking.class_cancelled => (ical::Status::Cancelled, "Cancelled: ", 2),
            BookingStatus::Cancelled => (ical::Status::Cancelled, "Cancelled: ", 2),
            BookingStatus::Waitlisted => (ical::Status::Tentative, "Waitlist: ", 0),
            BookingStatus::Booked | BookingStatus::Attended | BookingStatus::NoShow => {
                (ical::Status::Confirmed, "", 1)
            }
        };
        Self {
            uid: booking.id,
            sequence: booking.sequence + rank,
            status,
            start: booking.start_time,
            end: booking.end_time,
            // Some calendar programs do not show the status, so the title repeats it.
            summary: format!("{prefix}{}", booking.title),
            location: booking.room,
            description: format!("With {}", booking.instructor),
            modified: booking.modified,
        }
    }
}
