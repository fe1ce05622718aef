//! What administrators do to accounts: find them, change what they may do,
//! close and open them, and end their sessions.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::bookings::member;
use crate::error::{Error, Result};
use crate::http::{List, Member, query};
use crate::identity::rate_limit;
use crate::models::booking;
use crate::models::security_event::{self, Kind};
use crate::models::user::administration::{self, Account, Filter, Role, ShownToAdmin};
use crate::models::user::second_factor;
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::{App, BoxFuture, session};

const OWN_ROLE: Error = Error::Forbidden {
    code: "own_role",
    message: "Nobody changes their own role: ask another administrator",
};

const OWN_ACCOUNT: Error = Error::Forbidden {
    code: "own_account",
    message: "Nobody closes their own account here: the profile is the place for that",
};

const OWN_SECOND_FACTOR: Error = Error::Forbidden {
    code: "own_second_factor",
    message: "Nobody takes away their own second factor here: the account is the place for that",
};

/// `?search=&role=&active=` of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// A part of the address or of the names, whatever the case.
    #[param(max_length = 200, example = "morales")]
    search: Option<String>,
    /// `member`, `staff` or `admin`.
    #[param(inline, value_type = Option<Role>)]
    role: Option<String>,
    /// `true` or `false`.
    #[param(value_type = Option<bool>)]
    active: Option<String>,
}

impl Search {
    fn read(&self) -> Result<Filter> {
        let mut check = Form::default();
        let filter = Filter {
            search: check.check_filled("search", self.search.as_deref(), |typed| {
                form::line(typed, 200)
            }),
            role: check.check_filled("role", self.role.as_deref(), role),
            active: check.check_filled("active", self.active.as_deref(), query::boolean),
        };
        check.finish()?;
        Ok(filter)
    }
}

fn role(typed: &str) -> Result<Role, Problem> {
    let known = Role::ALL.into_iter().find(|role| role.as_str() == typed);
    known.ok_or_else(|| "must be member, staff or admin".to_owned())
}

/// What is to be done to an account; what is left out stays as it is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "role": "staff"}))]
#[schema(as = UpdateUser)]
pub struct AccountChange {
    /// Whose account.
    id: Uuid,
    /// What they may do from now on; never one's own.
    role: Option<Role>,
    /// False closes the account, ends its sessions, and gives up what it has
    /// booked and has not begun. True opens it again.
    is_active: Option<bool>,
    /// Ends all sessions of theirs.
    #[serde(default)]
    end_sessions: bool,
    /// Ends the wait after failed sign-ins.
    #[serde(default)]
    unlock: bool,
    /// Takes the second factor away, of somebody who has lost theirs and the
    /// recovery codes; ends all sessions, and tells them by mail.
    #[serde(default)]
    remove_second_factor: bool,
}

/// A page of the accounts that fit.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub fn list(app: &App, search: Search, page: Page) -> BoxFuture<'_, Result<List<ShownToAdmin>>> {
    Box::pin(async move {
        let filter = search.read()?;
        let rows = app
            .db()
            .read(async move |client| administration::list(client, &filter, &page).await)
            .await?;
        Ok(List::new(rows, page, Account::place, ShownToAdmin::from))
    })
}

/// Changes an account; every session of its owner is told at once. There is
/// always an administrator left: the one who acts, whose row is locked
/// meanwhile and who cannot act on their own role.
///
/// # Errors
///
/// 403 `own_role`, `own_account`, `own_second_factor`, or [`Error::FORBIDDEN`] when whoever acts is
/// no administrator any more; [`Error::NotFound`]; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn change<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    change: AccountChange,
) -> BoxFuture<'a, Result<ShownToAdmin>> {
    Box::pin(async move {
        let own = change.id == admin.user.id;
        if own && change.role.is_some() {
            return Err(OWN_ROLE);
        }
        if own && change.remove_second_factor {
            return Err(OWN_SECOND_FACTOR);
        }
        if own && change.is_active == Some(false) {
            return Err(OWN_ACCOUNT);
        }
        let (key, by) = (admin.key()?, admin.user.id);
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let changing = app.transaction().run(async |tx| {
            tx.invalidate_sessions(session::lock_for_admin(tx, key, by, change.id).await?);
            let mut work = Work::new(tx, by, change.id, now).await?;
            work.run(&change).await?;
            if work.closed {
                booking::cancel_all_of(tx, change.id, now, studio).await?;
                tx.invalidate([app.schedule()]);
            }
            work.finish(caller).await
        });
        let Done {
            account,
            ended,
            unlocked,
        } = changing.await?;
        rate_limit::forget(app, &unlocked).await;
        mail::send_due_soon(app);
        if !account.is_active {
            member::after_commit(app);
        }
        app.counters().add("sessions_revoked", ended as u64);
        Ok(account.into())
    })
}

/// What a change has come to.
struct Done {
    account: Account,
    /// How many sessions ended.
    ended: usize,
    /// See [`Work`].
    unlocked: Vec<String>,
}

/// A change under way, in its transaction.
struct Work<'c> {
    tx: &'c Tx,
    by: Uuid,
    now: DateTime<Utc>,
    account: Account,
    ended: usize,
    /// Whether the account was closed: whose is closed does not come.
    closed: bool,
    /// What Redis is still to forget of tries.
    unlocked: Vec<String>,
    /// Written last, for they take the lock of the member's stream.
    events: Vec<(Kind, Value)>,
}

impl<'c> Work<'c> {
    async fn new(tx: &'c Tx, by: Uuid, id: Uuid, now: DateTime<Utc>) -> Result<Self> {
        let account = administration::find(tx, id).await?;
        Ok(Self {
            tx,
            by,
            now,
            account: account.ok_or(Error::NotFound)?,
            ended: 0,
            closed: false,
            unlocked: Vec::new(),
            events: Vec::new(),
        })
    }

    async fn run(&mut self, change: &AccountChange) -> Result<()> {
        if let Some(role) = change.role {
            self.set_role(role).await?;
        }
        if let Some(is_active) = change.is_active {
            self.set_active(is_active).await?;
        }
        if change.end_sessions {
            let count = self.end_sessions().await?;
            self.note(Kind::SessionsEnded, json!({ "count": count }));
        }
        if change.remove_second_factor {
            self.remove_second_factor().await?;
        }
        if change.unlock {
            let email = &self.account.user.email;
            self.unlocked = rate_limit::forgive_account(self.tx, email).await?;
            let count = self.unlocked.len();
            self.note(Kind::SignInUnlocked, json!({ "count": count }));
        }
        Ok(())
    }

    async fn set_role(&mut self, to: Role) -> Result<()> {
        let from = self.account.role();
        if from != to {
            administration::set_role(self.tx, self.account.user.id, to).await?;
            self.note(Kind::RoleChanged, json!({ "from": from, "to": to }));
        }
        Ok(())
    }

    async fn set_active(&mut self, to: bool) -> Result<()> {
        let from = self.account.is_active;
        if from == to {
            return Ok(());
        }
        administration::set_active(self.tx, self.account.user.id, to).await?;
        let kind = if to {
            Kind::AccountActivated
        } else {
            self.end_sessions().await?;
            self.closed = true;
            Kind::AccountDeactivated
        };
        self.note(kind, json!({ "from": from, "to": to }));
        Ok(())
    }

    async fn remove_second_factor(&mut self) -> Result<()> {
        second_factor::remove(self.tx, self.account.user.id).await?;
        self.end_sessions().await?;
        let (kind, user) = (NoticeKind::TwoFactorDisabled, &self.account.user);
        mail::notify(self.tx, kind, user, Notice::from_studio(self.now)).await?;
        self.note(Kind::TwoFactorDisabled, json!({}));
        Ok(())
    }

    async fn end_sessions(&mut self) -> Result<usize> {
        let ended = session::end_all_of(self.tx, self.account.user.id, None).await?;
        let count = ended.len();
        self.ended += count;
        self.tx.invalidate_sessions(ended);
        Ok(count)
    }

    fn note(&mut self, kind: Kind, mut detail: Value) {
        detail["by"] = json!(self.by);
        self.events.push((kind, detail));
    }

    async fn finish(mut self, caller: &Caller) -> Result<Done> {
        let id = self.account.user.id;
        for (kind, detail) in std::mem::take(&mut self.events) {
            security_event::insert_with(self.tx, kind, Some(id), caller, detail).await?;
        }
        let account = administration::find(self.tx, id).await?;
        Ok(Done {
            account: account.ok_or(Error::NotFound)?,
            ended: self.ended,
            unlocked: self.unlocked,
        })
    }
}
