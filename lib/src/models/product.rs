//! Products: what the studio sells, such as "Ten classes".

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::catalog::list_statement;
use crate::crypto::random;
use crate::error::{Error, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;
use crate::values::tax_rate::TaxRate;

/// What a product is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductKind {
    /// The right to come to a number of classes, or to all classes, for some days.
    Pass,
    /// Money to spend later. The price is the value.
    GiftCard,
    /// A pass that is paid again for each period, until the member ends it.
    Membership,
    /// Several classes that are bought together.
    Course,
}

impl ProductKind {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        match text {
            "pass" => Ok(Self::Pass),
            "gift_card" => Ok(Self::GiftCard),
            "membership" => Ok(Self::Membership),
            "course" => Ok(Self::Course),
            _ => Err(Error::internal("unknown kind of product")),
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::GiftCard => "gift_card",
            Self::Membership => "membership",
            Self::Course => "course",
        }
    }
}

/// How often a membership is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BillingPeriod {
    /// Each week.
    Week,
    /// Each month.
    Month,
    /// Each year.
    Year,
}

impl BillingPeriod {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        match text {
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "year" => Ok(Self::Year),
            _ => Err(Error::internal("unknown period of a membership")),
        }
    }

    /// Returns the value of the column, which is also Stripe's name of the interval.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Returns the number of days of the longest period.
    pub fn max_days(self) -> i32 {
        match self {
            Self::Week => 7,
            Self::Month => 31,
            Self::Year => 366,
        }
    }
}

/// The day on which a pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassStart {
    /// The day on which it is bought.
    Purchase,
    /// The day of the earliest class that is booked with it.
    FirstClass,
}

impl PassStart {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        match text {
            "purchase" => Ok(Self::Purchase),
            "first_class" => Ok(Self::FirstClass),
            _ => Err(Error::internal("unknown start of a pass")),
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::FirstClass => "first_class",
        }
    }
}

/// A class type that a product is good for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NamedClassType {
    /// The class type's id.
    pub id: Uuid,
    /// The class type's name.
    pub name: String,
}

/// A row of `products`.
#[derive(Clone, Debug)]
pub struct Product {
    /// The product's id.
    pub id: Uuid,
    /// What the product is.
    pub kind: ProductKind,
    /// The name.
    pub name: String,
    /// The description. May be empty.
    pub description: String,
    /// The price.
    pub price: Money,
    /// The tax that the price includes. Zero for a gift card.
    pub tax_rate: TaxRate,
    /// The number of classes, for a membership in each period. `None` if it is unlimited, a
    /// gift card, or a course.
    pub credits: Option<i32>,
    /// How many days a pass is good. For a membership, the days of the longest period. `None` for
    /// other products.
    pub days: Option<i32>,
    /// When a pass begins. `None` for a gift card or a course.
    pub starts: Option<PassStart>,
    /// How often a membership is paid. `None` for other products.
    pub every: Option<BillingPeriod>,
    /// Whether the classes of a course can be booked one by one. `None` for other products.
    pub drop_in: Option<bool>,
    /// How often a member can buy the product. A purchase does not count if its pass was revoked, or
    /// if its course was given back. `None` if there is no limit.
    pub per_member: Option<i32>,
    /// The class types that the product is good for, sorted by name. Empty: all.
    pub class_types: Vec<NamedClassType>,
    /// Whether the product is sold. `false` after retirement.
    pub is_active: bool,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The class types of the product with the id `$id`, as JSON.
macro_rules! class_types_of_product {
    ($id:literal) => {
        concat!(
            "coalesce((
                select jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name) order by t.name, t.id)
                from product_class_types pt join class_types t on t.id = pt.class_type_id
                where pt.product_id = ",
            $id,
            "), '[]')"
        )
    };
}
pub(super) use class_types_of_product;

/// The columns that [`Product::from_row`] reads from a product `p`.
macro_rules! product_columns {
    () => {
        concat!(
            "p.id, p.kind, p.name, p.description, p.price, p.tax_rate, p.credits, p.days, p.starts,
            p.every, p.drop_in, p.per_member, p.is_active, p.created_at, p.updated_at, ",
            $crate::models::product::class_types_of_product!("p.id"),
            " as class_types"
        )
    };
}
pub(super) use product_columns;

impl Product {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        let starts: Option<&str> = row.try_get("starts")?;
        Ok(Self {
            id: row.try_get("id")?,
            kind: ProductKind::from_column(row.try_get("kind")?)?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            price: Money::from_column(row.try_get::<_, Decimal>("price")?),
            tax_rate: TaxRate::from_column(row.try_get("tax_rate")?),
            credits: row.try_get("credits")?,
            days: row.try_get("days")?,
            starts: starts.map(PassStart::from_column).transpose()?,
            every: row
                .try_get::<_, Option<&str>>("every")?
                .map(BillingPeriod::from_column)
                .transpose()?,
            drop_in: row.try_get("drop_in")?,
            per_member: row.try_get("per_member")?,
            class_types: super::from_json(row.try_get("class_types")?)?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// Returns the product's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = list_statement!("product.list", "products", "p", product_columns!());

/// Lists a page of products, newest first. `is_active` selects those that are sold or those that
/// are retired; `None` selects both.
pub async fn list(client: &Client, is_active: Option<bool>, page: &Page) -> Result<Vec<Product>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&is_active, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Product::from_row).collect()
}

static LIST_SOLD: Statement = Statement::new(
    "product.list_sold",
    concat!(
        "select ",
        product_columns!(),
        " from products p
        where p.is_active and (p.kind <> 'course' or exists (
            select from scheduled_classes c
            where c.course_id = p.id and not c.is_cancelled and c.start_time > $1))
          and ($2::timestamptz is null or (p.created_at, p.id) < ($2, $3))
        order by p.created_at desc, p.id desc limit $4"
    ),
);

/// Lists a page of the products that can be bought at `now`, newest first. A course without upcoming
/// classes cannot.
pub async fn list_sold(client: &Client, now: DateTime<Utc>, page: &Page) -> Result<Vec<Product>> {
    let (time, id) = page.after();
    let rows = LIST_SOLD
        .all(client, &[&now, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Product::from_row).collect()
}

static FIND: Statement = Statement::new(
    "product.find",
    concat!(
        "select ",
        product_columns!(),
        " from products p where p.id = $1"
    ),
);

/// Finds a product, even if it is retired.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find(client: &Client, id: Uuid) -> Result<Product> {
    let row = FIND.opt(client, &[&id]).await?;
    Product::from_row(&row.ok_or(Error::NotFound)?)
}

/// A product to create.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// What the product is.
    pub kind: ProductKind,
    /// The name. Not empty.
    pub name: String,
    /// The description. May be empty.
    pub description: String,
    /// The price.
    pub price: Money,
    /// The tax that the price includes. Zero for a gift card.
    pub tax_rate: TaxRate,
    /// The number of classes. `None` if it is unlimited.
    pub credits: Option<i32>,
    /// How many days a pass is good. More than 0. For a membership, the days of the longest period.
    /// `None` for other products.
    pub days: Option<i32>,
    /// When a pass begins. `None` for a gift card or a course.
    pub starts: Option<PassStart>,
    /// How often it is paid. Exactly for memberships.
    pub every: Option<BillingPeriod>,
    /// Whether the classes can be booked one by one. Exactly for courses.
    pub drop_in: Option<bool>,
    /// How often a member can buy the product. `None` if there is no limit.
    pub per_member: Option<i32>,
    /// The ids of the class types that the product is good for. Empty: all.
    pub class_type_ids: Vec<Uuid>,
}

static INSERT: Statement = Statement::new(
    "product.insert",
    "insert into products (id, kind, name, description, price, credits, days, starts, per_member,
        every, tax_rate, drop_in)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
);

/// Inserts a product. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::Invalid`] when a class type does not exist.
pub async fn insert(client: &Client, new: &NewProduct) -> Result<Product> {
    let id = random::id();
    INSERT
        .execute(
            client,
            &[
                &id,
                &new.kind.as_str(),
                &new.name,
                &new.description,
                &new.price.as_column(),
                &new.credits,
                &new.days,
                &new.starts.map(PassStart::as_str),
                &new.per_member,
                &new.every.map(BillingPeriod::as_str),
                &new.tax_rate.as_column(),
                &new.drop_in,
            ],
        )
        .await?;
    set_class_types(client, id, &new.class_type_ids).await?;
    find(client, id).await
}

/// The changes to a product. `None` leaves a field as it is. Passes that were sold keep their
/// credits and days.
#[derive(Clone, Debug, Default)]
pub struct ProductChanges {
    /// The name. Not empty.
    pub name: Option<String>,
    /// The description. May be empty.
    pub description: Option<String>,
    /// The price.
    pub price: Option<Money>,
    /// The tax that the price includes. Orders from now on have it.
    pub tax_rate: Option<TaxRate>,
    /// The number of classes. `Some(None)`: unlimited.
    pub credits: Option<Option<i32>>,
    /// How many days a pass is good. More than 0.
    pub days: Option<i32>,
    /// When a pass begins.
    pub starts: Option<PassStart>,
    /// Whether the classes of a course can be booked one by one.
    pub drop_in: Option<bool>,
    /// How often a member can buy the product. `Some(None)`: any number.
    pub per_member: Option<Option<i32>>,
    /// The ids of the class types that the product is good for, also of passes that were sold.
    /// Empty: all.
    pub class_type_ids: Option<Vec<Uuid>>,
    /// `false` retires the product; `true` sells it again.
    pub is_active: Option<bool>,
}

static UPDATE: Statement = Statement::new(
    "product.update",
    "update products set
        name = coalesce($2, name),
        description = coalesce($3, description),
        price = coalesce($4, price),
        credits = case when $5 then $6 else credits end,
        days = coalesce($7, days),
        starts = coalesce($8, starts),
        per_member = case when $9 then $10 else per_member end,
        is_active = coalesce($11, is_active),
        tax_rate = coalesce($12, tax_rate),
        drop_in = coalesce($13, drop_in)
    where id = $1 returning id",
);

/// Changes a product. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Invalid`] when a class type does not exist, or when a gift card
/// gets what only passes have.
pub async fn update(client: &Client, id: Uuid, changes: &ProductChanges) -> Result<Product> {
    let row = UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.name,
                &changes.description,
                &changes.price.map(Money::as_column),
                &changes.credits.is_some(),
                &changes.credits.flatten(),
                &changes.days,
                &changes.starts.map(PassStart::as_str),
                &changes.per_member.is_some(),
                &changes.per_member.flatten(),
                &changes.is_active,
                &changes.tax_rate.map(TaxRate::as_column),
                &changes.drop_in,
            ],
        )
        .await
        .on_constraint("products_gift_card", not_of_gift_card())?;
    row.ok_or(Error::NotFound)?;
    if let Some(class_type_ids) = &changes.class_type_ids {
        set_class_types(client, id, class_type_ids).await?;
    }
    find(client, id).await
}

static DELETE_CLASS_TYPES: Statement = Statement::new(
    "product.delete_class_types",
    "delete from product_class_types where product_id = $1",
);

static INSERT_CLASS_TYPES: Statement = Statement::new(
    "product.insert_class_types",
    "insert into product_class_types (product_id, class_type_id)
    select $1, id from (select distinct unnest($2::uuid[]) as id) ids",
);

async fn set_class_types(client: &Client, id: Uuid, class_type_ids: &[Uuid]) -> Result<()> {
    DELETE_CLASS_TYPES.execute(client, &[&id]).await?;
    INSERT_CLASS_TYPES
        .execute(client, &[&id, &class_type_ids.to_vec()])
        .await
        .on_constraint(
            "product_class_types_class_type_id_fkey",
            unknown_class_type(),
        )
}

fn not_of_gift_card() -> Error {
    Error::field(
        "price",
        "a gift card has a price of more than 0, and no classes and days",
    )
}

fn unknown_class_type() -> Error {
    Error::field("classTypeIds", "must be ids of class types")
}
