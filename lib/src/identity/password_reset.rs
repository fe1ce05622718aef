//! Password reset through a mailed link.

use serde_json::json;

use crate::crypto::password::Password;
use crate::error::{Error, Result};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{FORGOT_ADDRESS, FORGOT_EMAIL, LINK_ADDRESS, Subject};
use crate::models::one_time_token::{self, Purpose};
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::{self, Email};
use crate::notify::mail;
use crate::notify::mail::{Link, Notice, NoticeKind};
use crate::session::Token;
use crate::values::caller::Caller;
use crate::{App, BoxFuture, session};

/// Mails a link to set a new password if there is an account with this e-mail address.
/// Neither the response nor its timing reveals whether there is one.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn request_reset<'a>(
    app: &'a App,
    caller: &'a Caller,
    email: &'a str,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let email = Email::parse(email).map_err(|problem| Error::field("email", problem))?;
        let subjects = [
            Subject::address(FORGOT_ADDRESS, caller.address),
            Subject::email(FORGOT_EMAIL, email.as_str()),
        ];
        rate_limit::count_attempt(app, &subjects).await?;
        let (link, token) = Link::new(&app.config().encryption_keys)?;
        let mut notice = Notice::from_caller(caller, app.clock().now());
        let id = link.id;
        notice.link = Some(link);
        let mail = one_time_token::ResetMail {
            email: email.as_str(),
            id,
            token: &token,
            notice: json!(notice),
            caller,
        };
        mail.queue(&app.db().client().await?).await?;
        mail::send_due_soon(app);
        Ok(())
    })
}

/// Sets a new password and ends all sessions. It neither signs the member in nor removes
/// a second factor.
///
/// # Errors
///
/// [`Error::LinkEnded`]; [`Error::Invalid`], after which the link is still valid;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn reset_password<'a>(
    app: &'a App,
    caller: &'a Caller,
    token: &'a str,
    new_password: &'a str,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        rate_limit::count_attempt(app, &[Subject::address(LINK_ADDRESS, caller.address)]).await?;
        let token = Token::parse(token).ok_or(Error::LinkEnded)?;
        let (link, user) = {
            let postgres = app.db().client().await?;
            let link = one_time_token::find(&postgres, Purpose::ResetPassword, &token).await?;
            let link = link.ok_or(Error::LinkEnded)?;
            let credentials = user::find_credentials_by_id(&postgres, link.user_id, &[]).await?;
            (link, credentials.ok_or(Error::LinkEnded)?.user)
        };
        let personal_data = [user.email.as_str(), &user.first_name, &user.last_name];
        let password = Password::parse_new(new_password, &app.config().studio.name, &personal_data)
            .map_err(|problem| Error::field("newPassword", problem))?;
        let hash = app.hasher().hash(password).await?;
        let now = app.clock().now();
        let transaction = app.transaction().run(async |tx| {
            let id = link.user_id;
            session::lock_owner(tx, id).await?;
            if !one_time_token::redeem(tx, Purpose::ResetPassword, &token).await? {
                return Err(Error::LinkEnded);
            }
            if !user::reset_password(tx, id, &link.email, &hash).await? {
                return Err(Error::LinkEnded);
            }
            user::unlink_unverified_identities(tx, id).await?;
            one_time_token::delete(tx, Purpose::VerifyEmail, id).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, None).await?);
            let notice = Notice::from_caller(caller, now);
            mail::notify(tx, NoticeKind::PasswordReset, &user, notice).await?;
            security_event::insert(tx, SecurityEventKind::PasswordReset, Some(id), caller).await
        });
        transaction.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}
