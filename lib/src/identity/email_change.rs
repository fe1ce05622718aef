//! Confirmation and change of e-mail addresses.

use serde::Serialize;
use utoipa::ToSchema;

use crate::bookings::changes;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{Member, SetCookie, SignInContext};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CHANGE_EMAIL, LINK_ADDRESS, NEW_EMAIL, Subject, VERIFY_EMAIL};
use crate::identity::reauthenticate::reauthenticate;
use crate::identity::renewal::NewCredential;
use crate::identity::token_pair::{OptionalTokenPair, TokenPair};
use crate::identity::{closing, first_proof};
use crate::models::one_time_token::{self, OneTimeToken, Purpose};
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::{self, Email, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Renewal, SessionKey, Token, Tx};
use crate::values::caller::Caller;
use crate::values::email;
use crate::{App, BoxFuture, session};

const ALREADY_VERIFIED: Error = Error::Conflict {
    code: ErrorCode::EmailVerified,
    message: "Your e-mail address is already confirmed",
};

const SIGN_IN_TO_CONFIRM: Error = Error::Forbidden {
    code: ErrorCode::SignInToConfirm,
    message: "This link changes the address of an account; please sign in to that account in \
        this browser, then open the link again",
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
    let mut subjects = Subject::address(CHANGE_EMAIL, caller.address);
    subjects.push(Subject::email(VERIFY_EMAIL, &user.email));
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
    mail::send_due_in_background(app);
    Ok(())
}

/// The response to a confirmation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailConfirmation {
    success: bool,
    /// Present only if this is the first confirmation of the account, and comes neither from the
    /// browser that registered nor from a session of the account. The account
    /// then has no password. Send this token with a new password to
    /// `/api/auth/reset-password` within an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reset_token: Option<String>,
    /// New tokens, if the address of the account has changed and the caller uses tokens. The
    /// previous ones are no longer valid.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

/// Confirms the e-mail address that a link was mailed to. The link can be used only once.
///
/// The first confirmation removes everything that was set up before, unless the confirmation
/// comes from the browser that registered or from a session of the account. The
/// link for a new address changes the account's address. This requires a session of the account, which gets a new credential.
///
/// # Errors
///
/// [`Error::LinkEnded`]; 403 `sign_in_to_confirm`; 409 `email_taken`;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn confirm_email<'a>(
    app: &'a App,
    context: &'a SignInContext,
    token: &'a str,
) -> BoxFuture<'a, Result<(Option<SetCookie>, EmailConfirmation)>> {
    Box::pin(async move {
        let subjects = Subject::address(LINK_ADDRESS, context.caller.address);
        let attempt = rate_limit::begin(app, subjects).await?;
        let token = Token::parse(token).ok_or(Error::LinkEnded)?;
        let renewal = context.previous_session.as_ref().map(Renewal::new);
        let confirmed = app.transaction().run(async |tx| {
            let purpose = Purpose::VerifyEmail;
            let link = one_time_token::find(tx, purpose, &token).await?;
            let link = link.ok_or(Error::LinkEnded)?;
            tx.invalidate_sessions(session::lock_owner(tx, link.user_id).await?);
            let account = user::find_credentials_by_id(tx, link.user_id, &[]).await?;
            let account = account.filter(|account| account.is_active);
            let (account, epoch) = account
                .map(|account| (account.user, account.epoch))
                .ok_or(Error::LinkEnded)?;
            let is_change = account.email != link.email;
            if is_change && epoch != link.epoch {
                return Err(Error::LinkEnded);
            }
            // The link stays valid, so that the member can sign in and open it again.
            if is_change && !first_proof::has_session(tx, context, account.id).await? {
                return Err(SIGN_IN_TO_CONFIRM);
            }
            if !one_time_token::redeem(tx, purpose, &token).await? {
                return Err(Error::LinkEnded);
            }
            if is_change {
                change_address(app, tx, context, &link).await?;
                let renewed = match &renewal {
                    Some(renewal) => Some((account, renewal.run(tx).await?)),
                    None => None,
                };
                return Ok((None, renewed));
            }
            let reset_token = confirm_address(tx, context, &account).await?;
            Ok((reset_token, None))
        });
        let confirmed = confirmed.await;
        attempt.settle(&confirmed);
        let (reset_token, renewed) = confirmed?;
        changes::after_commit(app);
        let NewCredential { cookie, tokens } = renewed
            .map(|(user, renewed)| NewCredential::issue(app, &user, &renewed))
            .unwrap_or_default();
        let confirmation = EmailConfirmation {
            success: true,
            reset_token: reset_token.map(|token| token.expose().to_owned()),
            tokens,
        };
        Ok((cookie, confirmation))
    })
}

/// Confirms the address with which the account was registered. Returns a token to set a
/// password, if the registrant's password was removed.
async fn confirm_address(
    tx: &Tx,
    context: &SignInContext,
    account: &User,
) -> Result<Option<Token>> {
    let id = account.id;
    let is_proven = account.email_verified || first_proof::is_registrant(tx, context, id).await?;
    let reset_token = match is_proven {
        true => None,
        false => {
            first_proof::forget_registrant(tx, id).await?;
            let token = Token::generate();
            let row = (random::id(), &token);
            one_time_token::issue(tx, Purpose::ResetPassword, row, id, &account.email).await?;
            Some(token)
        }
    };
    user::confirm_email(tx, id).await?;
    let kind = SecurityEventKind::EmailVerified;
    security_event::insert(tx, kind, Some(id), &context.caller).await?;
    Ok(reset_token)
}

/// Gives the account the address that a link was mailed to.
async fn change_address(
    app: &App,
    tx: &Tx,
    context: &SignInContext,
    link: &OneTimeToken,
) -> Result<()> {
    let id = link.user_id;
    closing::release_address(app, tx, &link.email).await?;
    let old_email = user::change_email(tx, id, &link.email, link.epoch).await?;
    let old_email = old_email.ok_or(Error::LinkEnded)?;
    // Password reset links that were mailed to the old address must stop working.
    one_time_token::delete(tx, Purpose::ResetPassword, id).await?;
    let notice = Notice::from_caller(&context.caller, app.clock().now())
        .with_new_address_or_provider(&email::readable(&link.email));
    mail::notify_address(tx, NoticeKind::EmailChanged, id, &old_email, notice).await?;
    let kind = SecurityEventKind::EmailChanged;
    let detail = serde_json::json!({ "from": old_email, "to": link.email });
    security_event::insert_with_detail(tx, kind, Some(id), &context.caller, detail).await
}

/// Mails a confirmation link to the new e-mail address, and a notice to the current one. If
/// the new address belongs to another account that has confirmed it or is deactivated, the
/// owner of that account gets a notice instead of the link. The session of the caller gets a
/// new credential.
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
        let mut subjects = Subject::address(CHANGE_EMAIL, caller.address);
        subjects.push(Subject::email(CHANGE_EMAIL, &member.user.email));
        subjects.push(Subject::email(NEW_EMAIL, new_address.as_str()));
        rate_limit::count_attempt(app, &subjects).await?;
        let keyring = &app.config().encryption_keys;
        let (user, new_email) = (&member.user, new_address.as_str());
        let notice = Notice::from_caller(caller, app.clock().now());
        let renewal = Renewal::new(key);
        let requested = app.transaction().run(async |tx| {
            session::lock_member(tx, key, user.id).await?;
            user::require_epoch(tx, &proof).await?;
            match user::find_credentials_by_email(tx, new_email, &[]).await? {
                Some(owner) if owner.user.email_verified || !owner.is_active => {
                    // Sending a link would delete the previous one. This case does the same, so
                    // that the member cannot tell the two cases apart.
                    one_time_token::delete(tx, Purpose::VerifyEmail, user.id).await?;
                    mail::notify_account_exists(tx, &owner, notice.clone()).await?;
                }
                // If the new address has only an unconfirmed registration, the confirmation
                // removes that registration.
                _ => {
                    let (purpose, notice) = (Purpose::VerifyEmail, notice.clone());
                    mail::send_link(tx, keyring, purpose, user.id, new_email, notice).await?;
                }
            }
            let kind = NoticeKind::EmailChangeRequested;
            mail::notify(
                tx,
                kind,
                user,
                notice
                    .clone()
                    .with_new_address_or_provider(&email::readable(new_email)),
            )
            .await?;
            let kind = SecurityEventKind::EmailChangeRequested;
            let detail = serde_json::json!({ "to": new_email });
            security_event::insert_with_detail(tx, kind, Some(user.id), caller, detail).await?;
            renewal.run(tx).await
        });
        let renewed = requested.await?;
        mail::send_due_in_background(app);
        Ok(NewCredential::issue(app, user, &renewed))
    })
}
