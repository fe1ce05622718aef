//! What staff do: only while they still may, and never without a note of it.

use serde_json::{Value, json};
use tokio_postgres::Client as Postgres;
use uuid::Uuid;

use crate::error::Result;
use crate::http::Member;
use crate::models::security_event::{self, Kind};
use crate::session::{self, Key};
use crate::store::postgres::Db;
use crate::values::caller::Caller;

/// One thing that somebody of the staff does. Whether they may is asked of
/// Postgres in the same transaction: what let the request in may be a record
/// in Redis that has not heard yet.
#[derive(Clone, Debug)]
pub struct Act {
    key: Key,
    by: Uuid,
    caller: Caller,
    /// Whether it takes an administrator.
    needs_admin: bool,
}

impl Act {
    /// By whom, and from where.
    ///
    /// # Errors
    ///
    /// As [`Member::key`].
    pub fn new(staff: &Member, caller: &Caller) -> Result<Self> {
        Ok(Self {
            key: staff.key()?.clone(),
            by: staff.user.id,
            caller: caller.clone(),
            needs_admin: false,
        })
    }

    /// As [`Act::new`], of what an administrator alone may do.
    ///
    /// # Errors
    ///
    /// As [`Member::key`].
    pub fn of_admin(admin: &Member, caller: &Caller) -> Result<Self> {
        let act = Self::new(admin, caller)?;
        Ok(Self {
            needs_admin: true,
            ..act
        })
    }

    /// The member who does it.
    pub fn by(&self) -> Uuid {
        self.by
    }

    /// Says that they still may, as the first statement of its transaction.
    ///
    /// # Errors
    ///
    /// As [`session::require_staff`], or [`session::require_admin`].
    pub async fn begin(&self, postgres: &Postgres) -> Result<()> {
        if self.needs_admin {
            return session::require_admin(postgres, &self.key).await;
        }
        session::require_staff(postgres, &self.key).await
    }

    /// Does `work` in a transaction that begins with [`Self::begin`].
    ///
    /// # Errors
    ///
    /// As [`Self::begin`] and [`Db::transaction`].
    pub async fn transaction<T>(
        &self,
        db: &Db,
        work: impl AsyncFnOnce(&Postgres) -> Result<T>,
    ) -> Result<T> {
        let worked = db.transaction(async |postgres| {
            self.begin(postgres).await?;
            work(postgres).await
        });
        worked.await
    }

    /// Writes that it was done, in its transaction: `concerning` is the member
    /// it was done for, and who did it joins the detail.
    ///
    /// # Errors
    ///
    /// As [`security_event::insert_with`].
    pub async fn note(
        &self,
        postgres: &Postgres,
        kind: Kind,
        concerning: Option<Uuid>,
        mut detail: Value,
    ) -> Result<()> {
        detail["by"] = json!(self.by);
        security_event::insert_with(postgres, kind, concerning, &self.caller, detail).await
    }
}
