//! The open event streams of a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// The maximum number of streams of a member in a process, for each audience. The number
/// is limited because each stream polls Redis and Postgres every second. Further streams end at
/// once. If they replaced the oldest stream instead, the browser of that stream would reconnect
/// and replace the next one.
pub(super) const MAX_STREAMS: usize = 5;

/// Whose events a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Audience {
    /// A member's own events.
    Member(Uuid),
    /// The events for staff, on a stream of this member.
    Staff(Uuid),
}

/// The number of open streams by audience.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventStreams(Arc<Mutex<HashMap<Audience, usize>>>);

impl EventStreams {
    /// Takes a slot for a stream. Returns `None` if the member has too many streams.
    pub(super) fn take_slot(&self, audience: Audience) -> Option<StreamSlot> {
        let mut counts = self.lock();
        let count = counts.entry(audience).or_default();
        if *count >= MAX_STREAMS {
            return None;
        }
        *count += 1;
        Some(StreamSlot {
            streams: self.clone(),
            audience,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Audience, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of an open stream. Dropping this value frees the slot.
pub(super) struct StreamSlot {
    streams: EventStreams,
    audience: Audience,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut counts = self.streams.lock();
        if let Some(count) = counts.get_mut(&self.audience) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.audience);
            }
        }
    }
}
