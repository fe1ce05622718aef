//! Confirmation and change of e-mail addresses.

use crate::error::{Error, Result};
use crate::http::Member;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CHANGE_EMAIL, LINK_ADDRESS, Subject, VERIFY_EMAIL};
use crate::identity::reauthenticate::reauthenticate;
use crate::identity::renewal::NewCredential;
use crate::models::one_time_token::{self, Purpose};
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::{self, Email, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Renewal, SessionKey, Token};
use crate::values::caller::Caller;
use crate::values::email;
use crate::{App, BoxFuture, session};

const ALREADY_VERIFIED: Error = Error::Conflict {
    code: "email_verified",
    message: "Your e-mail address is already confirmed",
};

/// Mails the member a link to confirm their e-mail address.
///
/// # Errors
///
/// 409 `email_verified`; [`Error::TooManyRequests`]; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn request_verification<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let key = member.key()?.clone();
        send_verification(app, caller, &member.user, Some(key)).await
    })
}

/// Mails a link to confirm the e-mail address of an account. `key` is the session that
/// requests the link, or `None` for a sign-in that requires a confirmed address.
///
/// # Errors
///
/// 409 `email_verified`; [`Error::TooManyRequests`]; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub(crate) async fn send_verification(
    app: &App,
    caller: &Caller,
    user: &User,
    key: Option<SessionKey>,
) -> Result<()> {
    let subjects = [
        Subject::email(VERIFY_EMAIL, &user.email),
        Subject::address(CHANGE_EMAIL, caller.address),
    ];
    rate_limit::count_attempt(app, &subjects).await?;
    let keyring = &app.config().encryption_keys;
    let (notice, id) = (Notice::from_caller(caller, app.clock().now()), user.id);
    let sent = app.transaction().run(async |tx| {
        match &key {
            Some(key) => session::lock_member(tx, key, id).await?,
            None => session::lock_owner(tx, id).await?,
        };
        // `user` may come from an outdated session record, so the row is read again.
        let credentials = user::find_credentials_by_id(tx, id, &[]).await?;
        let user = credentials.ok_or(Error::SessionGone)?.user;
        if user.email_verified {
            return Err(ALREADY_VERIFIED);
        }
        let (purpose, notice) = (Purpose::VerifyEmail, notice.clone());
        mail::send_link(tx, keyring, purpose, id, &user.email, notice).await
    });
    sent.await?;
    mail::send_due_soon(app);
    Ok(())
}

/// Confirms the e-mail address that a link was mailed to. The address replaces another
/// address of the account. The link can be used only once.
///
/// # Errors
///
/// [`Error::LinkEnded`]; 409 `email_taken`; [`Error::TooManyRequests`];
/// [`Error::Unavailable`].
pub fn confirm_email<'a>(
    app: &'a App,
    caller: &'a Caller,
    token: &'a str,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        rate_limit::count_attempt(app, &[Subject::address(LINK_ADDRESS, caller.address)]).await?;
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
            let old_email = user::verify_email(tx, link.user_id, &link.email, link.epoch).await?;
            let old_email = old_email.ok_or(Error::LinkEnded)?;
            if old_email == link.email {
                let (kind, id) = (SecurityEventKind::EmailVerified, Some(link.user_id));
                return security_event::insert(tx, kind, id, caller).await;
            }
            // Password reset links that were mailed to the old address must stop working.
            one_time_token::delete(tx, Purpose::ResetPassword, link.user_id).await?;
            let notice = Notice::from_caller(caller, now).with_other(&email::readable(&link.email));
            let (kind, id) = (NoticeKind::EmailChanged, link.user_id);
            mail::notify_address(tx, kind, id, &old_email, notice).await?;
            let kind = SecurityEventKind::EmailChanged;
            let detail = serde_json::json!({ "from": old_email, "to": link.email });
            security_event::insert_with_detail(tx, kind, Some(id), caller, detail).await
        });
        confirmed.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}

/// Mails a confirmation link to the new e-mail address, and a notice to the current one. If
/// another account has the new address, its owner gets a notice in place of the link. The
/// session of the caller gets a new credential.
///
/// # Errors
///
/// [`Error::Invalid`] for an invalid address; the errors of [`reauthenticate`].
pub fn request_change<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    new_email: &'a str,
    current_password: Option<&'a str>,
) -> BoxFuture<'a, Result<NewCredential>> {
    Box::pin(async move {
        let new_address =
            Email::parse(new_email).map_err(|problem| Error::field("newEmail", problem))?;
        if new_address.as_str() == member.user.email {
            return Err(Error::field("newEmail", "is already your address"));
        }
        let key = member.key()?;
        let proof = reauthenticate(app, caller, member, current_password).await?;
        let subjects = [
            Subject::address(CHANGE_EMAIL, caller.address),
            Subject::email(CHANGE_EMAIL, &member.user.email),
            Subject::email(VERIFY_EMAIL, new_address.as_str()),
        ];
        rate_limit::count_attempt(app, &subjects).await?;
        let keyring = &app.config().encryption_keys;
        let (user, new_email) = (&member.user, new_address.as_str());
        let notice = Notice::from_caller(caller, app.clock().now());
        let renewal = Renewal::new(key);
        let requested = app.transaction().run(async |tx| {
            session::lock_member(tx, key, user.id).await?;
            user::require_epoch(tx, &proof).await?;
            match user::find_credentials_by_email(tx, new_email, &[]).await? {
                Some(owner) => {
                    // Sending a link also deletes the previous one, so the member cannot tell
                    // the two cases apart.
                    one_time_token::delete(tx, Purpose::VerifyEmail, user.id).await?;
                    mail::notify_account_exists(tx, &owner, notice.clone()).await?;
                }
                None => {
                    let (purpose, notice) = (Purpose::VerifyEmail, notice.clone());
                    mail::send_link(tx, keyring, purpose, user.id, new_email, notice).await?;
                }
            }
            let kind = NoticeKind::EmailChangeRequested;
            mail::notify(
                tx,
                kind,
                user,
                notice.clone().with_other(&email::readable(new_email)),
            )
            .await?;
            let kind = SecurityEventKind::EmailChangeRequested;
            let detail = serde_json::json!({ "to": new_email });
            security_event::insert_with_detail(tx, kind, Some(user.id), caller, detail).await?;
            renewal.run(tx).await
        });
        let renewed = requested.await?;
        mail::send_due_soon(app);
        Ok(NewCredential::issue(app, user, &renewed))
    })
}
