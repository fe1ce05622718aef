//! A member's own calendar: the classes that they have booked.

use chrono::TimeDelta;

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::models::booking::Status;
use crate::models::calendar::{self, Booked};
use crate::values::ical::{self, Entry, render};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// How far back a feed reaches.
const KEPT: TimeDelta = TimeDelta::days(90);

/// The feed of the member who holds `token`: their bookings of classes from 90
/// days ago on. What was cancelled stays in it, so that calendar programs,
/// which do not all take out what they no longer find, take it out.
///
/// # Errors
///
/// [`Error::NotFound`] when no active member holds it; [`Error::Unavailable`].
pub fn feed<'a>(app: &'a App, token: &'a str) -> BoxFuture<'a, Result<String>> {
    Box::pin(async move {
        let studio = &app.config().studio;
        let zone = TimeZone::of_studio(studio)?;
        let (hash, since) = (sha256_hex(token.as_bytes()), app.clock().now() - KEPT);
        let booked = app
            .db()
            .read(async move |client| calendar::of_token(client, &hash, since).await)
            .await?
            .ok_or(Error::NotFound)?;
        let entries: Vec<_> = booked.into_iter().map(Entry::from).collect();
        Ok(render(&zone, &studio.name, &studio.site_url, &entries))
    })
}

impl From<Booked> for Entry {
    fn from(booked: Booked) -> Self {
        let (status, before, how_far) = match booked.status {
            _ if booked.class_cancelled => (ical::Status::Cancelled, "Cancelled: ", 2),
            Status::Cancelled => (ical::Status::Cancelled, "Cancelled: ", 2),
            Status::Waitlisted => (ical::Status::Tentative, "Waitlist: ", 0),
            // One number for the three: who was there is corrected to and fro,
            // a sequence only rises, and to a calendar it is all the same.
            Status::Booked | Status::Attended | Status::NoShow => (ical::Status::Confirmed, "", 1),
        };
        Self {
            uid: booked.id,
            sequence: booked.class_sequence + how_far,
            status,
            start: booked.start_time,
            end: booked.end_time,
            // Not every program shows a status.
            summary: format!("{before}{}", booked.title),
            location: booked.room,
            description: format!("With {}", booked.instructor),
            modified: booked.modified,
        }
    }
}
