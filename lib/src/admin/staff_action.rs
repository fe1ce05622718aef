//! Staff actions, which are authorized under a lock and recorded as security events.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Result;
use crate::http::Member;
use crate::models::security_event::{self, SecurityEventKind};
use crate::session::{Actor, Tx};
use crate::values::caller::Caller;

/// An action of a member of staff, or of an instructor in their own class.
///
/// Its transaction must be prepared with [`Transaction::authorize`], because the
/// session record that admitted the request may be outdated.
///
/// [`Transaction::authorize`]: crate::session::Transaction::authorize
#[derive(Clone, Debug)]
pub struct StaffAction {
    actor: Actor,
    actor_id: Uuid,
    caller: Caller,
}

impl StaffAction {
    /// Creates an action that any member of staff may take.
    ///
    /// # Errors
    ///
    /// Those of [`Member::key`].
    pub fn by_staff(staff: &Member, caller: &Caller) -> Result<Self> {
        Ok(Self {
            actor: Actor::staff(staff.key()?.clone()),
            actor_id: staff.user.id,
            caller: caller.clone(),
        })
    }

    /// Creates an action that only an administrator may take.
    ///
    /// # Errors
    ///
    /// Those of [`Member::key`].
    pub fn by_admin(admin: &Member, caller: &Caller) -> Result<Self> {
        Ok(Self {
            actor: Actor::admin(admin.key()?.clone()),
            actor_id: admin.user.id,
            caller: caller.clone(),
        })
    }

    /// Creates an action of an instructor. Its transaction must check with
    /// [`teaching::require_own_class`](crate::models::teaching::require_own_class) that the
    /// member teaches the class.
    ///
    /// # Errors
    ///
    /// Those of [`Member::key`].
    pub fn by_instructor(instructor: &Member, caller: &Caller) -> Result<Self> {
        Ok(Self {
            actor: Actor::instructor(instructor.key()?.clone()),
            actor_id: instructor.user.id,
            caller: caller.clone(),
        })
    }

    /// Returns the id of the member who acts.
    pub fn actor_id(&self) -> Uuid {
        self.actor_id
    }

    /// Records the action as a security event in `tx`, the transaction of the action.
    /// `subject` is the affected member. The id of the member who acts is added to `detail`
    /// as `by`.
    ///
    /// # Errors
    ///
    /// Those of [`security_event::insert_with_detail`].
    pub async fn record(
        &self,
        tx: &Tx,
        kind: SecurityEventKind,
        subject: Option<Uuid>,
        mut detail: Value,
    ) -> Result<()> {
        detail["by"] = json!(self.actor_id);
        security_event::insert_with_detail(tx, kind, subject, &self.caller, detail).await
    }
}

impl AsRef<Actor> for StaffAction {
    fn as_ref(&self) -> &Actor {
        &self.actor
    }
}
