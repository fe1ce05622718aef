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
use crate::session::{Changed, Key, Token};
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
    let keyring = app.config().encryption_keys.clone();
    let (notice, id) = (Notice::from_caller(client, app.clock().now()), user.id);
    let sent = app.sessions().transaction(move |postgres| {
        let (key, keyring, notice) = (key.clone(), keyring.clone(), notice.clone());
        Box::pin(async move {
            match &key {
                Some(key) => session::lock_member(postgres, key, id).await?,
                None => session::lock_owner(postgres, id).await?,
            };
            // As it is now: what is known of the member may be older.
            let known = user::credentials_of(postgres, id, &[]).await?;
            let user = known.ok_or(Error::SessionGone)?.user;
            if user.email_verified {
                return Err(VERIFIED);
            }
            let purpose = Purpose::VerifyEmail;
            mail::send_link(postgres, &keyring, purpose, id, &user.email, notice).await?;
            Ok(Changed::nothing(()))
        })
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
        let (client, now) = (client.clone(), app.clock().now());
        let confirmed = app.sessions().transaction(move |postgres| {
            let (token, client) = (token.clone(), client.clone());
            Box::pin(async move {
                let purpose = Purpose::VerifyEmail;
                let link = one_time_token::find(postgres, purpose, &token).await?;
                let link = link.ok_or(Error::LinkEnded)?;
                let keys = session::lock_owner(postgres, link.user_id).await?;
                if !one_time_token::redeem(postgres, purpose, &token).await? {
                    return Err(Error::LinkEnded);
                }
                let before = user::verify_email(postgres, link.user_id, &link.email, link.epoch);
                let before = before.await?;
                let before = before.ok_or(Error::LinkEnded)?;
                if before == link.email {
                    let (kind, id) = (Kind::EmailVerified, Some(link.user_id));
                    security_event::insert(postgres, kind, id, &client).await?;
                    return Ok(Changed { value: (), keys });
                }
                // What was mailed to the old address leads nowhere any more.
                one_time_token::end(postgres, Purpose::ResetPassword, link.user_id).await?;
                let notice = Notice::from_caller(&client, now).with_other(&link.email);
                let (kind, id) = (NoticeKind::EmailChanged, link.user_id);
                mail::notify_address(postgres, kind, id, &before, notice).await?;
                let kind = Kind::EmailChanged;
                let detail = serde_json::json!({ "from": before, "to": link.email });
                security_event::insert_with(postgres, kind, Some(id), &client, detail).await?;
                Ok(Changed { value: (), keys })
            })
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
        let key = member.key()?.clone();
        let proof = profile::prove_again(app, client, member, current_password).await?;
        let subjects = [
            Subject::address(CHANGE_EMAIL, client.address),
            Subject::email(CHANGE_EMAIL, &member.user.email),
            Subject::email(VERIFY_EMAIL, new.as_str()),
        ];
        rate_limit::take(app, &subjects).await?;
        let keyring = app.config().encryption_keys.clone();
        let (client, user) = (client.clone(), member.user.clone());
        let notice = Notice::from_caller(&client, app.clock().now());
        let asked = app.sessions().transaction(move |postgres| {
            let (key, proof, keyring) = (key.clone(), proof.clone(), keyring.clone());
            let (client, user) = (client.clone(), user.clone());
            let (new, notice) = (new.clone(), notice.clone());
            Box::pin(async move {
                let new = new.as_str();
                session::lock_member(postgres, &key, user.id).await?;
                user::require_epoch(postgres, &proof).await?;
                match user::credentials(postgres, new, &[]).await? {
                    Some(owner) => {
                        // As a new link would: what is left of one tells nothing.
                        one_time_token::end(postgres, Purpose::VerifyEmail, user.id).await?;
                        mail::notify_account_exists(postgres, &owner, notice.clone()).await?;
                    }
                    None => {
                        let (purpose, notice) = (Purpose::VerifyEmail, notice.clone());
                        mail::send_link(postgres, &keyring, purpose, user.id, new, notice).await?;
                    }
                }
                let kind = NoticeKind::EmailChangeAsked;
                mail::notify(postgres, kind, &user, notice.with_other(new)).await?;
                let kind = Kind::EmailChangeAsked;
                let detail = serde_json::json!({ "to": new });
                security_event::insert_with(postgres, kind, Some(user.id), &client, detail).await?;
                Ok(Changed::nothing(()))
            })
        });
        asked.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}
