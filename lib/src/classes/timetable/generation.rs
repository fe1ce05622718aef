//! Generating the classes of the next weeks, by the hourly clean-up.

use chrono::TimeDelta;

use crate::App;
use crate::error::Result;
use crate::models::occurrence::change::lock_timetable;
use crate::models::weekly_class::{self, Generated};
use crate::values::time_zone::TimeZone;

/// Generates the classes of all weekly classes for the next `SCHEDULE_AHEAD_WEEKS`, so
/// that the timetable does not run out. Existing classes do not change.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub async fn generate_ahead(app: &App) -> Result<Generated> {
    let studio = &app.config().studio;
    let (zone, now) = (TimeZone::of_studio(studio)?, app.clock().now());
    let today = zone.date(now);
    let until = today + TimeDelta::weeks(studio.schedule_ahead_weeks);
    app.transaction()
        .run(async |tx| {
            lock_timetable(tx).await?;
            let generated = weekly_class::generate(tx, &zone, today, until, now).await?;
            if generated.created > 0 {
                tx.invalidate([app.schedule()]);
            }
            Ok(generated)
        })
        .await
}
