//! Password reset through a link in an e-mail.

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::password::Password;
use crate::error::{Error, Result};
use crate::http::SignInContext;
use crate::identity::first_proof;
use crate::identity::oauth::provider_list::label;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{FORGOT_ADDRESS, FORGOT_EMAIL, LINK_ADDRESS, Subject};
use crate::models::one_time_token::{self, Purpose};
use crate::models::remembered_device::Device;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::{self, Email};
use crate::models::{calendar, remembered_device, user_identity};
use crate::notify::mail;
use crate::notify::mail::{Access, AccessWay, Link, Notice, NoticeKind};
use crate::session::{Token, Tx};
use crate::values::caller::Caller;
use crate::values::schema::NewPassword;
use crate::{App, BoxFuture, session};

/// Sends a link to set a new password to an e-mail address, if there is an account with this
/// address. Neither the response nor its timing reveals whether there is one. If too many links
/// were requested for the address, the response is the same, but no further link is sent.
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
        let mut subjects = Subject::address(FORGOT_ADDRESS, caller.address);
        subjects.push(Subject::email(FORGOT_EMAIL, email.as_str()));
        match rate_limit::count_attempt(app, &subjects).await {
            // Anyone can exhaust the limit of somebody else's mailbox. The newest link in
            // the mailbox stays valid, so its owner is not locked out.
            Err(Error::TooManyRequests { exceeded, .. }) if exceeded == [FORGOT_EMAIL.name] => {
                return Ok(());
            }
            counted => counted?,
        }
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
        mail::send_due_in_background(app);
        Ok(())
    })
}

/// The request to set a new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetPassword {
    /// The token from the link.
    token: String,
    /// 8 to 128 characters. Common passwords, sequences of characters, the e-mail address,
    /// and the names of the member and the studio are rejected.
    #[schema(value_type = NewPassword)]
    new_password: String,
    /// Also unlinks all providers, so that only the new password signs in.
    #[serde(default)]
    unlink_providers: bool,
}

/// Sets a new password, and ends all sessions and the calendar feed. The member is not
/// signed in, and a second factor stays set up. The account still recognizes this browser,
/// but no longer trusts it. If the reset is the first proof that the member owns the
/// mailbox, and comes neither from the browser that registered nor from a session of the
/// account, everything else that was set up before is removed too: linked providers, the second
/// factor, known devices and personal details. The e-mail about the reset lists what has
/// ended.
///
/// # Errors
///
/// [`Error::LinkEnded`]; [`Error::Invalid`], after which the link is still valid;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn reset_password<'a>(
    app: &'a App,
    context: &'a SignInContext,
    form: &'a ResetPassword,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let caller = &context.caller;
        let subjects = Subject::address(LINK_ADDRESS, caller.address);
        let attempt = rate_limit::begin(app, subjects).await?;
        let found = async {
            let token = Token::parse(&form.token).ok_or(Error::LinkEnded)?;
            let postgres = app.db().client().await?;
            let link = one_time_token::find(&postgres, Purpose::ResetPassword, &token).await?;
            let link = link.ok_or(Error::LinkEnded)?;
            let credentials = user::find_credentials_by_id(&postgres, link.user_id, &[]).await?;
            Ok((token, link, credentials.ok_or(Error::LinkEnded)?.user))
        };
        let found = found.await;
        attempt.settle(&found);
        let (token, link, user) = found?;
        let personal_data = [user.email.as_str(), &user.first_name, &user.last_name];
        let studio_name = &app.config().studio.name;
        let password = Password::parse_new(&form.new_password, studio_name, &personal_data)
            .map_err(|problem| Error::field("newPassword", problem))?;
        let hash = app.hasher().hash(password).await?;
        let notice = Notice::from_caller(caller, app.clock().now());
        let transaction = app.transaction().run(async |tx| {
            let id = link.user_id;
            session::lock_owner(tx, id).await?;
            if !one_time_token::redeem(tx, Purpose::ResetPassword, &token).await? {
                return Err(Error::LinkEnded);
            }
            let (access, device) = end_access(app, tx, context, id, form.unlink_providers).await?;
            if !user::reset_password(tx, id, &link.email, &hash).await? {
                return Err(Error::LinkEnded);
            }
            one_time_token::delete(tx, Purpose::VerifyEmail, id).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, None).await?);
            // Wrong passwords from unknown devices must not block the owner's sign-in in
            // this browser.
            if let Some(device) = device {
                remembered_device::keep(tx, id, device.id).await?;
            }
            let detail = json!({ "ended": access.ended });
            let notice = notice.clone().with_access(access);
            mail::notify(tx, NoticeKind::PasswordReset, &user, notice).await?;
            let kind = SecurityEventKind::PasswordReset;
            security_event::insert_with_detail(tx, kind, Some(id), caller, detail).await?;
            // Failed sign-ins with the old password must not block the new one.
            rate_limit::reset_passwords(tx, &user.email).await
        });
        let reset = transaction.await?;
        rate_limit::delete_counters(app, &reset.keys).await;
        mail::send_due_in_background(app);
        Ok(())
    })
}

/// Removes the calendar feed and, if required, the linked providers and everything that an
/// unproven registrant has set up. Returns which access has ended and which remains, and
/// the device that the account still recognizes.
async fn end_access(
    app: &App,
    tx: &Tx,
    context: &SignInContext,
    id: Uuid,
    unlink_providers: bool,
) -> Result<(Access, Option<Device>)> {
    let account = user::find_credentials_by_id(tx, id, &context.device_tokens).await?;
    let account = account.ok_or(Error::LinkEnded)?;
    let is_first_proof =
        !account.user.email_verified && !first_proof::is_registrant(tx, context, id).await?;
    let (_, identities) = user_identity::list(tx, id).await?;
    let mut providers: Vec<_> = identities
        .iter()
        .map(|identity| AccessWay::Provider(label(app, &identity.provider)))
        .collect();
    providers.sort_unstable();
    providers.dedup();
    let mut access = Access::default();
    if calendar::set_token(tx, id, None).await? {
        access.ended.push(AccessWay::CalendarFeed);
    }
    if is_first_proof || unlink_providers {
        user_identity::delete_all(tx, id).await?;
        access.ended.append(&mut providers);
    }
    access.remaining = providers;
    if is_first_proof {
        if account.user.has_second_factor {
            access.ended.push(AccessWay::TwoFactor);
        }
        first_proof::forget_registrant(tx, id).await?;
    }
    let device = account.device.filter(|_| !is_first_proof);
    Ok((access, device))
}
