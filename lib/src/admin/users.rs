//! Listing accounts, and changing their roles and status as an administrator. Also ends
//! sessions, lifts blocks, and removes second factors.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::bookings::changes;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{List, Member, SetCookie, query};
use crate::identity::rate_limit;
use crate::identity::reauthenticate::reauthenticate;
use crate::identity::renewal::NewCredential;
use crate::identity::token_pair::{OptionalTokenPair, TokenPair};
use crate::identity::view::UserView;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::account::{self, Account, AccountFilter, MAX_SEARCH_CHARACTERS, Role};
use crate::models::user::{self, second_factor};
use crate::models::{booking, member_event, membership, order};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Renewal, Tx};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::{App, BoxFuture, session};

const OWN_ROLE: Error = Error::Forbidden {
    code: ErrorCode::OwnRole,
    message: "You cannot change your own role; please ask another administrator",
};

const OWN_ACCOUNT: Error = Error::Forbidden {
    code: ErrorCode::OwnAccount,
    message: "You cannot deactivate your own account here; please use your profile",
};

const OWN_SECOND_FACTOR: Error = Error::Forbidden {
    code: ErrorCode::OwnSecondFactor,
    message: "You cannot remove your own second factor here; please use your account settings",
};

const ACCOUNT_CLOSED: Error = Error::Conflict {
    code: ErrorCode::AccountClosed,
    message: "The member has closed this account, and its data are erased; the member can register again",
};

const NOT_CONFIRMED: Error = Error::Conflict {
    code: ErrorCode::EmailNotVerified,
    message: "This member has not confirmed their e-mail address, so it may not be theirs",
};

/// The filter of the list of accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Words, in any order. Each must be a part of the e-mail address or of a name. Case,
    /// accents, and kinds of apostrophes are ignored: `jose nunez` finds José Núñez.
    #[param(max_length = 200, example = "morales")]
    search: Option<String>,
    /// The role of the accounts.
    #[param(inline, value_type = Option<Role>)]
    role: Option<String>,
    /// Whether the accounts are active.
    #[param(value_type = Option<bool>)]
    active: Option<String>,
}

impl AccountQuery {
    fn parse(&self) -> Result<AccountFilter> {
        let mut form = Form::default();
        let filter = AccountFilter {
            search: form.check_filled("search", self.search.as_deref(), |text| {
                form::line(text, MAX_SEARCH_CHARACTERS)
            }),
            role: form.check_filled("role", self.role.as_deref(), role),
            active: form.check_filled("active", self.active.as_deref(), query::boolean),
        };
        form.finish()?;
        Ok(filter)
    }
}

fn role(text: &str) -> Result<Role, Problem> {
    let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| "must be member, staff or admin".to_owned())
}

/// An account, as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserAccount)]
pub struct AccountView {
    #[serde(flatten)]
    user: UserView,
    role: Role,
    is_active: bool,
    /// When the member closed the account. Its data are then erased: the e-mail address is
    /// `closed:` followed by the id, and the name is neutral.
    closed_at: Option<DateTime<Utc>>,
    /// The number of sessions that have not expired.
    sessions: i64,
    /// When the block after failed sign-ins ends. It may apply to a single IP address.
    /// Null if sign-in is not blocked.
    locked_until: Option<DateTime<Utc>>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            role: account.role(),
            is_active: account.is_active,
            closed_at: account.closed_at,
            sessions: account.sessions,
            locked_until: account.locked_until,
            user: account.user.into(),
        }
    }
}

/// An account that was updated.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UpdatedUserAccount)]
pub struct UpdatedUser {
    #[serde(flatten)]
    account: AccountView,
    /// New tokens, if the administrator uses tokens and has given a role. The previous ones
    /// are no longer valid.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

/// The changes to an account. Fields that are left out keep their values.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "role": "staff", "currentPassword": "mi casa azul 42"}))]
pub struct UpdateUser {
    /// The id of the account.
    id: Uuid,
    /// The new role. Administrators cannot change their own role. The roles `staff` and
    /// `admin` require `currentPassword`, and a member with a confirmed e-mail address.
    role: Option<Role>,
    /// The administrator's own password, to give a role. An administrator without a
    /// password leaves it out, and must have signed in through a provider within the last ten
    /// minutes.
    #[schema(format = "password")]
    current_password: Option<String>,
    /// False deactivates the account, ends its sessions, and cancels its bookings of classes
    /// that have not started. True reactivates it.
    is_active: Option<bool>,
    /// Ends all sessions of the member.
    #[serde(default)]
    end_sessions: bool,
    /// Lifts the block after failed sign-ins.
    #[serde(default)]
    unlock: bool,
    /// Removes the second factor, for a member who has lost both it and the recovery codes.
    /// Also ends all sessions and notifies the member by e-mail.
    #[serde(default)]
    remove_second_factor: bool,
}

/// Lists accounts, newest first.
///
/// # Errors
///
/// [`Error::Invalid`] if the filter is invalid.
pub fn list(
    app: &App,
    query: AccountQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<AccountView>>> {
    Box::pin(async move {
        let filter = query.parse()?;
        let rows = app
            .db()
            .read(async move |client| account::list(client, &filter, &page).await)
            .await?;
        Ok(List::new(rows, page, Account::position, AccountView::from))
    })
}

/// Updates an account. All sessions of the member show the change immediately. To give a
/// role, the administrator must authenticate again, and the administrator's session gets a
/// new credential.
///
/// At least one administrator always remains: administrators cannot demote or deactivate
/// themselves here, and the row of the acting administrator is locked.
///
/// # Errors
///
/// 403 `own_role`, `own_account` or `own_second_factor`; [`Error::FORBIDDEN`] if the caller is
/// no longer an administrator; 409 `account_closed` or `email_not_verified`;
/// [`Error::NotFound`]; [`Error::SessionGone`]; [`Error::Unavailable`]; to give a role, the
/// errors of [`reauthenticate`].
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    request: UpdateUser,
) -> BoxFuture<'a, Result<(Option<SetCookie>, UpdatedUser)>> {
    Box::pin(async move {
        if request.id == admin.user.id {
            check_own_account(&request)?;
        }
        let (key, admin_id) = (admin.key()?, admin.user.id);
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let needs_second_factor = app.config().require_staff_second_factor;
        let proof = match request.role {
            None | Some(Role::Member) => None,
            Some(Role::Staff | Role::Admin) => {
                let password = request.current_password.as_deref();
                Some(reauthenticate(app, caller, admin, password).await?)
            }
        };
        let renewal = Renewal::new(key);
        let updated = app.transaction().run(async |tx| {
            let user_id = request.id;
            let sessions =
                session::lock_for_admin(tx, key, admin_id, user_id, needs_second_factor).await?;
            tx.invalidate_sessions(sessions);
            if let Some(proof) = &proof {
                user::require_epoch(tx, proof).await?;
            }
            let mut update = AccountUpdate::new(tx, admin_id, request.id, now).await?;
            update.apply(&request).await?;
            if update.deactivated {
                let mut events = booking::cancel_all_of(tx, request.id, now, studio).await?;
                membership::request_end(tx, request.id).await?;
                events.extend(order::cancel_open_of(tx, request.id, now, studio).await?);
                member_event::record(tx, &events).await?;
                tx.invalidate([app.schedule()]);
            }
            let updated = update.finish(caller).await?;
            let renewed = match &proof {
                Some(_) => Some(renewal.run(tx).await?),
                None => None,
            };
            Ok((updated, renewed))
        });
        let (updated, renewed) = updated.await?;
        let UpdatedAccount {
            account,
            ended_sessions,
            unlocked_keys,
        } = updated;
        rate_limit::delete_counters(app, &unlocked_keys).await;
        mail::send_due_in_background(app);
        if !account.is_active {
            changes::after_commit(app);
        }
        app.counters()
            .add("sessions_revoked", ended_sessions as u64);
        let issue = |renewed| NewCredential::issue(app, &admin.user, renewed);
        let NewCredential { cookie, tokens } = renewed.as_ref().map(issue).unwrap_or_default();
        let account = account.into();
        Ok((cookie, UpdatedUser { account, tokens }))
    })
}

/// Checks that an administrator may make these changes to their own account.
fn check_own_account(request: &UpdateUser) -> Result<()> {
    if request.role.is_some() {
        return Err(OWN_ROLE);
    }
    if request.remove_second_factor {
        return Err(OWN_SECOND_FACTOR);
    }
    if request.is_active == Some(false) {
        return Err(OWN_ACCOUNT);
    }
    Ok(())
}

/// The result of an update.
struct UpdatedAccount {
    account: Account,
    ended_sessions: usize,
    /// The keys of the rate limits that were lifted. Their counters in Redis must be deleted.
    unlocked_keys: Vec<String>,
}

/// An update in progress, in its transaction.
struct AccountUpdate<'c> {
    tx: &'c Tx,
    admin_id: Uuid,
    now: DateTime<Utc>,
    account: Account,
    ended_sessions: usize,
    /// Whether this update deactivated the account. Its bookings must then be cancelled.
    deactivated: bool,
    unlocked_keys: Vec<String>,
    /// The security events. They are inserted last, because an insert locks the member's
    /// event stream.
    events: Vec<(SecurityEventKind, Value)>,
}

impl<'c> AccountUpdate<'c> {
    async fn new(tx: &'c Tx, admin_id: Uuid, id: Uuid, now: DateTime<Utc>) -> Result<Self> {
        let account = account::find(tx, id).await?;
        Ok(Self {
            tx,
            admin_id,
            now,
            account: account.ok_or(Error::NotFound)?,
            ended_sessions: 0,
            deactivated: false,
            unlocked_keys: Vec::new(),
            events: Vec::new(),
        })
    }

    async fn apply(&mut self, request: &UpdateUser) -> Result<()> {
        if self.account.closed_at.is_some() {
            return Err(ACCOUNT_CLOSED);
        }
        if let Some(role) = request.role {
            self.set_role(role).await?;
        }
        if let Some(is_active) = request.is_active {
            self.set_active(is_active).await?;
        }
        if request.end_sessions {
            let count = self.end_sessions().await?;
            self.record(SecurityEventKind::SessionsEnded, json!({ "count": count }));
        }
        if request.remove_second_factor {
            self.remove_second_factor().await?;
        }
        if request.unlock {
            let user = &self.account.user;
            let reset = rate_limit::reset_account(self.tx, &user.email, user.id).await?;
            self.unlocked_keys = reset.keys;
            self.record(
                SecurityEventKind::SignInUnlocked,
                json!({ "count": reset.count }),
            );
        }
        Ok(())
    }

    async fn set_role(&mut self, to: Role) -> Result<()> {
        let from = self.account.role();
        if from != to {
            if to != Role::Member && !self.account.user.email_verified {
                return Err(NOT_CONFIRMED);
            }
            account::set_role(self.tx, self.account.user.id, to).await?;
            self.record(
                SecurityEventKind::RoleChanged,
                json!({ "from": from, "to": to }),
            );
        }
        Ok(())
    }

    async fn set_active(&mut self, to: bool) -> Result<()> {
        let from = self.account.is_active;
        if from == to {
            return Ok(());
        }
        account::set_active(self.tx, self.account.user.id, to).await?;
        let kind = if to {
            SecurityEventKind::AccountActivated
        } else {
            self.end_sessions().await?;
            self.deactivated = true;
            SecurityEventKind::AccountDeactivated
        };
        self.record(kind, json!({ "from": from, "to": to }));
        Ok(())
    }

    async fn remove_second_factor(&mut self) -> Result<()> {
        second_factor::remove(self.tx, self.account.user.id).await?;
        self.end_sessions().await?;
        let (kind, user) = (NoticeKind::TwoFactorDisabled, &self.account.user);
        mail::notify(self.tx, kind, user, Notice::from_studio(self.now)).await?;
        self.record(SecurityEventKind::TwoFactorDisabled, json!({}));
        Ok(())
    }

    async fn end_sessions(&mut self) -> Result<usize> {
        let ended = session::end_all_of(self.tx, self.account.user.id, None).await?;
        let count = ended.len();
        self.ended_sessions += count;
        self.tx.invalidate_sessions(ended);
        Ok(count)
    }

    fn record(&mut self, kind: SecurityEventKind, mut detail: Value) {
        detail["by"] = json!(self.admin_id);
        self.events.push((kind, detail));
    }

    async fn finish(mut self, caller: &Caller) -> Result<UpdatedAccount> {
        let id = self.account.user.id;
        for (kind, detail) in std::mem::take(&mut self.events) {
            security_event::insert_with_detail(self.tx, kind, Some(id), caller, detail).await?;
        }
        let account = account::find(self.tx, id).await?;
        Ok(UpdatedAccount {
            account: account.ok_or(Error::NotFound)?,
            ended_sessions: self.ended_sessions,
            unlocked_keys: self.unlocked_keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_description_states_the_maximum_length_of_a_search() {
        let params = serde_json::to_value(AccountQuery::into_params(|| None)).unwrap();
        assert_eq!(params[0]["name"], "search");
        assert_eq!(params[0]["schema"]["maxLength"], MAX_SEARCH_CHARACTERS);
    }
}
