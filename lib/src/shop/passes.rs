//! The passes of members, and changes to them by staff.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OWN_PURCHASE;
use super::pass_view::PassView;
use crate::admin::staff_action::StaffAction;
use crate::bookings::changes::reason;
use crate::error::Result;
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::models::pass::{self, NewPassChange, Pass, PassChange, RecordedPassChange};
use crate::models::security_event::SecurityEventKind;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::{self, Form, Problem};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The maximum number of credits or days of one change.
const NUMBER_MAX: i32 = 1_000;

/// The maximum number of days from the first to the last day of a freeze.
const FREEZE_MAX: i64 = 365;

/// The member whose passes are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PassesQuery {
    /// The id of the member.
    #[param(required, value_type = Uuid)]
    member_id: Option<String>,
}

/// Lists a page of a member's passes, newest first.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub fn list(app: &App, user_id: Uuid, page: Page) -> BoxFuture<'_, Result<List<PassView>>> {
    Box::pin(async move {
        let today = TimeZone::of_studio(&app.config().studio)?.date(app.clock().now());
        let rows = app
            .db()
            .read(async move |client| pass::list(client, user_id, &page).await)
            .await?;
        Ok(List::new(rows, page, Pass::position, |pass| {
            PassView::new(pass, today)
        }))
    })
}

/// Lists a page of the passes of any member, for staff.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID.
pub fn list_of_member(
    app: &App,
    query: PassesQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<PassView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.member_id.unwrap_or_default();
        let id = form.check("memberId", query::id(&id));
        form.finish()?;
        list(app, id.unwrap_or_default(), page).await
    })
}

/// The pass whose changes are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PassChangesQuery {
    /// The id of the pass.
    #[param(required, value_type = Uuid)]
    pass_id: Option<String>,
}

/// A change of a pass that was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PassChange)]
pub struct PassChangeView {
    id: Uuid,
    action: PassAction,
    /// The number of credits or days that were added. Negative if they were taken away. Null for
    /// other actions.
    number: Option<i32>,
    /// The first day of a freeze. Null for other actions.
    from: Option<NaiveDate>,
    /// The last day of a freeze. Null for other actions.
    to: Option<NaiveDate>,
    #[schema(examples("Was ill for two weeks"))]
    reason: String,
    /// The name of the member of staff. Null if the change was automatic: a class that was booked
    /// with the pass was cancelled, or the payment of the pass is or was disputed.
    changed_by: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<RecordedPassChange> for PassChangeView {
    fn from(recorded: RecordedPassChange) -> Self {
        let (from, to) = recorded.change.days().unzip();
        Self {
            id: recorded.id,
            action: recorded.change.into(),
            number: recorded.change.number(),
            from,
            to,
            reason: recorded.reason,
            changed_by: recorded.staff_name,
            created_at: recorded.created_at,
        }
    }
}

/// Lists a page of the changes of a pass, newest first, for staff.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID.
pub fn list_changes(
    app: &App,
    query: PassChangesQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<PassChangeView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.pass_id.unwrap_or_default();
        let id = form.check("passId", query::id(&id));
        form.finish()?;
        let id = id.unwrap_or_default();
        let rows = app
            .db()
            .read(async move |client| pass::list_changes(client, id, &page).await)
            .await?;
        let position = RecordedPassChange::position;
        Ok(List::new(rows, page, position, PassChangeView::from))
    })
}

/// A change of a pass.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePass {
    pass_id: Uuid,
    action: PassAction,
    /// For `addCredits`: the number of credits. A negative number takes credits away that are
    /// not used. For `addDays`: the number of days. A negative number takes added days away.
    #[schema(minimum = -1_000, maximum = 1_000)]
    number: Option<i32>,
    /// For `freeze`: the first day.
    from: Option<NaiveDate>,
    /// For `freeze`: the last day, at most 365 days later.
    to: Option<NaiveDate>,
    /// Why, for the list of changes.
    #[schema(min_length = 1, max_length = 500, examples("Was ill for two weeks"))]
    reason: String,
}

/// An action of staff on a pass.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum PassAction {
    /// The pass no longer pays. Upcoming bookings with it stay and are unpaid, unless the member
    /// is checked in. Past bookings do not change.
    Revoke,
    /// A revoked pass pays again.
    Restore,
    /// Adds credits, or takes unused ones away.
    AddCredits,
    /// Adds days, or takes added ones away.
    AddDays,
    /// The pass does not pay on some days, and ends as many days later.
    Freeze,
    /// Ends the freeze today, and takes back the days that are left of it.
    Unfreeze,
}

impl From<PassChange> for PassAction {
    fn from(change: PassChange) -> Self {
        match change {
            PassChange::Revoke => Self::Revoke,
            PassChange::Restore => Self::Restore,
            PassChange::AddCredits(_) => Self::AddCredits,
            PassChange::AddDays(_) => Self::AddDays,
            PassChange::Freeze(..) => Self::Freeze,
            PassChange::Unfreeze => Self::Unfreeze,
        }
    }
}

impl UpdatePass {
    fn parse(&self, staff_id: Uuid) -> Result<NewPassChange> {
        let mut form = Form::default();
        let reason = form.check("reason", required_reason(&self.reason));
        let change = match self.action {
            PassAction::Revoke => PassChange::Revoke,
            PassAction::Restore => PassChange::Restore,
            PassAction::AddCredits => PassChange::AddCredits(self.parse_number(&mut form)),
            PassAction::AddDays => PassChange::AddDays(self.parse_number(&mut form)),
            PassAction::Freeze => self.parse_freeze(&mut form),
            PassAction::Unfreeze => PassChange::Unfreeze,
        };
        let has_number = matches!(change, PassChange::AddCredits(_) | PassChange::AddDays(_));
        if self.number.is_some() && !has_number {
            form.add_problem("number", "can only be set to add credits or days");
        }
        for (name, day) in [("from", self.from), ("to", self.to)] {
            if day.is_some() && self.action != PassAction::Freeze {
                form.add_problem(name, "can only be set to freeze a pass");
            }
        }
        form.finish()?;
        Ok(NewPassChange {
            change,
            reason: reason.unwrap_or_default(),
            staff_id: Some(staff_id),
        })
    }

    fn parse_number(&self, form: &mut Form) -> i32 {
        let number = self.number.unwrap_or_default();
        if number == 0 {
            form.add_problem(
                "number",
                "is required to add credits or days, and must not be 0",
            );
        }
        let number = form.check("number", form::between(number, -NUMBER_MAX, NUMBER_MAX));
        number.unwrap_or_default()
    }

    fn parse_freeze(&self, form: &mut Form) -> PassChange {
        for (name, day) in [("from", self.from), ("to", self.to)] {
            if day.is_none() {
                form.add_problem(name, "is required to freeze a pass");
            }
        }
        let (from, to) = (self.from.unwrap_or_default(), self.to.unwrap_or_default());
        if self.from.is_some() && self.to.is_some() {
            if to < from {
                form.add_problem("to", "must not be before from");
            } else if (to - from).num_days() > FREEZE_MAX {
                form.add_problem("to", "must be at most 365 days after from");
            }
        }
        PassChange::Freeze(from, to)
    }
}

fn required_reason(text: &str) -> Result<String, Problem> {
    match reason(text)? {
        empty if empty.is_empty() => Err("must not be empty".to_owned()),
        text => Ok(text),
    }
}

/// Changes a pass of another member. Responds with 200 and the pass.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid); 403 `own_purchase`; those of [`pass::change`] and
/// [`IdempotentTransaction::run`](crate::session::IdempotentTransaction::run).
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: &'a UpdatePass,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let staff_id = staff_action.actor_id();
        let new_change = form.parse(staff_id)?;
        let (id, now) = (form.pass_id, app.clock().now());
        let today = TimeZone::of_studio(&app.config().studio)?.date(now);
        let transaction = app.transaction().authorize(&staff_action);
        let transaction = transaction.idempotent(staff_id, key);
        transaction
            .run(async |tx| {
                let user_id = pass::find(tx, id).await?.user_id;
                if user_id == staff_id {
                    return Err(OWN_PURCHASE);
                }
                pass::change(tx, &[id], &new_change, now, today).await?;
                let detail = json!({ "passId": id, "action": new_change.change.as_str() });
                let kind = SecurityEventKind::PassChanged;
                staff_action.record(tx, kind, Some(user_id), detail).await?;
                let pass = pass::find(tx, id).await?;
                StoredResponse::ok(&PassView::new(pass, today))
            })
            .await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::changes::REASON_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        assert_eq!(
            bound::<UpdatePass>("reason", "maxLength"),
            REASON_MAX as i64
        );
        assert_eq!(
            bound::<UpdatePass>("number", "maximum"),
            i64::from(NUMBER_MAX)
        );
    }
}
