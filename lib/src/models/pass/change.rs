//! Changes of passes.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::models::user::optional_full_name;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// A change of a pass.
#[derive(Clone, Copy, Debug)]
pub enum PassChange {
    /// The pass no longer pays. Upcoming bookings with it stay and are unpaid, unless the member
    /// is checked in.
    Revoke,
    /// A revoked pass pays again.
    Restore,
    /// Adds credits, or takes unused ones away.
    AddCredits(i32),
    /// Adds days, or takes added ones away.
    AddDays(i32),
    /// The pass does not pay between these days, both included, and ends as many days later.
    Freeze(NaiveDate, NaiveDate),
    /// Ends the freeze today, and takes back the days that are left of it.
    Unfreeze,
}

impl PassChange {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(match row.try_get("change")? {
            "revoke" => Self::Revoke,
            "restore" => Self::Restore,
            "add_credits" => Self::AddCredits(row.try_get("number")?),
            "add_days" => Self::AddDays(row.try_get("number")?),
            "freeze" => Self::Freeze(row.try_get("first_day")?, row.try_get("last_day")?),
            "unfreeze" => Self::Unfreeze,
            _ => return Err(Error::internal("unknown change of a pass")),
        })
    }

    /// Returns the name in the table and in the security log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Restore => "restore",
            Self::AddCredits(_) => "add_credits",
            Self::AddDays(_) => "add_days",
            Self::Freeze(..) => "freeze",
            Self::Unfreeze => "unfreeze",
        }
    }

    /// Returns the number of credits or days.
    pub fn number(self) -> Option<i32> {
        match self {
            Self::AddCredits(number) | Self::AddDays(number) => Some(number),
            _ => None,
        }
    }

    /// Returns the first and the last day of a freeze.
    pub fn days(self) -> Option<(NaiveDate, NaiveDate)> {
        match self {
            Self::Freeze(from, to) => Some((from, to)),
            _ => None,
        }
    }
}

static LOCK_CLASSES: Statement = Statement::new(
    "pass.lock_classes",
    "select c.id from scheduled_classes c
    where c.id in (
        select b.scheduled_class_id from bookings b
        where b.pass_id = any($1) and (b.uses_credit or b.status <> 'cancelled'))
      and c.start_time > $2
    order by c.id for no key update",
);

static LOCK: Statement = Statement::new(
    "pass.lock",
    "select id, status, credits from passes where id = any($1) order by id for no key update",
);

/// A pass that is locked to be changed.
pub(super) struct LockedPass {
    pub(super) id: Uuid,
    is_live: bool,
    is_limited: bool,
}

impl LockedPass {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            is_live: row.try_get::<_, &str>("status")? == "live",
            is_limited: row.try_get::<_, Option<i32>>("credits")?.is_some(),
        })
    }

    /// Rejects a change that does not fit the status or the kind of the pass.
    fn check(&self, change: PassChange) -> Result<()> {
        match change {
            PassChange::Restore if self.is_live => Err(NOT_REVOKED),
            PassChange::Restore => Ok(()),
            _ if !self.is_live => Err(REVOKED),
            PassChange::AddCredits(_) if !self.is_limited => Err(UNLIMITED),
            _ => Ok(()),
        }
    }
}

/// Locks the upcoming classes that were booked with passes that are to be changed.
pub(super) async fn lock_classes(
    client: &Client,
    ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<()> {
    LOCK_CLASSES.all(client, &[ids, &now]).await.map(|_| ())
}

/// Locks passes that are to be changed, after the upcoming classes that were booked with them.
/// Returns those that exist.
pub(super) async fn lock(
    client: &Client,
    ids: Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<LockedPass>> {
    lock_classes(client, &ids, now).await?;
    let rows = LOCK.all(client, &[&ids]).await?;
    rows.iter().map(LockedPass::from_row).collect()
}

static SET_STATUS: Statement = Statement::new(
    "pass.set_status",
    "update passes set status = $2 where id = $1",
);

static RELEASE_BOOKINGS: Statement = Statement::new(
    "pass.release_bookings",
    "update bookings b set price = b.price_without_pass, pass_id = null, uses_credit = null,
        pass_day = null, price_without_pass = null
    from scheduled_classes c
    where c.id = b.scheduled_class_id and b.pass_id = $1 and c.start_time > $2
      and b.status in ('booked', 'waitlisted')",
);

static ADD_CREDITS: Statement = Statement::new(
    "pass.add_credits",
    "update passes set credits = credits + $2 where id = $1",
);

static ADD_DAYS: Statement = Statement::new(
    "pass.add_days",
    "update passes set extra_days = extra_days + $2 where id = $1",
);

// A freeze that is over stays in the last day. Nothing is booked in the freeze, and it begins
// while the pass is good.
static FREEZE: Statement = Statement::new(
    "pass.freeze",
    "update passes p set frozen_from = $2, frozen_to = $3, extra_days = extra_days + ($3 - $2 + 1)
    where p.id = $1 and (p.frozen_to is null or p.frozen_to < $4)
      and $2 between p.first_day and p.last_day
      and not exists (
        select from bookings b where b.pass_id = p.id and b.uses_credit
          and b.pass_day between $2 and $3)
    returning p.id",
);

// The days of the freeze that are over stay added.
static UNFREEZE: Statement = Statement::new(
    "pass.unfreeze",
    "update passes p set
        extra_days = extra_days - (frozen_to - greatest(frozen_from, $2) + 1),
        frozen_to = case when frozen_from < $2 then $2 - 1 end,
        frozen_from = case when frozen_from < $2 then frozen_from end
    where p.id = $1 and p.frozen_to >= $2
    returning p.id",
);

static FIND_LATE_BOOKING: Statement = Statement::new(
    "pass.find_late_booking",
    "select exists (
        select from passes p join bookings b on b.pass_id = p.id
        where p.id = $1 and b.uses_credit and b.pass_day > p.last_day) as ends_before",
);

static INSERT_CHANGE: Statement = Statement::new(
    "pass.insert_change",
    "insert into pass_changes (id, pass_id, change, number, first_day, last_day, reason, by)
    values ($1, $2, $3, $4, $5, $6, $7, $8)",
);

/// A change of passes to record.
#[derive(Clone, Debug)]
pub struct NewPassChange {
    /// The change.
    pub change: PassChange,
    /// Why. Not empty.
    pub reason: String,
    /// The id of the member of staff. `None` if the change is automatic.
    pub staff_id: Option<Uuid>,
}

/// A change of a pass that was recorded.
#[derive(Clone, Debug)]
pub struct RecordedPassChange {
    /// The id.
    pub id: Uuid,
    /// The change.
    pub change: PassChange,
    /// Why.
    pub reason: String,
    /// The name of the member of staff. `None` if the change was automatic.
    pub staff_name: Option<String>,
    /// When the pass was changed.
    pub created_at: DateTime<Utc>,
}

impl RecordedPassChange {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            change: PassChange::from_row(row)?,
            reason: row.try_get("reason")?,
            staff_name: optional_full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the change's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = Statement::new(
    "pass.list_changes",
    "select c.id, c.change, c.number, c.first_day, c.last_day, c.reason, c.created_at,
        u.first_name, u.last_name
    from pass_changes c left join users u on u.id = c.by
    where c.pass_id = $1 and ($2::timestamptz is null or (c.created_at, c.id) < ($2, $3))
    order by c.created_at desc, c.id desc limit $4",
);

/// Lists a page of the changes of a pass, newest first.
pub async fn list_changes(
    client: &Client,
    pass_id: Uuid,
    page: &Page,
) -> Result<Vec<RecordedPassChange>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&pass_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(RecordedPassChange::from_row).collect()
}

/// Changes passes, in this order, and records who did it and why. `today` is the studio's date.
/// Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `pass_not_changeable` when a pass does not allow the change. The
/// message says why.
pub async fn change(
    client: &Client,
    ids: &[Uuid],
    new: &NewPassChange,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<()> {
    let passes = lock(client, ids.to_vec(), now).await?;
    for id in ids {
        let pass = passes.iter().find(|pass| pass.id == *id);
        let change = new.change;
        pass.ok_or(Error::NotFound)?.check(change)?;
        apply(client, *id, change, now, today).await?;
        insert_change(client, *id, new).await?;
    }
    Ok(())
}

/// Records a change of a pass.
pub(super) async fn insert_change(client: &Client, id: Uuid, new: &NewPassChange) -> Result<()> {
    let (first_day, last_day) = new.change.days().unzip();
    INSERT_CHANGE
        .execute(
            client,
            &[
                &random::id(),
                &id,
                &new.change.as_str(),
                &new.change.number(),
                &first_day,
                &last_day,
                &new.reason,
                &new.staff_id,
            ],
        )
        .await
}

/// Revokes a locked pass. Its upcoming bookings stay, and are unpaid.
pub(super) async fn revoke(client: &Client, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    SET_STATUS.execute(client, &[&id, &"revoked"]).await?;
    RELEASE_BOOKINGS.execute(client, &[&id, &now]).await
}

/// Makes a revoked pass pay again.
pub(super) async fn restore(client: &Client, id: Uuid) -> Result<()> {
    SET_STATUS.execute(client, &[&id, &"live"]).await
}

/// Makes a change that fits the status of a locked pass.
async fn apply(
    client: &Client,
    id: Uuid,
    change: PassChange,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<()> {
    match change {
        PassChange::Revoke => revoke(client, id, now).await,
        PassChange::Restore => restore(client, id).await,
        PassChange::AddCredits(number) => {
            let added = ADD_CREDITS.execute(client, &[&id, &number]).await;
            let added = added.on_constraint("passes_credits", TOO_FEW_CREDITS);
            added.on_constraint("passes_credits_positive", TOO_FEW_CREDITS)
        }
        PassChange::AddDays(number) => {
            let added = ADD_DAYS.execute(client, &[&id, &number]).await;
            added.on_constraint("passes_extra_days", TOO_FEW_DAYS)?;
            check_last_day(client, id).await
        }
        PassChange::Freeze(from, to) => {
            let frozen = FREEZE.opt(client, &[&id, &from, &to, &today]).await?;
            frozen.map(|_| ()).ok_or(NOT_FREEZABLE)
        }
        PassChange::Unfreeze => {
            let row = UNFREEZE.opt(client, &[&id, &today]).await;
            let row = row.on_constraint("passes_extra_days", TOO_FEW_DAYS)?;
            row.ok_or(NOT_FROZEN)?;
            check_last_day(client, id).await
        }
    }
}

/// Rejects a change after which a class is booked after the last day of the pass.
async fn check_last_day(client: &Client, id: Uuid) -> Result<()> {
    let row = FIND_LATE_BOOKING.one(client, &[&id]).await?;
    match row.try_get("ends_before")? {
        true => Err(ENDS_BEFORE_BOOKING),
        false => Ok(()),
    }
}

/// Returns the error for a change that a pass does not allow.
const fn not_changeable(message: &'static str) -> Error {
    Error::Conflict {
        code: ErrorCode::PassNotChangeable,
        message,
    }
}

const REVOKED: Error = not_changeable("The pass is revoked");

const NOT_REVOKED: Error = not_changeable("The pass is not revoked");

const UNLIMITED: Error = not_changeable("The pass is unlimited, so it has no credits to change");

const TOO_FEW_CREDITS: Error =
    not_changeable("The pass does not have so many unused credits; one credit must remain on it");

const TOO_FEW_DAYS: Error = not_changeable("Only days that were added can be taken away");

const ENDS_BEFORE_BOOKING: Error =
    not_changeable("A class is booked with the pass after its new last day");

const NOT_FREEZABLE: Error = not_changeable(
    "A freeze must begin on a day of the pass; no class can be booked with the pass in it, and \
     another freeze must have ended",
);

const NOT_FROZEN: Error = not_changeable("The pass is not frozen, now or later");
