//! Creates the session of a member who has authenticated.

use super::response::{SignInBody, SignInResponse};
use crate::error::{Error, ErrorCode, Result};
use crate::http::{CookiePurpose, SetCookie, SignInContext};
use crate::identity::token_pair::TokenPair;
use crate::identity::two_factor::VerifiedCode;
use crate::models::remembered_device::Device;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::sign_in_challenge;
use crate::models::user::{AuthenticationProof, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Credential, NewSession, Notification, Token, Trust, Tx};
use crate::values::caller::Caller;
use crate::{App, session};

pub(super) const CHALLENGE_ENDED: Error = Error::Unauthorized {
    code: ErrorCode::ChallengeEnded,
    message: "This sign-in has expired or had too many wrong codes; please start again",
};

/// A member who has authenticated, and the properties of the session to create.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticatedMember {
    pub(crate) user: User,
    pub(crate) proof: AuthenticationProof,
    /// The second factor, if it was required. It is used up when the session is created.
    pub(crate) second_factor: Option<SecondFactor>,
    pub(crate) credential: Credential,
    /// The device, if the account recognizes it.
    pub(crate) device: Option<Device>,
    /// Whether sign-in requires no code on this device from now on.
    pub(crate) trust_device: bool,
}

/// A verified code, and the challenge that it answers.
#[derive(Clone, Debug)]
pub(crate) struct SecondFactor {
    pub(super) code: VerifiedCode,
    pub(super) challenge: Option<Token>,
}

/// Creates the session. If the proof is no longer valid, returns `None`. With a second
/// factor, fails with `challenge_ended` instead.
pub(crate) async fn create_session(
    app: &App,
    context: &SignInContext,
    member: AuthenticatedMember,
) -> Result<Option<SignInResponse>> {
    let session = PendingSession::for_member(context, &member);
    let notice = Notice::from_caller(&context.caller, app.clock().now());
    // A known device is not reported as new, even if it gets a new token.
    let new_device_mail = member
        .device
        .is_none()
        .then(|| notice.payload(member.user.id));
    let new_session = session.new_session(&member, Notification::SignedIn(new_device_mail));
    let is_created = match &member.second_factor {
        None => app.sessions().sign_in(new_session).await?,
        Some(second_factor) => {
            let transaction = app
                .transaction()
                .invalidate_sessions(new_session.replaces.clone())
                .run(async |tx| {
                    let (user, caller) = (&member.user, &context.caller);
                    second_factor
                        .use_up(tx, user, caller, notice.clone())
                        .await?;
                    if !session::create_session(tx, &new_session).await? {
                        // The error rolls the transaction back, so the code is not used up.
                        return Err(CHALLENGE_ENDED);
                    }
                    Ok(())
                });
            transaction.await?;
            app.counters().add("sessions_created", 1);
            true
        }
    };
    if !is_created {
        return Ok(None);
    }
    mail::send_due_in_background(app);
    Ok(Some(session.respond(app, member)))
}

impl SecondFactor {
    /// Uses up the code and the challenge, in the transaction that creates the session.
    async fn use_up(&self, tx: &Tx, user: &User, caller: &Caller, notice: Notice) -> Result<()> {
        session::lock_owner(tx, user.id).await?;
        self.code.use_up(tx, user.id).await?;
        if let Some(token) = &self.challenge
            && !sign_in_challenge::delete(tx, token).await?
        {
            return Err(CHALLENGE_ENDED);
        }
        if let VerifiedCode::Recovery(_) = self.code {
            mail::notify(tx, NoticeKind::RecoveryCodeUsed, user, notice).await?;
            let (kind, id) = (SecurityEventKind::RecoveryCodeUsed, Some(user.id));
            security_event::insert(tx, kind, id, caller).await?;
        }
        Ok(())
    }
}

/// A session that has not been created yet, and the browser that it is for.
pub(crate) struct PendingSession {
    context: SignInContext,
    /// The token by which the account recognizes the browser. `None` for other programs.
    device_token: Option<Token>,
}

impl PendingSession {
    /// Prepares the session of a member who signs in.
    fn for_member(context: &SignInContext, member: &AuthenticatedMember) -> Self {
        let is_browser = matches!(member.credential, Credential::Cookie { .. });
        let known_token = member.device.as_ref().and_then(|device| {
            let mut tokens = context.device_tokens.iter();
            tokens.find(|token| token.hash() == device.token_hash)
        });
        // A trusted device always gets a new token, because someone else may have put the
        // old one into this browser, or copied it.
        let needs_new_token = is_browser && (known_token.is_none() || member.trust_device);
        Self {
            context: context.clone(),
            device_token: match needs_new_token {
                true => Some(Token::generate()),
                false => known_token.cloned(),
            },
        }
    }

    /// Prepares the first session of a new account.
    pub(crate) fn for_new_account(
        context: &SignInContext,
        credential: Option<&Credential>,
    ) -> Self {
        let is_browser = matches!(credential, Some(Credential::Cookie { .. }));
        Self {
            context: context.clone(),
            device_token: is_browser.then(Token::generate),
        }
    }

    /// Returns the session to create.
    pub(crate) fn new_session(
        &self,
        member: &AuthenticatedMember,
        notification: Notification,
    ) -> NewSession {
        // Only a browser can be a trusted device.
        let is_browser = matches!(member.credential, Credential::Cookie { .. });
        let trust = match member.trust_device && is_browser {
            true => Trust::Given,
            false => Trust::Unchanged,
        };
        NewSession {
            proof: member.proof.clone(),
            replaces: self.context.replaced_sessions(),
            caller: Some(self.context.caller.clone()),
            credential: member.credential.clone(),
            device: self.device_token.clone().map(|token| (token, trust)),
            notification,
        }
    }

    /// Returns the response to send after the session has been created.
    pub(crate) fn respond(&self, app: &App, member: AuthenticatedMember) -> SignInResponse {
        let mut cookies = Vec::new();
        let tokens = match &member.credential {
            Credential::Cookie { token, .. } => {
                cookies.push(SetCookie::session(app, token, member.credential.max_age()));
                if let Some(device_token) = &self.device_token {
                    let user_id = member.user.id;
                    cookies.extend(self.context.device_cookies(app, user_id, device_token));
                }
                None
            }
            Credential::Tokens {
                session_id,
                refresh,
            } => Some(TokenPair::new(app, *session_id, &member.user, refresh)),
        };
        if self.context.challenge.is_some() {
            cookies.push(SetCookie::clear(app, CookiePurpose::Challenge));
        }
        if self.context.visitor_session.is_some() {
            cookies.push(SetCookie::clear(app, CookiePurpose::Visitor));
        }
        SignInResponse::new(cookies, SignInBody::new(member.user, tokens))
    }
}
