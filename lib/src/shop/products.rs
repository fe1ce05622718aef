//! Listing, creating, changing and retiring products.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::maintenance::edit;
use crate::classes::catalog::maintenance::ActiveQuery;
use crate::error::Result;
use crate::http::json::nullable;
use crate::http::{List, Member};
use crate::models::product::{
    self, BillingPeriod, NamedClassType, NewProduct, PassStart, Product, ProductChanges,
    ProductKind,
};
use crate::models::security_event::SecurityEventKind;
use crate::runtime::config::StudioConfig;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::{self, Form, Problem};
use crate::values::money::{Amount, Money};
use crate::values::tax_rate::TaxRate;
use crate::{App, BoxFuture};

/// The maximum length of the name of a product, in characters.
const NAME_MAX: usize = 100;

/// The maximum length of a description, in characters.
const DESCRIPTION_MAX: usize = 5_000;

/// The maximum number of classes of a pass.
const CREDITS_MAX: i32 = 1_000;

/// The maximum number of purchases of a product by a member.
const PER_MEMBER_MAX: i32 = 1_000;

/// The maximum number of days of a pass, which are ten years.
const DAYS_MAX: i32 = 3_650;

/// The maximum number of class types in the list of a product.
const CLASS_TYPES_MAX: usize = 100;

/// A product, as visitors see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
pub struct ProductView {
    id: Uuid,
    kind: ProductKind,
    #[schema(examples("Ten classes"))]
    name: String,
    description: String,
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    /// The number of classes, for a membership in each period. Null if it is unlimited, a gift
    /// card, or a course.
    credits: Option<i32>,
    /// How many days a pass is good, the first and the last one included. For a membership, the
    /// days of the longest period. Null for other products.
    days: Option<i32>,
    /// When a pass begins. Null for a gift card or a course.
    starts: Option<PassStart>,
    /// How often a membership is paid, and how long its credits last. Null for other products.
    every: Option<BillingPeriod>,
    /// Whether the classes of a course can be booked one by one. Null for other products.
    drop_in: Option<bool>,
    /// How often a member can buy it. A purchase does not count if its pass was revoked, or if its
    /// course was given back. Null if there is no limit.
    per_member: Option<i32>,
    /// The class types that it is good for, sorted by name. Empty: all.
    class_types: Vec<NamedClassType>,
}

impl ProductView {
    pub(super) fn new(product: Product, currency: &str) -> Self {
        Self {
            id: product.id,
            kind: product.kind,
            name: product.name,
            description: product.description,
            price: product.price.in_currency(currency),
            currency: currency.to_owned(),
            credits: product.credits,
            days: product.days,
            starts: product.starts,
            every: product.every,
            drop_in: product.drop_in,
            per_member: product.per_member,
            class_types: product.class_types,
        }
    }
}

/// A product, as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffProduct)]
pub struct StaffProductView {
    #[serde(flatten)]
    product: ProductView,
    /// The tax that the price includes. Zero for a gift card, because what it pays is taxed.
    tax_rate: TaxRate,
    /// False if the product is retired.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl StaffProductView {
    fn new(product: Product, currency: &str) -> Self {
        Self {
            tax_rate: product.tax_rate,
            is_active: product.is_active,
            created_at: product.created_at,
            updated_at: product.updated_at,
            product: ProductView::new(product, currency),
        }
    }
}

/// A product to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateProduct {
    /// The default is `pass`.
    kind: Option<ProductKind>,
    #[schema(min_length = 1, max_length = 100, examples("Ten classes"))]
    name: String,
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
    price: Money,
    /// The tax that the price includes. The default is 0. Not for gift cards, because what they pay
    /// is taxed.
    tax_rate: Option<TaxRate>,
    /// The number of classes, for a membership in each period. Null: unlimited.
    #[schema(minimum = 1, maximum = 1_000)]
    credits: Option<i32>,
    /// How many days a pass is good, the first and the last one included. Required for a pass.
    #[schema(minimum = 1, maximum = 3_650, examples(90))]
    days: Option<i32>,
    /// The default of a pass is `purchase`. Only for passes.
    starts: Option<PassStart>,
    /// How often a membership is paid. Required for memberships, and cannot be changed.
    every: Option<BillingPeriod>,
    /// Whether the classes of a course can be booked one by one. The default of a course is false.
    /// Only for courses.
    drop_in: Option<bool>,
    /// How often a member can buy it. A purchase does not count if its pass was revoked, or if its
    /// course was given back. Null: any number. Not for memberships.
    #[schema(minimum = 1, maximum = 1_000)]
    per_member: Option<i32>,
    /// The ids of the class types that it is good for. Empty: all.
    #[serde(default)]
    #[schema(max_items = 100)]
    class_type_ids: Vec<Uuid>,
}

impl CreateProduct {
    fn parse(self, studio: &StudioConfig) -> Result<NewProduct> {
        let mut form = Form::default();
        let kind = self.kind.unwrap_or(ProductKind::Pass);
        self.check_kind(kind, &mut form);
        let new_product = NewProduct {
            kind,
            name: form.check("name", name(&self.name)).unwrap_or_default(),
            description: form
                .check("description", description(&self.description))
                .unwrap_or_default(),
            price: form
                .check("price", self.price.check_currency(&studio.currency))
                .unwrap_or_default(),
            tax_rate: self.tax_rate.unwrap_or_default(),
            credits: form.check_given("credits", self.credits, credits),
            days: match self.every {
                Some(every) => Some(every.max_days()),
                None => form.check_given("days", self.days, days),
            },
            starts: match kind {
                ProductKind::Pass | ProductKind::Membership => {
                    Some(self.starts.unwrap_or(PassStart::Purchase))
                }
                ProductKind::GiftCard | ProductKind::Course => None,
            },
            every: self.every,
            drop_in: match kind {
                ProductKind::Course => Some(self.drop_in.unwrap_or(false)),
                _ => None,
            },
            per_member: form.check_given("perMember", self.per_member, per_member),
            class_type_ids: form
                .check("classTypeIds", class_types(self.class_type_ids))
                .unwrap_or_default(),
        };
        form.finish()?;
        Ok(new_product)
    }

    /// Checks that the fields are those of the kind.
    fn check_kind(&self, kind: ProductKind, form: &mut Form) {
        let mut must_be_absent = Vec::new();
        match kind {
            ProductKind::Pass => {
                if self.days.is_none() {
                    form.add_problem("days", "is required for a pass");
                }
            }
            ProductKind::Membership => {
                if self.every.is_none() {
                    form.add_problem("every", "is required for a membership");
                }
                must_be_absent.extend([
                    ("days", self.days.is_some()),
                    ("starts", self.starts.is_some()),
                    ("perMember", self.per_member.is_some()),
                ]);
            }
            ProductKind::GiftCard | ProductKind::Course => must_be_absent.extend([
                ("credits", self.credits.is_some()),
                ("days", self.days.is_some()),
                ("starts", self.starts.is_some()),
                ("classTypeIds", !self.class_type_ids.is_empty()),
            ]),
        }
        if kind == ProductKind::GiftCard {
            let is_taxed = self.tax_rate.is_some_and(|rate| !rate.is_zero());
            must_be_absent.push(("taxRate", is_taxed));
        }
        let can_be_free = matches!(kind, ProductKind::Pass | ProductKind::Course);
        if !can_be_free && self.price.is_zero() {
            form.add_problem("price", "must be more than 0");
        }
        if kind != ProductKind::Membership {
            must_be_absent.push(("every", self.every.is_some()));
        }
        if kind != ProductKind::Course {
            must_be_absent.push(("dropIn", self.drop_in.is_some()));
        }
        for (field, is_given) in must_be_absent {
            if is_given {
                form.add_problem(field, NOT_OF_KIND);
            }
        }
    }
}

/// The changes to a product. Fields that are left out keep their values. Passes that were sold
/// keep their credits and days, and memberships that have begun keep their name, price and
/// credits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateProduct {
    id: Uuid,
    #[schema(min_length = 1, max_length = 100, examples("Ten classes"))]
    name: Option<String>,
    #[schema(max_length = 5_000)]
    description: Option<String>,
    price: Option<Money>,
    /// The tax that the price includes. It applies to orders, and to periods of memberships, from
    /// now on. Not for gift cards.
    tax_rate: Option<TaxRate>,
    /// The number of classes. Null: unlimited.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 1_000)]
    credits: Option<Option<i32>>,
    /// How many days a pass is good, the first and the last one included. Only for passes.
    #[schema(minimum = 1, maximum = 3_650)]
    days: Option<i32>,
    /// Only for passes.
    starts: Option<PassStart>,
    /// Whether the classes of a course can be booked one by one. Only for courses.
    drop_in: Option<bool>,
    /// How often a member can buy it. A purchase does not count if its pass was revoked, or if its
    /// course was given back. Null: any number. Not for memberships.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 1_000)]
    per_member: Option<Option<i32>>,
    /// The ids of the class types that it is good for, also of passes that were sold. Empty: all.
    #[schema(max_items = 100)]
    class_type_ids: Option<Vec<Uuid>>,
    /// False retires the product, true sells it again.
    is_active: Option<bool>,
}

impl UpdateProduct {
    fn parse(self, studio: &StudioConfig) -> Result<ProductChanges> {
        let mut form = Form::default();
        let changes = ProductChanges {
            name: form.check_given("name", self.name.as_deref(), name),
            description: form.check_given("description", self.description.as_deref(), description),
            price: form.check_given("price", self.price, |price| {
                price.check_currency(&studio.currency)
            }),
            tax_rate: self.tax_rate,
            credits: self
                .credits
                .map(|number| form.check_given("credits", number, credits)),
            days: form.check_given("days", self.days, days),
            starts: self.starts,
            drop_in: self.drop_in,
            per_member: self
                .per_member
                .map(|number| form.check_given("perMember", number, per_member)),
            class_type_ids: form.check_given("classTypeIds", self.class_type_ids, class_types),
            is_active: self.is_active,
        };
        form.finish()?;
        Ok(changes)
    }
}

const NOT_OF_KIND: &str = "does not belong to this kind of product";

/// Rejects changes that do not belong to the kind of a product. The other changes of a gift card are
/// rejected by [`product::update`].
fn check_changes(product: &Product, changes: &ProductChanges) -> Result<()> {
    let (days, starts) = (changes.days.is_some(), changes.starts.is_some());
    let mut must_be_absent = Vec::new();
    match product.kind {
        ProductKind::Membership => must_be_absent.extend([
            ("days", days),
            ("starts", starts),
            ("perMember", changes.per_member.flatten().is_some()),
        ]),
        ProductKind::Course => must_be_absent.extend([
            ("credits", changes.credits.flatten().is_some()),
            ("days", days),
            ("starts", starts),
            (
                "classTypeIds",
                changes
                    .class_type_ids
                    .as_ref()
                    .is_some_and(|ids| !ids.is_empty()),
            ),
        ]),
        ProductKind::GiftCard => {
            let is_taxed = changes.tax_rate.is_some_and(|rate| !rate.is_zero());
            must_be_absent.push(("taxRate", is_taxed));
        }
        ProductKind::Pass => {}
    }
    if product.kind != ProductKind::Course {
        must_be_absent.push(("dropIn", changes.drop_in.is_some()));
    }
    let mut form = Form::default();
    for (name, is_given) in must_be_absent {
        if is_given {
            form.add_problem(name, NOT_OF_KIND);
        }
    }
    if product.kind == ProductKind::Membership && changes.price.is_some_and(Money::is_zero) {
        form.add_problem("price", "must be more than 0 for a membership");
    }
    form.finish()
}

fn name(text: &str) -> Result<String, Problem> {
    form::required_line(text, NAME_MAX)
}

fn description(text: &str) -> Result<String, Problem> {
    form::paragraphs(text, DESCRIPTION_MAX)
}

fn credits(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, CREDITS_MAX)
}

fn per_member(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, PER_MEMBER_MAX)
}

fn days(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, DAYS_MAX)
}

fn class_types(ids: Vec<Uuid>) -> Result<Vec<Uuid>, Problem> {
    match ids.len() {
        0..=CLASS_TYPES_MAX => Ok(ids),
        _ => Err(format!("must not have more than {CLASS_TYPES_MAX} entries")),
    }
}

/// Lists a page of the products that can be bought, newest first. A course without upcoming classes is
/// left out.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable).
pub fn list_active(app: &App, page: Page) -> BoxFuture<'_, Result<List<ProductView>>> {
    Box::pin(async move {
        let (now, currency) = (app.clock().now(), &app.config().studio.currency);
        let rows = app
            .db()
            .read(async move |client| product::list_sold(client, now, &page).await)
            .await?;
        Ok(List::new(rows, page, Product::position, |row| {
            ProductView::new(row, currency)
        }))
    })
}

/// Lists a page of products, newest first. By default, retired ones are included.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list(
    app: &App,
    query: ActiveQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<StaffProductView>>> {
    Box::pin(async move {
        let is_active = query.parse()?;
        let currency = &app.config().studio.currency;
        let rows = app
            .db()
            .read(async move |client| product::list(client, is_active, &page).await)
            .await?;
        Ok(List::new(rows, page, Product::position, |row| {
            StaffProductView::new(row, currency)
        }))
    })
}

/// Creates a product.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid).
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateProduct,
) -> BoxFuture<'a, Result<StaffProductView>> {
    Box::pin(async move {
        let new_product = form.parse(&app.config().studio)?;
        let event = (SecurityEventKind::ProductChanged, "create");
        let edited = edit(
            app,
            caller,
            staff,
            event,
            |row: &Product| row.id,
            async |tx| product::insert(tx, &new_product).await,
        );
        let currency = &app.config().studio.currency;
        Ok(StaffProductView::new(edited.await?, currency))
    })
}

/// Changes or retires a product.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound).
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateProduct,
) -> BoxFuture<'a, Result<StaffProductView>> {
    Box::pin(async move {
        let (id, changes) = (form.id, form.parse(&app.config().studio)?);
        let event = (SecurityEventKind::ProductChanged, "change");
        let edited = edit(
            app,
            caller,
            staff,
            event,
            |row: &Product| row.id,
            async |tx| {
                let before = product::find(tx, id).await?;
                check_changes(&before, &changes)?;
                // The classes of a course show its name, and whether they are booked with it only.
                if before.kind == ProductKind::Course {
                    tx.invalidate([app.schedule()]);
                }
                product::update(tx, id, &changes).await
            },
        );
        let currency = &app.config().studio.currency;
        Ok(StaffProductView::new(edited.await?, currency))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateProduct>, bound::<UpdateProduct>] {
            assert_eq!(bound_of("name", "maxLength"), NAME_MAX as i64);
            assert_eq!(bound_of("description", "maxLength"), DESCRIPTION_MAX as i64);
            assert_eq!(bound_of("credits", "maximum"), i64::from(CREDITS_MAX));
            assert_eq!(bound_of("perMember", "maximum"), i64::from(PER_MEMBER_MAX));
            assert_eq!(bound_of("days", "maximum"), i64::from(DAYS_MAX));
            assert_eq!(bound_of("classTypeIds", "maxItems"), CLASS_TYPES_MAX as i64);
        }
    }
}
