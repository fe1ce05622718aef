//! The JSON of passes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::pass::Pass;
use crate::models::product::{NamedClassType, PassStart};

/// A pass of a member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Pass)]
pub struct PassView {
    id: Uuid,
    user_id: Uuid,
    product_id: Uuid,
    /// The id of the order in which the pass was sold. Null if the period of its membership is not
    /// paid yet.
    order_id: Option<Uuid>,
    /// The id of its membership. Null if it was sold by itself.
    membership_id: Option<Uuid>,
    /// The name of the product as it was sold.
    #[schema(examples("Ten classes"))]
    name: String,
    /// Whether a class of today or later can be booked with it.
    is_usable: bool,
    /// Whether it was revoked: by staff, because its payment is disputed, or because the period of
    /// its membership was not paid.
    is_revoked: bool,
    /// The number of classes. Null if it is unlimited.
    credits: Option<i32>,
    /// The number of bookings that use a credit.
    credits_used: i32,
    /// The number of classes that are left. Null if it is unlimited.
    credits_left: Option<i32>,
    /// The number of days from the first to the last one, with those that were added and those
    /// of freezes.
    days: i32,
    /// The days that were added, and those of freezes. The rest of `days` was bought.
    added_days: i32,
    starts: PassStart,
    /// The first day on which it is good, in the studio's time zone. Null if it begins with the
    /// first class, and none is booked.
    first_day: Option<NaiveDate>,
    /// The last day on which it is good. Null if it begins with the first class, and none is
    /// booked.
    last_day: Option<NaiveDate>,
    /// The first day of the last freeze, which may be over or still to come. Null if there is
    /// none.
    frozen_from: Option<NaiveDate>,
    /// The last day of the last freeze. Null if there is none.
    frozen_to: Option<NaiveDate>,
    /// The class types that it is good for, sorted by name. Empty: all.
    class_types: Vec<NamedClassType>,
    created_at: DateTime<Utc>,
}

impl PassView {
    /// Creates the view of a pass. `today` is the studio's date.
    pub fn new(pass: Pass, today: NaiveDate) -> Self {
        Self {
            is_usable: pass.is_usable(today),
            credits_left: pass.credits_left(),
            id: pass.id,
            user_id: pass.user_id,
            product_id: pass.product_id,
            order_id: pass.order_id,
            membership_id: pass.membership_id,
            name: pass.name,
            is_revoked: pass.is_revoked,
            credits: pass.credits,
            credits_used: pass.credits_used,
            days: pass.days,
            added_days: pass.added_days,
            starts: pass.starts,
            first_day: pass.first_day,
            last_day: pass.last_day,
            frozen_from: pass.frozen_from,
            frozen_to: pass.frozen_to,
            class_types: pass.class_types,
            created_at: pass.created_at,
        }
    }
}
