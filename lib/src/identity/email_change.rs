//! Whether an address is its member's, and how an account gets another.

use crate::error::{Error, Result};
use crate::http::Member;
use crate::identity::profile;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CHANGE_EMAIL, LINK_ADDRESS, Subject, VERIFY_EMAIL};
use crate::models::one_time_token::{self, Purpose};
use crate::models::security_event::{self, Kind};
use crate::models::user::{self, Email, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Key, Token};
use crate::values::caller::Caller;
use crate::{App, BoxFuture, session};

const VERIFIED: Error = Error::Conflict {
    code: "email_verified",
    message: "Your e-mail address is confirmed already",
};

/// Mails a member the link that confirms their address.
///
/// # Errors
///
/// 409 `email_verified`; [`Error::TooManyRequests`]; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn ask_again<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let key = member.key()?.clone();
        send_verification(app, client, &member.user, Some(key)).await
    })
}

/// Mails the link that confirms the address which an account has: asked for by a
/// session, or by somebody who knows the password and may not sign in yet.
///
/// # Errors
///
/// As [`ask_again`].
pub(crate) async fn send_verification(
    app: &App,
    client: &Caller,
    user: &User,
    key: Option<Key>,
) -> Result<()> {
    let subjects = [
        Subject::email(VERIFY_EMAIL, &user.email),
        Subject::address(CHANGE_EMAIL, client.address),
    ];
    rate_limit::take(app, &subjects).await?;
    let keyring = &app.config().encryption_keys;
    let (notice, id) = (Notice::from_caller(client, app.clock().now()), user.id);
    let sent = app.transaction().run(async |tx| {
        match &key {
            Some(key) => session::lock_member(tx, key, id).await?,
            None => session::lock_owner(tx, id).await?,
        };
        // Read again: what is known of the member may be outdated.
        let known = user::credentials_of(tx, id, &[]).await?;
        let user = known.ok_or(Error::SessionGone)?.user;
        if user.email_verified {
            return Err(VERIFIED);
        }
        let (purpose, notice) = (Purpose::VerifyEmail, notice.clone());
        mail::send_link(tx, keyring, purpose, id, &user.email, notice).await
    });
    sent.await?;
    mail::send_due_soon(app);
    Ok(())
}

/// Confirms the address that a link was mailed to; the account has it from now
/// on, if it had another. The link is good no more.
///
/// # Errors
///
/// [`Error::LinkEnded`]; 409 `email_taken`; [`Error::TooManyRequests`];
/// [`Error::Unavailable`].
pub fn confirm<'a>(app: &'a App, client: &'a Caller, token: &'a str) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        rate_limit::take(app, &[Subject::address(LINK_ADDRESS, client.address)]).await?;
        let token = Token::parse(token).ok_or(Error::LinkEnded)?;
        let now = app.clock().now();
        let confirmed = app.transaction().run(async |tx| {
            let purpose = Purpose::VerifyEmail;
            let link = one_time_token::find(tx, purpose, &token).await?;
            let link = link.ok_or(Error::LinkEnded)?;
            tx.invalidate_sessions(session::lock_owner(tx, link.user_id).await?);
            if !one_time_token::redeem(tx, purpose, &token).await? {
                return Err(Error::LinkEnded);
            }
            let before = user::verify_email(tx, link.user_id, &link.email, link.epoch).await?;
            let before = before.ok_or(Error::LinkEnded)?;
            if before == link.email {
                let (kind, id) = (Kind::EmailVerified, Some(link.user_id));
                return security_event::insert(tx, kind, id, client).await;
            }
            // Links that were mailed to the old address are no longer valid.
            one_time_token::end(tx, Purpose::ResetPassword, link.user_id).await?;
            let notice = Notice::from_caller(client, now).with_other(&link.email);
            let (kind, id) = (NoticeKind::EmailChanged, link.user_id);
            mail::notify_address(tx, kind, id, &before, notice).await?;
            let kind = Kind::EmailChanged;
            let detail = serde_json::json!({ "from": before, "to": link.email });
            security_event::insert_with(tx, kind, Some(id), client, detail).await
        });
        confirmed.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}

/// Mails a link to the address that an account is to have, and a notice to the
/// one that it has. Whether the new one is somebody's already is told to nobody
/// but its owner.
///
/// # Errors
///
/// [`Error::Invalid`]; as [`profile::prove_again`].
pub fn ask_for_change<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    new_email: &'a str,
    current_password: Option<&'a str>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let new = Email::parse(new_email).map_err(|why| Error::field("newEmail", why))?;
        if new.as_str() == member.user.email {
            return Err(Error::field("newEmail", "is your address already"));
        }
        let key = member.key()?;
        let proof = profile::prove_again(app, client, member, current_password).await?;
        let subjects = [
            Subject::address(CHANGE_EMAIL, client.address),
            Subject::email(CHANGE_EMAIL, &member.user.email),
            Subject::email(VERIFY_EMAIL, new.as_str()),
        ];
        rate_limit::take(app, &subjects).await?;
        let keyring = &app.config().encryption_keys;
        let (user, new) = (&member.user, new.as_str());
        let notice = Notice::from_caller(client, app.clock().now());
        let asked = app.transaction().run(async |tx| {
            session::lock_member(tx, key, user.id).await?;
            user::require_epoch(tx, &proof).await?;
            match user::credentials(tx, new, &[]).await? {
                Some(owner) => {
                    // As sending a new link does, so that both cases look the same.
                    one_time_token::end(tx, Purpose::VerifyEmail, user.id).await?;
                    mail::notify_account_exists(tx, &owner, notice.clone()).await?;
                }
                None => {
                    let (purpose, notice) = (Purpose::VerifyEmail, notice.clone());
                    mail::send_link(tx, keyring, purpose, user.id, new, notice).await?;
                }
            }
            let kind = NoticeKind::EmailChangeAsked;
            mail::notify(tx, kind, user, notice.clone().with_other(new)).await?;
            let kind = Kind::EmailChangeAsked;
            let detail = serde_json::json!({ "to": new });
            security_event::insert_with(tx, kind, Some(user.id), client, detail).await
        });
        asked.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}
