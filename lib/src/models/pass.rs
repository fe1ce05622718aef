//! Passes: the right of a member to come to classes.

mod change;
mod dispute;
mod period;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::change::{NewPassChange, PassChange, RecordedPassChange, change, list_changes};
pub use self::dispute::{list_of_order, lock_of_order, restore_disputed, revoke_disputed};
pub(super) use self::period::{
    PaidPeriod, PassPeriod, is_paid, is_paid_before, issue_paid, lock_unpaid, set_unpaid_period,
};
use super::product::{NamedClassType, PassStart, class_types_of_product};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// Why a pass cannot pay for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassRefusal {
    /// All its credits are used.
    UsedUp,
    /// The pass is not good for this type of class.
    OtherClassType,
    /// The pass ends before the day of the class.
    Ended,
    /// The pass begins after the day of the class.
    NotBegun,
    /// The pass would begin with this class, and then end before a class that is booked with it.
    TooEarly,
    /// The pass is frozen on the day of the class.
    Frozen,
    /// The class is booked with its course only.
    CourseOnly,
}

impl PassRefusal {
    fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "used_up" => Self::UsedUp,
            "other_class_type" => Self::OtherClassType,
            "ended" => Self::Ended,
            "not_begun" => Self::NotBegun,
            "too_early" => Self::TooEarly,
            "frozen" => Self::Frozen,
            _ => return Err(Error::internal("unknown refusal of a pass")),
        })
    }
}

/// A row of `passes`, with the name of its product.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The pass's id.
    pub id: Uuid,
    /// The member's id.
    pub user_id: Uuid,
    /// The product's id.
    pub product_id: Uuid,
    /// The id of the order in which the pass was sold. `None` if the period of its membership is
    /// not paid yet.
    pub order_id: Option<Uuid>,
    /// The id of the membership. `None` if the pass was sold by itself.
    pub membership_id: Option<Uuid>,
    /// The product's name as it was sold.
    pub name: String,
    /// Whether the pass was revoked: by staff, because its payment is disputed, or because the
    /// period of its membership was not paid.
    pub is_revoked: bool,
    /// The number of classes. `None` if it is unlimited.
    pub credits: Option<i32>,
    /// The number of bookings that have used a credit.
    pub credits_used: i32,
    /// The number of days from the first to the last one, with those that were added and those
    /// of freezes.
    pub days: i32,
    /// The days that were added, and those of freezes. The rest of `days` was bought.
    pub added_days: i32,
    /// When the pass begins.
    pub starts: PassStart,
    /// The first day. `None` if no class was booked with it yet.
    pub first_day: Option<NaiveDate>,
    /// The last day. `None` if no class was booked with it yet.
    pub last_day: Option<NaiveDate>,
    /// The first day of the last freeze, which may be over or still to come. `None` if there is
    /// none.
    pub frozen_from: Option<NaiveDate>,
    /// The last day of the last freeze. `None` if there is none.
    pub frozen_to: Option<NaiveDate>,
    /// The class types that the pass is good for, sorted by name. Empty: all.
    pub class_types: Vec<NamedClassType>,
    /// When the pass was sold.
    pub created_at: DateTime<Utc>,
}

/// The name of the pass `$pass`, whose order line is `l`. A pass that is not paid yet has no line.
macro_rules! pass_name {
    ($pass:literal) => {
        concat!(
            "coalesce(l.description, (
                select name from memberships where id = ",
            $pass,
            ".membership_id))"
        )
    };
}
pub(super) use pass_name;

/// The columns that [`Pass::from_row`] reads from a pass `p` and its order line `l`, and the name
/// that an unpaid pass has from its membership.
macro_rules! pass_columns {
    () => {
        concat!(
            "p.id, p.user_id, p.product_id, l.order_id, p.membership_id, ",
            pass_name!("p"),
            " as name, p.status, p.credits,
            p.credits_used, p.days + p.extra_days as days, p.extra_days, p.starts, p.first_day,
            p.last_day, p.frozen_from, p.frozen_to, p.created_at, ",
            class_types_of_product!("p.product_id"),
            " as class_types"
        )
    };
}

impl Pass {
    fn from_row(row: &Row) -> Result<Self> {
        let status: &str = row.try_get("status")?;
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            product_id: row.try_get("product_id")?,
            order_id: row.try_get("order_id")?,
            membership_id: row.try_get("membership_id")?,
            name: row.try_get("name")?,
            is_revoked: status == "revoked",
            credits: row.try_get("credits")?,
            credits_used: row.try_get("credits_used")?,
            days: row.try_get("days")?,
            added_days: row.try_get("extra_days")?,
            starts: PassStart::from_column(row.try_get("starts")?)?,
            first_day: row.try_get("first_day")?,
            last_day: row.try_get("last_day")?,
            frozen_from: row.try_get("frozen_from")?,
            frozen_to: row.try_get("frozen_to")?,
            class_types: super::from_json(row.try_get("class_types")?)?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the number of classes that are left. `None` if it is unlimited.
    pub fn credits_left(&self) -> Option<i32> {
        self.credits.map(|credits| credits - self.credits_used)
    }

    /// Returns whether a class can be booked with the pass on this day or later.
    pub fn is_usable(&self, today: NaiveDate) -> bool {
        !self.is_revoked
            && self.credits_left() != Some(0)
            && self.last_day.is_none_or(|last_day| last_day >= today)
    }

    /// Returns the pass's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = Statement::new(
    "pass.list",
    concat!(
        "select ",
        pass_columns!(),
        " from passes p left join order_lines l on l.id = p.order_line_id
        where p.user_id = $1 and ($2::timestamptz is null or (p.created_at, p.id) < ($2, $3))
        order by p.created_at desc, p.id desc limit $4"
    ),
);

/// Lists a page of a member's passes, newest first.
pub async fn list(client: &Client, user_id: Uuid, page: &Page) -> Result<Vec<Pass>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&user_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Pass::from_row).collect()
}

static FIND: Statement = Statement::new(
    "pass.find",
    concat!(
        "select ",
        pass_columns!(),
        " from passes p left join order_lines l on l.id = p.order_line_id where p.id = $1"
    ),
);

/// Finds a pass.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find(client: &Client, id: Uuid) -> Result<Pass> {
    let row = FIND.opt(client, &[&id]).await?;
    Pass::from_row(&row.ok_or(Error::NotFound)?)
}

static LIST_FOR_CLASS: Statement = Statement::new(
    "pass.list_for_class",
    concat!(
        "select ",
        pass_columns!(),
        ", r.refusal
        from passes p left join order_lines l on l.id = p.order_line_id
        cross join lateral (select pass_refusal(p, $2, $3) as refusal) r
        where p.user_id = $1 and p.status = 'live'
          and (p.last_day is null or p.last_day >= $3::date - 30)
        order by r.refusal is not null, p.last_day, p.id
        limit 100"
    ),
);

/// Lists the passes of a member that are not revoked, in the order in which they would pay for a
/// class of this type on this day. Passes that cannot pay come last, each with the reason. Passes
/// that ended more than thirty days earlier are left out, and the list has at most a hundred.
pub async fn list_for_class(
    client: &Client,
    user_id: Uuid,
    class_type_id: Uuid,
    day: NaiveDate,
) -> Result<Vec<(Pass, Option<PassRefusal>)>> {
    let rows = LIST_FOR_CLASS
        .all(client, &[&user_id, &class_type_id, &day])
        .await?;
    rows.iter()
        .map(|row| {
            let refusal: Option<&str> = row.try_get("refusal")?;
            let refusal = refusal.map(PassRefusal::from_column).transpose()?;
            Ok((Pass::from_row(row)?, refusal))
        })
        .collect()
}

static ISSUE: Statement = Statement::new(
    "pass.issue",
    "insert into passes (id, user_id, product_id, order_line_id, credits, days, starts, first_day)
    select gen_random_uuid(), o.user_id, l.product_id, l.id, l.credits, l.days, l.starts,
        case l.starts when 'purchase' then $2::date end
    from orders o join order_lines l on l.order_id = o.id
    where o.id = $1 and l.kind = 'pass' order by l.created_at, l.id",
);

/// Issues the passes that an order is for, but not those of a membership, which [`issue_paid`]
/// issues. `today` is the studio's date.
pub(super) async fn issue(client: &Client, order_id: Uuid, today: NaiveDate) -> Result<()> {
    ISSUE.execute(client, &[&order_id, &today]).await
}

static REVOKE_ALL: Statement = Statement::new(
    "pass.revoke_all",
    "update passes set status = 'revoked' where id in (
        select id from passes where user_id = $1 and status = 'live' order by id for no key update)",
);

static HAS_LIVE: Statement = Statement::new(
    "pass.has_live",
    "select exists (select from passes where user_id = $1 and status = 'live') as has_live",
);

/// Returns whether a member has a pass that is not revoked.
pub async fn has_live(client: &Client, user_id: Uuid) -> Result<bool> {
    Ok(HAS_LIVE
        .one(client, &[&user_id])
        .await?
        .try_get("has_live")?)
}

/// Revokes all passes of a member whose account is being closed, after their upcoming bookings
/// were cancelled.
pub async fn revoke_all(client: &Client, user_id: Uuid) -> Result<()> {
    REVOKE_ALL.execute(client, &[&user_id]).await
}
