//! Memberships: finding, starting, and ending them, and Stripe's customer portal.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OWN_PURCHASE;
use crate::admin::staff_action::StaffAction;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{List, Member, query};
use crate::models::membership::{self, Membership, MembershipStart, MembershipStatus};
use crate::models::product::{BillingPeriod, NamedClassType};
use crate::models::security_event::SecurityEventKind;
use crate::notify::mail;
use crate::payments::membership_checkout;
use crate::payments::membership_state::OpenCheckout;
use crate::payments::reconcile::{settle_in_background, sync_membership};
use crate::payments::stripe::{Refusal, Stripe};
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
    /// The last day of the grace period, in which bookings are kept although the period is not paid.
    /// Null unless a payment has failed.
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
        let is_billed = membership.status.is_billed();
        let ends = membership.cancel_at;
        let renewal = membership
            .period_end
            .filter(|_| is_billed && ends.is_none());
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
            grace_ends_on: late.map(|first_day| studio.membership_grace_end(first_day)),
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
/// Those of [`membership::start`] and `check_out`; 409 `payment_under_way` when another membership
/// was paid meanwhile, or its checkout cannot be closed yet.
pub fn start<'a>(
    app: &'a App,
    member: &'a Member,
    form: &'a StartMembership,
) -> BoxFuture<'a, Result<MembershipView>> {
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let mut started = find_or_start(app, member, form.product_id).await?;
        let stripe = require_stripe(app)?;
        // Stripe knows more about a checkout that was created before: it may have been paid, or
        // must be closed before another one is created.
        let known = match &started {
            MembershipStart::Payable(membership) if membership.checkout.is_none() => None,
            MembershipStart::Payable(membership) => Some((membership.id, OpenCheckout::Keep)),
            MembershipStart::Stale(membership) => Some((membership.id, OpenCheckout::Close)),
        };
        if let Some((id, open_checkout)) = known {
            sync_membership(app, stripe, id, open_checkout).await?;
            started = find_or_start(app, member, form.product_id).await?;
        }
        let MembershipStart::Payable(membership) = started else {
            return Err(UNDER_WAY);
        };
        let membership = membership_checkout::check_out(app, stripe, member, membership).await?;
        if membership.status != MembershipStatus::Starting {
            settle_in_background(app);
            return Err(UNDER_WAY);
        }
        MembershipView::of(app, membership)
    })
}

async fn find_or_start(app: &App, member: &Member, product_id: Uuid) -> Result<MembershipStart> {
    let (user_id, accepts_cards) = (member.user.id, app.stripe().is_some());
    let (now, currency) = (app.clock().now(), &app.config().studio.currency);
    let transaction = app.transaction();
    transaction
        .run(async |tx| {
            membership::start(tx, user_id, product_id, currency, accepts_cards, now).await
        })
        .await
}

fn require_stripe(app: &App) -> Result<&Stripe> {
    app.stripe()
        .ok_or_else(|| Error::unavailable("there are memberships, but Stripe is not configured"))
}

/// What happens to a membership at the end of its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipAction {
    /// It ends. If the period is not paid, it ends at once.
    End,
    /// It is renewed. This undoes `end`.
    Keep,
}

impl MembershipAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Keep => "keep",
        }
    }
}

/// A change of the member's own membership.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateMembership {
    action: MembershipAction,
}

/// Ends the membership of a member at the end of its paid period, or undoes that.
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
    let subscription = subscription.filter(|_| membership.status.is_running());
    let subscription = subscription.ok_or(NOT_RUNNING)?;
    let is_end = action == MembershipAction::End;
    let sent = match membership.status {
        MembershipStatus::PastDue if is_end => stripe.cancel_subscription(subscription).await,
        _ if is_end => stripe.end_subscription(subscription).await,
        _ => stripe.keep_subscription(subscription).await,
    };
    match sent {
        Ok(_) => {}
        // There is nothing left to end.
        Err(error) if is_end && error.refusal() == Some(Refusal::Missing) => {
            let client = app.db().client().await?;
            membership::request_end(&client, membership.user_id).await?;
        }
        Err(error) if error.refusal().is_some() => {
            // It may have ended at Stripe.
            let changed = sync(app, stripe, membership.id).await?;
            return Err(match changed.status {
                MembershipStatus::Ended => NOT_RUNNING,
                _ => error.into(),
            });
        }
        Err(error) => return Err(error.into()),
    }
    sync(app, stripe, membership.id).await
}

async fn sync(app: &App, stripe: &Stripe, id: Uuid) -> Result<Membership> {
    let membership = sync_membership(app, stripe, id, OpenCheckout::Keep).await?;
    mail::send_due_in_background(app);
    Ok(membership)
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
/// [`Error::NotFound`] when the member has no current membership, or has never paid for one;
/// [`Error::Unavailable`] when Stripe does not answer.
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

/// Lists a page of memberships, newest first, for staff. Memberships that never began are listed
/// only while they can still be paid.
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

/// Ends the membership of another member at the end of its paid period, or undoes that.
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
        // What staff do is recorded before Stripe is told, because no transaction is open then.
        let transaction = app.transaction().authorize(&staff_action);
        let found = transaction.run(async |tx| {
            let found = membership::find(tx, id).await?.ok_or(Error::NotFound)?;
            if found.user_id == staff_action.actor_id() {
                return Err(OWN_PURCHASE);
            }
            let detail = json!({ "membershipId": id, "action": action.as_str() });
            let kind = SecurityEventKind::MembershipChanged;
            staff_action
                .record(tx, kind, Some(found.user_id), detail)
                .await?;
            Ok(found)
        });
        let changed = set_renewal(app, &found.await?, action).await?;
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
