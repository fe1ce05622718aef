//! The accounts at providers that a member has linked.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};
use crate::http::Member;
use crate::identity::oauth::provider_list::label;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user_identity::{self, Identity};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::values::caller::Caller;
use crate::values::email;
use crate::{App, BoxFuture, session};

const LAST_SIGN_IN_METHOD: Error = Error::Conflict {
    code: ErrorCode::LastWayIn,
    message: "You could no longer sign in; please set a password first",
};

/// An account at a provider that the member has linked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LinkedProvider)]
pub struct IdentityView {
    id: Uuid,
    provider: String,
    email: Option<String>,
    linked_at: DateTime<Utc>,
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id,
            provider: identity.provider,
            email: identity.email.as_deref().map(email::readable),
            linked_at: identity.linked_at,
        }
    }
}

/// The methods with which the member can sign in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignInMethods {
    /// The linked accounts at providers, oldest first.
    items: Vec<IdentityView>,
    has_password: bool,
}

/// Returns the methods with which the member can sign in.
pub fn list<'a>(app: &'a App, member: &'a Member) -> BoxFuture<'a, Result<SignInMethods>> {
    Box::pin(async move {
        if session::demo::is_demo(&member.user) {
            return Ok(SignInMethods {
                items: Vec::new(),
                has_password: true,
            });
        }
        let id = member.user.id;
        let methods = app
            .db()
            .read(async move |postgres| user_identity::list(postgres, id).await);
        let (has_password, identities) = methods.await?;
        Ok(SignInMethods {
            items: identities.into_iter().map(IdentityView::from).collect(),
            has_password,
        })
    })
}

/// Unlinks an account at a provider. Fails if the member could no longer sign in.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `last_way_in`; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn unlink<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    id: Uuid,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let (key, user) = (member.key()?, &member.user);
        let notice = Notice::from_caller(caller, app.clock().now());
        let unlinked = app.transaction().run(async |tx| {
            // Concurrent requests wait for this lock, so that they cannot unlink the last
            // two accounts at once.
            session::lock_member(tx, key, user.id).await?;
            let (has_password, identities) = user_identity::list(tx, user.id).await?;
            let (matching, remaining): (Vec<_>, Vec<_>) =
                identities.into_iter().partition(|linked| linked.id == id);
            let identity = matching.first().ok_or(Error::NotFound)?;
            // A provider that is no longer configured cannot be used to sign in.
            let is_usable =
                |linked: &Identity| app.config().providers.contains_key(&linked.provider);
            if !has_password && !remaining.iter().any(is_usable) {
                return Err(LAST_SIGN_IN_METHOD);
            }
            user_identity::delete(tx, user.id, id).await?;
            let notice = notice
                .clone()
                .with_new_address_or_provider(&label(app, &identity.provider));
            mail::notify(tx, NoticeKind::IdentityUnlinked, user, notice).await?;
            let detail = serde_json::json!({ "provider": identity.provider });
            let kind = SecurityEventKind::IdentityUnlinked;
            security_event::insert_with_detail(tx, kind, Some(user.id), caller, detail).await
        });
        unlinked.await?;
        mail::send_due_in_background(app);
        Ok(())
    })
}
