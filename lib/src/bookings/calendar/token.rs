//! The token in the URL of a calendar feed. It grants read access to the
//! member's bookings and nothing else.

use serde::Serialize;
use utoipa::ToSchema;

use crate::crypto::random;
use crate::crypto::secret::sha256_hex;
use crate::error::Result;
use crate::http::Member;
use crate::models::calendar;
use crate::models::security_event::{self, SecurityEventKind};
use crate::values::caller::Caller;
use crate::{App, BoxFuture, session};

/// The token of a calendar feed. It is returned only when it is created.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalendarToken {
    /// 64 lower-case hexadecimal characters.
    token: String,
    /// The URL to subscribe to in a calendar program.
    url: String,
}

/// Creates a token for the member's feed. It replaces the previous token.
///
/// # Errors
///
/// 403 `demo_account`; [`Error::SessionGone`](crate::Error::SessionGone).
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
) -> BoxFuture<'a, Result<CalendarToken>> {
    Box::pin(async move {
        let token = random::hex::<32>();
        replace(app, caller, member, Some(sha256_hex(token.as_bytes()))).await?;
        let site_url = &app.config().studio.site_url;
        let url = format!("{site_url}/api/calendar?token={token}");
        Ok(CalendarToken { token, url })
    })
}

/// Deletes the token of the member's feed, if there is one.
///
/// # Errors
///
/// Those of [`create`].
pub fn delete<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(replace(app, caller, member, None))
}

/// Replaces the token under the lock of the current session, so that a revoked
/// session cannot create one.
async fn replace(app: &App, caller: &Caller, member: &Member, hash: Option<String>) -> Result<()> {
    let (key, id) = (member.key()?, member.user.id);
    let kind = match hash {
        Some(_) => SecurityEventKind::CalendarTokenCreated,
        None => SecurityEventKind::CalendarTokenDeleted,
    };
    app.transaction()
        .run(async |tx| {
            session::lock_member(tx, key, id).await?;
            if calendar::set_token(tx, id, hash.clone()).await? {
                security_event::insert(tx, kind, Some(id), caller).await?;
            }
            Ok(())
        })
        .await
}
