//! Account credit: money that the studio keeps for a member. It is not the credits of a pass, which
//! are classes.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OWN_PURCHASE;
use crate::admin::staff_action::StaffAction;
use crate::bookings::changes::reason;
use crate::error::Result;
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::models::security_event::SecurityEventKind;
use crate::models::wallet::{self, Credit, CreditChange, CreditEntry, CreditEntryKind};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::currency::format_amount;
use crate::values::form::Form;
use crate::values::money::{Amount, Money};
use crate::{App, BoxFuture};

/// The credit of a member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Credit)]
pub struct CreditView {
    /// The money that is left.
    balance: Amount,
    /// What the credit pays in orders that are not paid yet. It is not part of the balance.
    held: Amount,
    /// ISO 4217 code.
    currency: String,
}

impl CreditView {
    fn new(credit: Credit, currency: &str) -> Self {
        Self {
            balance: credit.balance.in_currency(currency),
            held: credit.held.in_currency(currency),
            currency: currency.to_owned(),
        }
    }
}

/// A change of a member's credit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CreditEntry)]
pub struct CreditEntryView {
    id: Uuid,
    /// The amount of the change. Negative for a deduction.
    #[schema(examples("-12.50"))]
    change: String,
    kind: CreditEntryKind,
    /// Why staff have changed the credit. Null for other kinds.
    reason: Option<String>,
    /// The order that was paid or refunded. Null if there is none.
    order_id: Option<Uuid>,
    /// The names of the products, or the title of the class. Null if there are none.
    title: Option<String>,
    created_at: DateTime<Utc>,
}

impl CreditEntryView {
    fn new(entry: CreditEntry, currency: &str) -> Self {
        Self {
            id: entry.id,
            change: format_amount(entry.change, currency),
            kind: entry.kind,
            reason: entry.reason,
            order_id: entry.order_id,
            title: entry.title,
            created_at: entry.created_at,
        }
    }
}

/// A change of a member's credit, as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffCreditEntry)]
pub struct StaffCreditEntryView {
    #[serde(flatten)]
    entry: CreditEntryView,
    /// The name of the member of staff. Null if the change was automatic.
    changed_by: Option<String>,
}

/// The credit of a member and its changes, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MemberCredit)]
pub struct MemberCreditView {
    #[serde(flatten)]
    credit: CreditView,
    /// One page of the changes.
    items: Vec<CreditEntryView>,
    /// The `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
}

/// The credit of a member and its changes, newest first, as staff see them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffCredit)]
pub struct StaffCreditView {
    #[serde(flatten)]
    credit: CreditView,
    /// One page of the changes.
    items: Vec<StaffCreditEntryView>,
    /// The `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
}

/// The member whose credit is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct CreditQuery {
    /// The id of the member.
    #[param(required, value_type = Uuid)]
    member_id: Option<String>,
}

/// Reads a member's credit, with a page of its changes.
async fn read_credit(
    app: &App,
    user_id: Uuid,
    page: &Page,
) -> Result<(CreditView, Vec<CreditEntry>)> {
    let (credit, entries) = app
        .db()
        .read(async move |client| {
            let credit = wallet::find_credit(client, user_id).await?;
            let entries = wallet::list_credit_entries(client, user_id, page).await?;
            Ok((credit, entries))
        })
        .await?;
    Ok((
        CreditView::new(credit, &app.config().studio.currency),
        entries,
    ))
}

/// Returns the member's own credit, with a page of its changes.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub fn find(app: &App, user_id: Uuid, page: Page) -> BoxFuture<'_, Result<MemberCreditView>> {
    Box::pin(async move {
        let (credit, entries) = read_credit(app, user_id, &page).await?;
        let currency = &app.config().studio.currency;
        let view = |entry| CreditEntryView::new(entry, currency);
        let List { items, next_cursor } = List::new(entries, page, CreditEntry::position, view);
        Ok(MemberCreditView {
            credit,
            items,
            next_cursor,
        })
    })
}

/// Returns the credit of any member, with a page of its changes, for staff.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID.
pub fn find_of_member(
    app: &App,
    query: CreditQuery,
    page: Page,
) -> BoxFuture<'_, Result<StaffCreditView>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.member_id.unwrap_or_default();
        let id = form.check("memberId", query::id(&id));
        form.finish()?;
        let (credit, entries) = read_credit(app, id.unwrap_or_default(), &page).await?;
        let currency = &app.config().studio.currency;
        let view = |mut entry: CreditEntry| StaffCreditEntryView {
            changed_by: entry.staff_name.take(),
            entry: CreditEntryView::new(entry, currency),
        };
        let List { items, next_cursor } = List::new(entries, page, CreditEntry::position, view);
        Ok(StaffCreditView {
            credit,
            items,
            next_cursor,
        })
    })
}

/// A change of a member's credit by staff.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeCredit {
    /// The member's id.
    user_id: Uuid,
    /// The default is `add`.
    #[serde(default)]
    action: CreditAction,
    /// The amount. More than 0.
    amount: Money,
    /// Why. The member sees it.
    #[schema(min_length = 1, max_length = 500, examples("The class was too short"))]
    reason: String,
}

/// What staff do with the credit of a member.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum CreditAction {
    /// Adds to the credit.
    #[default]
    Add,
    /// Deducts from the credit.
    Deduct,
}

impl ChangeCredit {
    fn parse(&self, currency: &str, staff_id: Uuid) -> Result<CreditChange> {
        let mut form = Form::default();
        let amount = form.check("amount", self.amount.check_currency(currency));
        if self.amount.is_zero() {
            form.add_problem("amount", "must be more than 0");
        }
        let reason = form.check("reason", reason(&self.reason));
        if reason.as_ref().is_some_and(String::is_empty) {
            form.add_problem("reason", "must not be empty");
        }
        form.finish()?;
        let amount: Decimal = amount.unwrap_or_default().as_column();
        Ok(CreditChange {
            user_id: self.user_id,
            change: match self.action {
                CreditAction::Add => amount,
                CreditAction::Deduct => -amount,
            },
            reason: reason.unwrap_or_default(),
            staff_id,
        })
    }
}

/// Adds to the credit of another member, or deducts from it. Responds with 201 and the credit.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid); 403 `own_purchase`; those of [`wallet::change_credit`].
pub fn change<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: &'a ChangeCredit,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let (staff_id, user_id) = (staff_action.actor_id(), form.user_id);
        let currency = &app.config().studio.currency;
        let change = form.parse(currency, staff_id)?;
        if user_id == staff_id {
            return Err(OWN_PURCHASE);
        }
        let transaction = app.transaction().authorize(&staff_action);
        transaction
            .idempotent(staff_id, key)
            .run(async |tx| {
                wallet::change_credit(tx, &change, currency).await?;
                let amount = form.amount.in_currency(currency);
                let detail = json!({ "action": form.action, "amount": amount });
                let kind = SecurityEventKind::CreditChanged;
                staff_action.record(tx, kind, Some(user_id), detail).await?;
                let credit = wallet::find_credit(tx, user_id).await?;
                StoredResponse::created(&CreditView::new(credit, currency))
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
        let max_length = bound::<ChangeCredit>("reason", "maxLength");
        assert_eq!(max_length, REASON_MAX as i64);
    }
}
