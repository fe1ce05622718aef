//! Listing, creating, changing and ending promo codes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::maintenance::edit;
use crate::classes::catalog::maintenance::ActiveQuery;
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::product::ProductKind;
use crate::models::promo_code::{self, NewPromoCode, PromoCode, PromoCodeChanges, Reduction};
use crate::models::security_event::SecurityEventKind;
use crate::runtime::config::StudioConfig;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::{self, Form, Problem};
use crate::values::money::{Amount, Money};
use crate::{App, BoxFuture};

/// The minimum length of a code, in characters.
const CODE_MIN: usize = 3;

/// The maximum length of a code, in characters.
const CODE_MAX: usize = 30;

/// The maximum number of uses.
const USES_MAX: i32 = 1_000_000;

/// A promo code.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PromoCode)]
pub struct PromoCodeView {
    id: Uuid,
    #[schema(examples("SUMMER10"))]
    code: String,
    /// The part of the price that is taken off. Null if an amount is taken off.
    percent: Option<i32>,
    /// The amount that is taken off an order once. Null if a part of the price is taken off.
    amount: Option<Amount>,
    /// ISO 4217 code.
    currency: String,
    /// The first day, by the studio's calendar. Null: it is good already.
    first_day: Option<NaiveDate>,
    /// The last day, by the studio's calendar. Null: it has no end.
    last_day: Option<NaiveDate>,
    /// The kinds of products for which it is good.
    applies_to: Vec<ProductKind>,
    /// How many orders can use it. Null if there is no limit.
    max_uses: Option<i32>,
    /// How many orders of a member can use it. Null if there is no limit.
    per_member: Option<i32>,
    /// How many orders use it. Cancelled orders do not count.
    uses: i32,
    /// False if staff have ended it.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl PromoCodeView {
    fn new(code: PromoCode, currency: &str) -> Self {
        let (percent, amount) = match code.reduction {
            Reduction::Percent(percent) => (Some(percent), None),
            Reduction::Amount(amount) => (None, Some(amount.in_currency(currency))),
        };
        Self {
            id: code.id,
            code: code.code,
            percent,
            amount,
            currency: currency.to_owned(),
            first_day: code.first_day,
            last_day: code.last_day,
            applies_to: code.applies_to,
            max_uses: code.max_uses,
            per_member: code.per_member,
            uses: code.uses,
            is_active: code.is_active,
            created_at: code.created_at,
            updated_at: code.updated_at,
        }
    }
}

/// A promo code to create. It has either `percent` or `amount`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePromoCode {
    /// Letters, digits and hyphens. It is stored in upper case.
    #[schema(min_length = 3, max_length = 30, examples("SUMMER10"))]
    code: String,
    /// The kinds of products for which it is good: `pass`, `course`, or both. The default is `pass`.
    #[schema(min_items = 1, max_items = 2)]
    applies_to: Option<Vec<ProductKind>>,
    /// The part of the price that is taken off.
    #[schema(minimum = 1, maximum = 100, examples(10))]
    percent: Option<i32>,
    /// The amount that is taken off an order once. More than 0.
    amount: Option<Money>,
    /// The first day, by the studio's calendar. Null: it is good at once.
    first_day: Option<NaiveDate>,
    /// The last day, by the studio's calendar. Null: it has no end.
    last_day: Option<NaiveDate>,
    /// How many orders can use it. Null: any number.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_uses: Option<i32>,
    /// How many orders of a member can use it. Null: any number.
    #[schema(minimum = 1, maximum = 1_000_000)]
    per_member: Option<i32>,
}

impl CreatePromoCode {
    fn parse(self, studio: &StudioConfig) -> Result<NewPromoCode> {
        let mut form = Form::default();
        let reduction = check_reduction(&mut form, self.percent, self.amount, studio);
        if self.percent.is_none() && self.amount.is_none() {
            form.add_problem("percent", "is required without an amount");
        }
        let new_code = NewPromoCode {
            code: form.check("code", code(&self.code)).unwrap_or_default(),
            applies_to: form
                .check_given("appliesTo", self.applies_to, applies_to)
                .unwrap_or_else(|| vec![ProductKind::Pass]),
            reduction: reduction.unwrap_or(Reduction::Percent(1)),
            first_day: self.first_day,
            last_day: self.last_day,
            max_uses: form.check_given("maxUses", self.max_uses, uses),
            per_member: form.check_given("perMember", self.per_member, uses),
        };
        form.finish()?;
        Ok(new_code)
    }
}

/// The changes to a promo code. Fields that are left out keep their values. Orders that were made
/// keep their prices. `percent` replaces an amount, and `amount` replaces a part of the price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePromoCode {
    id: Uuid,
    /// Letters, digits and hyphens. It is stored in upper case.
    #[schema(min_length = 3, max_length = 30, examples("SUMMER10"))]
    code: Option<String>,
    /// The kinds of products for which it is good: `pass`, `course`, or both.
    #[schema(min_items = 1, max_items = 2)]
    applies_to: Option<Vec<ProductKind>>,
    /// The part of the price that is taken off.
    #[schema(minimum = 1, maximum = 100)]
    percent: Option<i32>,
    /// The amount that is taken off an order once. More than 0.
    amount: Option<Money>,
    /// The first day, by the studio's calendar. Null: it is good at once.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NaiveDate>)]
    first_day: Option<Option<NaiveDate>>,
    /// The last day, by the studio's calendar. Null: it has no end.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NaiveDate>)]
    last_day: Option<Option<NaiveDate>>,
    /// How many orders can use it. Null: any number.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 1_000_000)]
    max_uses: Option<Option<i32>>,
    /// How many orders of a member can use it. Null: any number.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 1_000_000)]
    per_member: Option<Option<i32>>,
    /// False ends the code, true makes it good again.
    is_active: Option<bool>,
}

impl UpdatePromoCode {
    fn parse(self, studio: &StudioConfig) -> Result<PromoCodeChanges> {
        let mut form = Form::default();
        let changes = PromoCodeChanges {
            reduction: check_reduction(&mut form, self.percent, self.amount, studio),
            code: form.check_given("code", self.code.as_deref(), code),
            applies_to: form.check_given("appliesTo", self.applies_to, applies_to),
            first_day: self.first_day,
            last_day: self.last_day,
            max_uses: self
                .max_uses
                .map(|number| form.check_given("maxUses", number, uses)),
            per_member: self
                .per_member
                .map(|number| form.check_given("perMember", number, uses)),
            is_active: self.is_active,
        };
        form.finish()?;
        Ok(changes)
    }
}

/// Checks the kinds of products for which a code is good.
fn applies_to(mut kinds: Vec<ProductKind>) -> Result<Vec<ProductKind>, Problem> {
    kinds.sort_by_key(|kind| *kind as u8);
    kinds.dedup();
    let is_possible = |kind: &ProductKind| matches!(kind, ProductKind::Pass | ProductKind::Course);
    match !kinds.is_empty() && kinds.iter().all(is_possible) {
        true => Ok(kinds),
        false => Err("must be pass, course, or both".to_owned()),
    }
}

/// Checks the percentage or the amount. Returns `None` if neither is given.
fn check_reduction(
    form: &mut Form,
    percent: Option<i32>,
    amount: Option<Money>,
    studio: &StudioConfig,
) -> Option<Reduction> {
    if percent.is_some() && amount.is_some() {
        form.add_problem("percent", "must not be given together with an amount");
    }
    if amount.is_some_and(Money::is_zero) {
        form.add_problem("amount", "must be more than 0");
    }
    let percent = form.check_given("percent", percent, |number| form::between(number, 1, 100));
    let amount = form.check_given("amount", amount, |amount| {
        amount.check_currency(&studio.currency)
    });
    let percent = percent.map(Reduction::Percent);
    percent.or(amount.map(Reduction::Amount))
}

fn code(text: &str) -> Result<String, Problem> {
    let code = text.trim().to_uppercase();
    let is_allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    if !code.chars().all(is_allowed) || !(CODE_MIN..=CODE_MAX).contains(&code.len()) {
        return Err(format!(
            "must consist of {CODE_MIN} to {CODE_MAX} letters, digits and hyphens, such as SUMMER10"
        ));
    }
    Ok(code)
}

fn uses(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, USES_MAX)
}

/// Lists a page of promo codes, newest first. By default, ended ones are included.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list(
    app: &App,
    query: ActiveQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<PromoCodeView>>> {
    Box::pin(async move {
        let is_active = query.parse()?;
        let rows = app
            .db()
            .read(async move |client| promo_code::list(client, is_active, &page).await)
            .await?;
        let currency = &app.config().studio.currency;
        Ok(List::new(rows, page, PromoCode::position, |row| {
            PromoCodeView::new(row, currency)
        }))
    })
}

/// Creates a promo code.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid); those of [`promo_code::insert`].
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreatePromoCode,
) -> BoxFuture<'a, Result<PromoCodeView>> {
    Box::pin(async move {
        let new_code = form.parse(&app.config().studio)?;
        let event = (SecurityEventKind::PromoCodeChanged, "create");
        let edited = edit(
            app,
            caller,
            staff,
            event,
            |row: &PromoCode| row.id,
            async |tx| promo_code::insert(tx, &new_code).await,
        );
        let currency = &app.config().studio.currency;
        Ok(PromoCodeView::new(edited.await?, currency))
    })
}

/// Changes or ends a promo code.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid); those of [`promo_code::update`].
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdatePromoCode,
) -> BoxFuture<'a, Result<PromoCodeView>> {
    Box::pin(async move {
        let (id, changes) = (form.id, form.parse(&app.config().studio)?);
        let event = (SecurityEventKind::PromoCodeChanged, "change");
        let edited = edit(
            app,
            caller,
            staff,
            event,
            |row: &PromoCode| row.id,
            async |tx| promo_code::update(tx, id, &changes).await,
        );
        let currency = &app.config().studio.currency;
        Ok(PromoCodeView::new(edited.await?, currency))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreatePromoCode>, bound::<UpdatePromoCode>] {
            assert_eq!(bound_of("code", "minLength"), CODE_MIN as i64);
            assert_eq!(bound_of("code", "maxLength"), CODE_MAX as i64);
            assert_eq!(bound_of("maxUses", "maximum"), i64::from(USES_MAX));
            assert_eq!(bound_of("perMember", "maximum"), i64::from(USES_MAX));
        }
    }
}
