//! The secret in a feed's address: whoever holds it reads that member's
//! classes, and nothing else.

use serde::Serialize;
use utoipa::ToSchema;

use crate::crypto::random;
use crate::crypto::secret::sha256_hex;
use crate::error::Result;
use crate::http::Member;
use crate::models::calendar;
use crate::models::security_event::{self, Kind};
use crate::values::caller::Caller;
use crate::{App, BoxFuture, session};

/// A feed's token, told once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CalendarToken)]
pub struct Made {
    /// 64 lower-case hex characters. It is not told again.
    token: String,
    /// What to give to a calendar program.
    url: String,
}

/// Makes a token for the member's feed; the one before ends.
///
/// # Errors
///
/// 403 `demo_account`; [`crate::Error::SessionGone`]; [`crate::Error::Unavailable`].
pub fn make<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
) -> BoxFuture<'a, Result<Made>> {
    Box::pin(async move {
        let token = random::hex::<32>();
        replace(app, client, member, Some(sha256_hex(token.as_bytes()))).await?;
        let site = &app.config().studio.site_url;
        let url = format!("{site}/api/calendar?token={token}");
        Ok(Made { token, url })
    })
}

/// Ends the member's feed, if there is one.
///
/// # Errors
///
/// As [`make`].
pub fn withdraw<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
) -> BoxFuture<'a, Result<()>> {
    replace(app, client, member, None)
}

/// Under the lock of the session that acts: one that has been ended makes no
/// way back in.
fn replace<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    hash: Option<String>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let (key, id) = (member.key()?, member.user.id);
        let kind = match hash {
            Some(_) => Kind::CalendarTokenMade,
            None => Kind::CalendarTokenWithdrawn,
        };
        app.transaction()
            .run(async |tx| {
                session::lock_member(tx, key, id).await?;
                if calendar::set_token(tx, id, hash.clone()).await? {
                    security_event::insert(tx, kind, Some(id), client).await?;
                }
                Ok(())
            })
            .await
    })
}
