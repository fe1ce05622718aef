//! Memberships: what a member has, starting one, ending one, and the page for the card.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OWN_PURCHASE;
use crate::admin::staff_action::StaffAction;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{List, Member, query};
use crate::models::membership::{self, Begun, Membership, MembershipStatus};
use crate::models::product::{BillingPeriod, NamedClassType};
use crate::models::security_event::SecurityEventKind;
use crate::notify::mail;
use crate::payments::membership_checkout;
use crate::payments::reconcile::sync_membership;
use crate::payments::stripe::Stripe;
use crate::runtime::config::StudioConfig;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::values::money::Amount;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// A membership.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Membership)]
pub struct MembershipView {
    id: Uuid,
    user_id: Uuid,
    /// The member's first and last name.
    member_name: String,
    product_id: Uuid,
    /// The name of the product at the time of the purchase.
    #[schema(examples("Unlimited"))]
    name: String,
    /// The price of a period.
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    every: BillingPeriod,
    /// The number of classes in a period. Null if it is unlimited.
    credits: Option<i32>,
    /// The class types that it is good for, sorted by name. Empty: all.
    class_types: Vec<NamedClassType>,
    status: MembershipStatus,
    /// The day on which the next period begins and is paid, in the studio's time zone. Null if the
    /// membership has not begun, ends, or is paused.
    renews_on: Option<NaiveDate>,
    /// The last day of a membership that ends or has ended, in the studio's time zone. Null if it
    /// is renewed, or nothing was paid.
    last_day: Option<NaiveDate>,
    /// The last day on which bookings stand although the period is not paid. Null unless the
    /// payment has failed.
    grace_ends_on: Option<NaiveDate>,
    /// The URL of the page on which the membership is paid for the first time. Null if it has begun
    /// or the page has expired.
    checkout_url: Option<String>,
    /// When it has ended. Null if it has not.
    ended_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl MembershipView {
    /// Creates the view of a membership at the time `now`.
    fn new(
        membership: Membership,
        zone: &TimeZone,
        studio: &StudioConfig,
        now: DateTime<Utc>,
    ) -> Self {
        let is_running = matches!(
            membership.status,
            MembershipStatus::Active | MembershipStatus::PastDue
        );
        let ends = membership.cancel_at;
        let renewal = membership
            .period_end
            .filter(|_| is_running && ends.is_none());
        let last_day = match membership.status {
            MembershipStatus::Ended => membership.paid_until,
            _ => ends.map(|end| zone.date(end) - TimeDelta::days(1)),
        };
        let unpaid_from = membership.unpaid_from;
        let late = unpaid_from.filter(|_| membership.status == MembershipStatus::PastDue);
        let is_payable = membership.expires_at > now;
        Self {
            id: membership.id,
            user_id: membership.user_id,
            member_name: membership.member_name,
            product_id: membership.product_id,
            name: membership.name,
            price: membership.price.in_currency(&membership.currency),
            every: membership.every,
            credits: membership.credits,
            class_types: membership.class_types,
            status: membership.status,
            renews_on: renewal.map(|end| zone.date(end)),
            last_day,
            grace_ends_on: late
                .map(|first_day| first_day + TimeDelta::days(studio.membership_grace_days - 1)),
            checkout_url: membership.checkout_url.filter(|_| is_payable),
            ended_at: membership.ended_at,
            created_at: membership.created_at,
            currency: membership.currency,
        }
    }

    fn of(app: &App, membership: Membership) -> Result<Self> {
        let studio = &app.config().studio;
        let zone = TimeZone::of_studio(studio)?;
        Ok(Self::new(membership, &zone, studio, app.clock().now()))
    }
}

/// The membership of a member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CurrentMembership)]
pub struct CurrentMembershipView {
    /// The membership that has not ended. Null if there is none.
    membership: Option<MembershipView>,
}

/// Returns the membership of a member that has not ended.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub fn find(app: &App, user_id: Uuid) -> BoxFuture<'_, Result<CurrentMembershipView>> {
    Box::pin(async move {
        let found = app
            .db()
            .read(async move |client| membership::find_current(client, user_id).await)
            .await?;
        let membership = found.map(|found| MembershipView::of(app, found));
        Ok(CurrentMembershipView {
            membership: membership.transpose()?,
        })
    })
}

/// A membership to start.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartMembership {
    product_id: Uuid,
}

/// Starts a membership, or finds the one that the member has started. It needs no idempotency
/// key, because a member has one membership at most.
///
/// # Errors
///
/// Those of [`membership::begin`] and `check_out`; 409 `payment_under_way` when another membership
/// was paid meanwhile, or its checkout cannot be closed yet.
pub fn start<'a>(
    app: &'a App,
    member: &'a Member,
    form: &'a StartMembership,
) -> BoxFuture<'a, Result<MembershipView>> {
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let mut begun = begin(app, member, form.product_id).await?;
        if let Begun::Stale(membership) = &begun {
            close_stale(app, membership).await?;
            begun = begin(app, member, form.product_id).await?;
        }
        let Begun::Payable(membership) = begun else {
            return Err(UNDER_WAY);
        };
        let membership = membership_checkout::check_out(app, member, membership).await?;
        MembershipView::of(app, membership)
    })
}

async fn begin(app: &App, member: &Member, product_id: Uuid) -> Result<Begun> {
    let (user_id, accepts_cards) = (member.user.id, app.stripe().is_some());
    let (now, currency) = (app.clock().now(), &app.config().studio.currency);
    let transaction = app.transaction();
    transaction
        .run(async |tx| {
            membership::begin(tx, user_id, product_id, currency, accepts_cards, now).await
        })
        .await
}

/// Closes the checkout of a membership that the member does not pay, so that another one can
/// be started.
async fn close_stale(app: &App, membership: &Membership) -> Result<()> {
    let stripe = require_stripe(app)?;
    let mut expired = membership.clone();
    expired.expires_at = expired.expires_at.min(app.clock().now());
    sync_membership(app, stripe, &expired).await
}

fn require_stripe(app: &App) -> Result<&Stripe> {
    app.stripe()
        .ok_or_else(|| Error::unavailable("there are memberships, but Stripe is not configured"))
}

/// What is to happen to a membership at the end of the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipAction {
    /// It ends.
    End,
    /// It is renewed after all.
    Renew,
}

impl MembershipAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Renew => "renew",
        }
    }
}

/// A change of the own membership.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMembership {
    action: MembershipAction,
}

/// Ends the membership of a member at the end of the period, or takes that back.
///
/// # Errors
///
/// [`Error::NotFound`] without a membership; 409 `membership_not_running` before the first
/// payment; [`Error::Unavailable`] when Stripe does not answer.
pub fn update<'a>(
    app: &'a App,
    member: &'a Member,
    form: &'a UpdateMembership,
) -> BoxFuture<'a, Result<MembershipView>> {
    Box::pin(async move {
        member.key()?;
        let current = find_current(app, member.user.id).await?;
        let changed = set_renewal(app, &current, form.action).await?;
        MembershipView::of(app, changed)
    })
}

async fn find_current(app: &App, user_id: Uuid) -> Result<Membership> {
    let client = app.db().client().await?;
    let found = membership::find_current(&client, user_id).await?;
    found.ok_or(Error::NotFound)
}

/// Tells Stripe whether a membership is renewed, and stores what Stripe makes of it.
async fn set_renewal(
    app: &App,
    membership: &Membership,
    action: MembershipAction,
) -> Result<Membership> {
    let stripe = require_stripe(app)?;
    let subscription = membership.provider_subscription.as_deref();
    let subscription = subscription.filter(|_| {
        !matches!(
            membership.status,
            MembershipStatus::Starting | MembershipStatus::Ended
        )
    });
    let subscription = subscription.ok_or(NOT_RUNNING)?;
    match action {
        MembershipAction::End => stripe.end_subscription(subscription).await?,
        MembershipAction::Renew => stripe.renew_subscription(subscription).await?,
    };
    sync_membership(app, stripe, membership).await?;
    mail::send_due_in_background(app);
    let client = app.db().client().await?;
    let changed = membership::find(&client, membership.id).await?;
    changed.ok_or(Error::NotFound)
}

/// The page on which a member changes the card and sees the invoices.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MembershipPortal)]
pub struct PortalView {
    /// The URL at Stripe. It is valid for a few minutes.
    url: String,
}

/// Opens the page on which a member changes the card and sees the invoices.
///
/// # Errors
///
/// [`Error::NotFound`] before the first payment; [`Error::Unavailable`] when Stripe does not
/// answer.
pub fn open_portal<'a>(app: &'a App, member: &'a Member) -> BoxFuture<'a, Result<PortalView>> {
    Box::pin(async move {
        member.key()?;
        let current = find_current(app, member.user.id).await?;
        let customer = current.provider_customer.ok_or(Error::NotFound)?;
        let stripe = require_stripe(app)?;
        let return_url = format!("{}/shop", app.config().studio.site_url);
        let portal = stripe.create_portal_session(&customer, &return_url);
        Ok(PortalView { url: portal.await? })
    })
}

/// The query of the memberships.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MembershipsQuery {
    /// Only the memberships of the member with this id.
    #[param(value_type = Option<Uuid>)]
    member_id: Option<String>,
}

/// Lists a page of memberships, newest first, for staff. Those that were never paid are left out,
/// unless they still can be.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed.
pub fn list(
    app: &App,
    query: MembershipsQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<MembershipView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let member_id = form.check_filled("memberId", query.member_id.as_deref(), query::id);
        form.finish()?;
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let zone = TimeZone::of_studio(studio)?;
        let rows = app
            .db()
            .read(async move |client| membership::list(client, member_id, &page).await)
            .await?;
        Ok(List::new(rows, page, Membership::position, |membership| {
            MembershipView::new(membership, &zone, studio, now)
        }))
    })
}

/// A change of a member's membership by staff.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMemberMembership {
    membership_id: Uuid,
    action: MembershipAction,
}

/// Ends the membership of another member at the end of the period, or takes that back.
///
/// # Errors
///
/// [`Error::NotFound`]; 403 `own_purchase`; those of [`update`].
pub fn update_of_member<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: &'a UpdateMemberMembership,
) -> BoxFuture<'a, Result<MembershipView>> {
    Box::pin(async move {
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let (id, action) = (form.membership_id, form.action);
        // The role is checked before Stripe is told. No transaction is open while it is.
        let transaction = app.transaction().authorize(&staff_action);
        let found = transaction.run(async |tx| {
            let found = membership::find(tx, id).await?.ok_or(Error::NotFound)?;
            if found.user_id == staff_action.actor_id() {
                return Err(OWN_PURCHASE);
            }
            Ok(found)
        });
        let changed = set_renewal(app, &found.await?, action).await?;
        let transaction = app.transaction();
        transaction
            .run(async |tx| {
                let detail = json!({ "membershipId": id, "action": action.as_str() });
                let kind = SecurityEventKind::MembershipChanged;
                staff_action
                    .record(tx, kind, Some(changed.user_id), detail)
                    .await
            })
            .await?;
        MembershipView::of(app, changed)
    })
}

const NOT_RUNNING: Error = Error::Conflict {
    code: ErrorCode::MembershipNotRunning,
    message: "Only a membership that has begun and has not ended can be changed",
};

const UNDER_WAY: Error = Error::Conflict {
    code: ErrorCode::PaymentUnderWay,
    message: "Your payment is still being processed",
};
