//! What staff do with other people's bookings.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::bookings::member;
use crate::bookings::member::reason;
use crate::error::{Error, Result};
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::models::booking::{self, Attendance, Cancellation, NewBooking, RosterEntry, Shown};
use crate::models::payment;
use crate::models::security_event::Kind;
use crate::runtime::config::StudioConfig;
use crate::session::{IdempotentTransaction, Tx};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// Whom staff book for, and what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateBookingForMember)]
pub struct OnBehalf {
    user_id: Uuid,
    scheduled_class_id: Uuid,
    /// Wait for a place when there is none.
    #[serde(default)]
    join_waitlist: bool,
}

/// What staff do with a booking.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateBooking)]
pub struct Change {
    booking_id: Uuid,
    action: Action,
    /// For `cancel`: at most 500 characters, which the member reads.
    #[schema(max_length = 500, examples("The studio is closed"))]
    reason: Option<String>,
    /// For `cancel`: not late, whatever the time, and so paid back.
    #[serde(default)]
    lenient: bool,
}

/// What can be done with a booking.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BookingAction)]
pub enum Action {
    /// They came.
    CheckIn,
    /// They did not come.
    NoShow,
    /// Takes either back.
    UndoAttendance,
    /// Gives the place up for them.
    Cancel,
    /// They paid at the desk.
    MarkPaid,
    /// Gives back what they paid: at the desk it is done with this, to a card
    /// it goes by itself.
    Refund,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::CheckIn => "check_in",
            Self::NoShow => "no_show",
            Self::UndoAttendance => "undo_attendance",
            Self::Cancel => "cancel",
            Self::MarkPaid => "mark_paid",
            Self::Refund => "refund",
        }
    }
}

/// Which roster is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Roster {
    /// The class.
    #[param(required, value_type = Uuid)]
    scheduled_class_id: Option<String>,
    /// True: cancelled bookings as well.
    #[param(value_type = Option<bool>)]
    cancelled: Option<String>,
}

/// A page of who comes to a class, in the order of booking.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::NotFound`]; [`Error::Unavailable`].
pub fn roster(app: &App, of: Roster, page: Page) -> BoxFuture<'_, Result<List<RosterEntry>>> {
    Box::pin(async move {
        let mut check = Form::default();
        let class = of.scheduled_class_id.unwrap_or_default();
        let class = check.check("scheduledClassId", query::id(&class));
        let cancelled = check.check_filled("cancelled", of.cancelled.as_deref(), query::boolean);
        check.finish()?;
        let (class, cancelled) = (class.unwrap_or_default(), cancelled == Some(true));
        let keys = app.config().encryption_keys.clone();
        let rows = app
            .db()
            .read(async move |client| booking::roster(client, &keys, class, cancelled, &page).await)
            .await?;
        Ok(List::new(rows, page, RosterEntry::place, |row| row))
    })
}

/// Books a place for a member. 201 and the booking.
///
/// # Errors
///
/// Those of [`booking::create`], but 404 for an unknown member, and those of
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn book_on_behalf<'a>(
    app: &'a App,
    caller: &Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    wish: &OnBehalf,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let new = NewBooking {
        user_id: wish.user_id,
        scheduled_class_id: wish.scheduled_class_id,
        join_waitlist: wish.join_waitlist,
    };
    let act = StaffAction::by_staff(staff, caller);
    Box::pin(async move {
        let desk = Desk::new(app, act?);
        let response = desk
            .transaction(key)
            .run(async |tx| {
                let created = booking::create(tx, new, desk.now, desk.studio).await;
                let booking = created.map_err(|error| match error {
                    Error::SessionGone => Error::NotFound,
                    other => other,
                })?;
                desk.record(tx, booking.user_id, booking.id, "book").await?;
                StoredResponse::created(&Shown::from(booking))
            })
            .await?;
        member::after_commit(app);
        Ok(response)
    })
}

/// Does with a booking what `change` says. 200 and the booking.
///
/// # Errors
///
/// [`Error::Invalid`] for the reason; as [`booking::cancel`],
/// [`booking::note_attendance`], [`payment::mark_paid_at_desk`],
/// [`payment::refund`], and
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn change<'a>(
    app: &'a App,
    caller: &Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    change: &Change,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let mut check = Form::default();
    let reason = check.check_filled("reason", change.reason.as_deref(), reason);
    let cancellation = check.finish().map(|()| Cancellation {
        booking_id: change.booking_id,
        owner: None,
        reason,
        lenient: change.lenient,
    });
    let (action, act) = (change.action, StaffAction::by_staff(staff, caller));
    Box::pin(async move {
        let cancellation = cancellation?;
        let desk = Desk::new(app, act?);
        let response = desk
            .transaction(key)
            .run(async |tx| {
                desk.run(tx, action, &cancellation).await?;
                let booking = booking::find(tx, cancellation.booking_id).await?;
                StoredResponse::ok(&Shown::from(booking))
            })
            .await?;
        member::after_commit(app);
        Ok(response)
    })
}

/// An action at the front desk.
struct Desk<'a> {
    app: &'a App,
    act: StaffAction,
    now: DateTime<Utc>,
    studio: &'a StudioConfig,
}

impl<'a> Desk<'a> {
    fn new(app: &'a App, act: StaffAction) -> Self {
        Self {
            app,
            act,
            now: app.clock().now(),
            studio: &app.config().studio,
        }
    }

    fn transaction(&self, key: Option<IdempotencyKey>) -> IdempotentTransaction<'_> {
        self.app
            .transaction()
            .authorize(&self.act)
            .invalidate([self.app.schedule()])
            .idempotent(self.act.actor_id(), key)
    }

    async fn run(&self, tx: &Tx, action: Action, about: &Cancellation) -> Result<()> {
        let (id, now) = (about.booking_id, self.now);
        let attendance = |attendance| booking::note_attendance(tx, id, attendance, now);
        let member = match action {
            Action::CheckIn => attendance(Attendance::Attended).await?,
            Action::NoShow => attendance(Attendance::NoShow).await?,
            Action::UndoAttendance => attendance(Attendance::Unknown).await?,
            Action::Cancel => booking::cancel(tx, about, now, self.studio).await?.user_id,
            Action::MarkPaid => payment::mark_paid_at_desk(tx, id, now).await?.user_id,
            Action::Refund => payment::refund(tx, id, now).await?.user_id,
        };
        self.record(tx, member, id, action.as_str()).await
    }

    async fn record(&self, tx: &Tx, member: Uuid, booking_id: Uuid, action: &str) -> Result<()> {
        let detail = json!({ "bookingId": booking_id, "action": action });
        let kind = Kind::BookingChanged;
        self.act.record(tx, kind, Some(member), detail).await
    }
}
