//! Code that all changes to the timetable share.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use crate::App;
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::Member;
use crate::models::occurrence::change::lock_timetable;
use crate::models::security_event::SecurityEventKind;
use crate::session::Tx;
use crate::values::caller::Caller;
use crate::values::time_zone::TimeZone;

/// A member of staff who changes the timetable.
pub(super) struct TimetableEditor<'a> {
    pub(super) app: &'a App,
    staff_action: StaffAction,
    pub(super) zone: TimeZone,
    pub(super) now: DateTime<Utc>,
}

impl<'a> TimetableEditor<'a> {
    pub(super) fn new(app: &'a App, caller: &Caller, staff: &Member) -> Result<Self> {
        Ok(Self {
            app,
            staff_action: StaffAction::by_staff(staff, caller)?,
            zone: TimeZone::of_studio(&app.config().studio)?,
            now: app.clock().now(),
        })
    }

    /// Returns the studio's current date.
    pub(super) fn today(&self) -> NaiveDate {
        self.zone.date(self.now)
    }

    /// Returns the studio's currency.
    pub(super) fn currency(&self) -> &str {
        &self.app.config().studio.currency
    }

    /// Runs `work` in a transaction that holds the timetable's lock, and invalidates the
    /// cached schedule. A preview makes the same changes and undoes them, so that its numbers
    /// are exact, and invalidates nothing.
    pub(super) async fn edit<T>(
        &self,
        is_preview: bool,
        work: impl AsyncFnOnce(&Tx) -> Result<T> + Clone,
    ) -> Result<T> {
        self.app
            .transaction()
            .authorize(&self.staff_action)
            .run(async move |tx| {
                lock_timetable(tx).await?;
                if is_preview {
                    return tx.run_part(true, work(tx)).await;
                }
                tx.invalidate([self.app.schedule()]);
                work(tx).await
            })
            .await
    }

    /// Records a change as a security event, in the transaction of the change.
    pub(super) async fn record(&self, tx: &Tx, detail: Value) -> Result<()> {
        self.record_as(tx, SecurityEventKind::TimetableChanged, detail)
            .await
    }

    /// Records a security event of this kind.
    pub(super) async fn record_as(
        &self,
        tx: &Tx,
        kind: SecurityEventKind,
        detail: Value,
    ) -> Result<()> {
        self.staff_action.record(tx, kind, None, detail).await
    }
}
