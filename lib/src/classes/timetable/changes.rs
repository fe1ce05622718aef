//! Changes to several classes in one transaction, and what they affect.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::editor::TimetableEditor;
use super::view::{ConflictView, EffectView};
use crate::error::Result;
use crate::models::closure;
use crate::models::course;
use crate::models::member_event::{self, MemberEventKind, NewMemberEvent};
use crate::models::occurrence::change::{
    self as occurrence, AffectedBooking, LockedOccurrence, OccurrenceChanges,
};
use crate::models::weekly_class::ConflictCode;
use crate::session::Tx;

/// A class that could not be changed.
pub(super) struct Conflict {
    pub(super) occurrence: LockedOccurrence,
    pub(super) code: ConflictCode,
}

impl From<Conflict> for ConflictView {
    fn from(conflict: Conflict) -> Self {
        // Only classes of a weekly class have conflicts.
        let (pattern_id, date) = conflict.occurrence.weekly.unwrap_or_default();
        Self {
            pattern_id,
            date,
            occurrence_id: Some(conflict.occurrence.id),
            code: conflict.code,
        }
    }
}

/// Changes classes, and collects the affected bookings, the conflicts and the members' events.
pub(super) struct ClassChanges<'a> {
    editor: &'a TimetableEditor<'a>,
    tx: &'a Tx,
    bookings: Vec<AffectedBooking>,
    changed: BTreeSet<Uuid>,
    cancelled: BTreeSet<Uuid>,
    cancelled_bookings: usize,
    conflicts: Vec<Conflict>,
    events: Vec<NewMemberEvent>,
}

/// The result of [`ClassChanges::finish`].
pub(super) struct ChangeOutcome {
    pub(super) effect: EffectView,
    pub(super) cancelled_bookings: usize,
    pub(super) conflicts: Vec<Conflict>,
}

impl<'a> ClassChanges<'a> {
    /// Begins changes to these classes. The transaction must hold the timetable's lock.
    pub(super) async fn begin(
        editor: &'a TimetableEditor<'a>,
        tx: &'a Tx,
        occurrences: &[LockedOccurrence],
    ) -> Result<Self> {
        let ids: Vec<Uuid> = occurrences.iter().map(|occurrence| occurrence.id).collect();
        Ok(Self {
            editor,
            tx,
            bookings: occurrence::list_affected(tx, &ids).await?,
            changed: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            cancelled_bookings: 0,
            conflicts: Vec::new(),
            events: Vec::new(),
        })
    }

    /// Changes a class.
    ///
    /// # Errors
    ///
    /// Those of [`occurrence::update`]; 409 `studio_closed`.
    pub(super) async fn change(
        &mut self,
        current: &LockedOccurrence,
        changes: &OccurrenceChanges,
    ) -> Result<()> {
        let events = self.update(current, changes).await?;
        self.events.extend(events);
        self.changed.insert(current.id);
        Ok(())
    }

    /// Changes a class, unless there is a conflict. The class then stays as it is.
    pub(super) async fn try_change(
        &mut self,
        current: &LockedOccurrence,
        changes: &OccurrenceChanges,
    ) -> Result<()> {
        let now = self.editor.now;
        if changes.times.is_some_and(|(start, _)| start <= now) {
            self.note_conflict(current, ConflictCode::InThePast);
            return Ok(());
        }
        let outcome = self.tx.run_part(false, self.update(current, changes)).await;
        match outcome {
            Ok(events) => {
                self.events.extend(events);
                self.changed.insert(current.id);
            }
            Err(error) => {
                let code = ConflictCode::of_error(&error).ok_or(error)?;
                self.note_conflict(current, code);
            }
        }
        Ok(())
    }

    fn note_conflict(&mut self, occurrence: &LockedOccurrence, code: ConflictCode) {
        self.conflicts.push(Conflict {
            occurrence: occurrence.clone(),
            code,
        });
    }

    async fn update(
        &self,
        current: &LockedOccurrence,
        changes: &OccurrenceChanges,
    ) -> Result<Vec<NewMemberEvent>> {
        let Self { editor, tx, .. } = self;
        if let Some((start, _)) = changes.times {
            let date = editor.zone.date(start);
            if date != editor.zone.date(current.start_time) {
                closure::check_open(tx, date).await?;
            }
        }
        let studio = &editor.app.config().studio;
        occurrence::update(tx, current, changes, editor.now, studio).await
    }

    /// Cancels a class and its bookings. `reason` is for the members.
    pub(super) async fn cancel(
        &mut self,
        current: &LockedOccurrence,
        reason: Option<&str>,
    ) -> Result<()> {
        let (now, today) = (self.editor.now, self.editor.today());
        let cancelled = occurrence::cancel(self.tx, current, reason, now, today);
        let (count, events) = cancelled.await?;
        self.events.extend(events);
        self.cancelled_bookings += count;
        self.cancelled.insert(current.id);
        Ok(())
    }

    /// Gives back the shares of the cancelled classes in courses, and records the members' events.
    /// Must be called at the end of the transaction, because it locks the orders and the streams of
    /// the members.
    pub(super) async fn finish(mut self) -> Result<ChangeOutcome> {
        let cancelled: Vec<Uuid> = self.cancelled.iter().copied().collect();
        let refunds = course::refund_cancelled_classes(self.tx, &cancelled, self.editor.now);
        self.events.extend(refunds.await?);
        member_event::record(self.tx, &self.events).await?;
        let affected: Vec<_> = self
            .bookings
            .iter()
            .filter(|booking| {
                let id = booking.occurrence_id;
                self.changed.contains(&id) || self.cancelled.contains(&id)
            })
            .collect();
        let waitlisted = affected.iter().filter(|booking| booking.is_waitlisted);
        let waitlisted = waitlisted.count();
        let members: BTreeSet<Uuid> = affected.iter().map(|booking| booking.user_id).collect();
        // A due refund comes with the cancellation of a class. It has no e-mail of its own.
        let mailed = self.events.iter().filter(|event| {
            let kind = event.kind;
            kind != MemberEventKind::PaymentRefundDue && kind != MemberEventKind::OrderRefundDue
        });
        let notified: BTreeSet<Uuid> = mailed.map(|event| event.user_id).collect();
        Ok(ChangeOutcome {
            effect: EffectView {
                changed_classes: self.changed.len(),
                cancelled_classes: self.cancelled.len(),
                bookings: affected.len() - waitlisted,
                waitlisted,
                members: members.len(),
                notified_members: notified.len(),
            },
            cancelled_bookings: self.cancelled_bookings,
            conflicts: self.conflicts,
        })
    }
}
