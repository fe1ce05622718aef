//! Finds, links or creates the account for a sign-in through a provider.

use uuid::Uuid;

use super::claims::Identity;
use super::errors::STATE_UNKNOWN;
use super::provider_list::label;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{SetCookie, SignInContext};
use crate::identity::first_proof;
use crate::identity::reauthenticate::SIGN_IN_AGAIN;
use crate::identity::sign_in::{AuthenticatedMember, PendingSession};
use crate::models::oauth_state::{Linking, State};
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::AuthenticationProof;
use crate::models::user::{
    self, Changes, Credentials, Email, ExperienceLevel, NewUser, Profile, User,
};
use crate::models::user_identity;
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Credential, Notification, Tx};
use crate::{App, session};

const EMAIL_UNVERIFIED: Error = Error::Forbidden {
    code: ErrorCode::EmailUnverified,
    message: "The provider has not verified your e-mail address; please confirm it there first",
};

const ACCOUNT_CLOSED: Error = Error::Forbidden {
    code: ErrorCode::AccountClosed,
    message: "This account has been deactivated",
};

const ACCOUNT_EXISTS: Error = Error::Conflict {
    code: ErrorCode::AccountExists,
    message: "An account with this address exists; please sign in to it, then link the provider",
};

const IDENTITY_TAKEN: Error = Error::Conflict {
    code: ErrorCode::IdentityTaken,
    message: "This account at the provider is linked to another member",
};

/// The result of resolving an identity.
pub(super) enum Resolved {
    /// The identity belongs to a member, who can now sign in.
    Existing(Box<Credentials>),
    /// An account and its first session were created.
    Created(Vec<SetCookie>),
    /// The identity was linked to the account of a member who was signed in.
    Linked,
}

/// Returns the kind of credential that the browser gets.
pub(super) fn session_credential(state: &State) -> Credential {
    Credential::cookie(state.remember)
}

/// How often the resolution of an identity is tried. A try fails if a concurrent request
/// creates or deletes the same account or link.
const MAX_TRIES: u32 = 3;

/// Finds, links or creates the account in one transaction.
///
/// # Errors
///
/// Those of [`super::finish`].
pub(super) async fn resolve(
    app: &App,
    context: &SignInContext,
    identity: &Identity,
    state: &State,
) -> Result<Resolved> {
    let mut tries = 1;
    loop {
        match try_resolve(app, context, identity, state).await {
            // A concurrent request has created or deleted the account or the link.
            Err(Error::EmailTaken | Error::ConcurrentIdentityChange) if tries < MAX_TRIES => {
                tries += 1
            }
            other => return other,
        }
    }
}

async fn try_resolve(
    app: &App,
    context: &SignInContext,
    identity: &Identity,
    state: &State,
) -> Result<Resolved> {
    let credential = session_credential(state);
    let session = PendingSession::for_new_account(context, Some(&credential));
    let resolution = Resolution {
        app,
        context,
        identity,
        linking: state.linking.as_ref(),
        session: &session,
        credential,
    };
    let found = app.transaction().run(async |tx| resolution.run(tx).await);
    Ok(match found.await? {
        Found::Existing(credentials) => Resolved::Existing(credentials),
        Found::Linked => Resolved::Linked,
        Found::Created(member) => {
            app.counters().add("sessions_created", 1);
            Resolved::Created(session.respond(app, *member).into_cookies())
        }
    })
}

/// The result of the transaction. `Created` does not contain the cookies yet.
enum Found {
    Existing(Box<Credentials>),
    Created(Box<AuthenticatedMember>),
    Linked,
}

/// The input of the transaction.
struct Resolution<'a> {
    app: &'a App,
    context: &'a SignInContext,
    identity: &'a Identity,
    linking: Option<&'a Linking>,
    session: &'a PendingSession,
    credential: Credential,
}

impl Resolution<'_> {
    async fn run(&self, tx: &Tx) -> Result<Found> {
        match self.linking {
            Some(linking) => self.link(tx, linking).await,
            None => self.sign_in(tx).await,
        }
    }

    /// Links the identity to the account of a member who is signed in.
    async fn link(&self, tx: &Tx, linking: &Linking) -> Result<Found> {
        let Identity {
            provider, subject, ..
        } = &self.identity;
        let keys = session::lock_member(tx, &linking.key, linking.user_id).await?;
        let member = self.credentials_of(tx, linking.user_id).await?;
        // If the member has ended all other sessions since the linking started, the linking
        // is cancelled as well.
        if member.epoch != linking.epoch {
            return Err(STATE_UNKNOWN);
        }
        if self.proves_address_of(&member.user) {
            user::confirm_email(tx, member.user.id).await?;
            tx.invalidate_sessions(keys);
        }
        match user_identity::find_owner(tx, provider, subject).await? {
            // The identity is linked already. Members without a password reauthenticate in
            // this way.
            Some(owner) if owner == member.user.id => self.find_linked_account(tx, owner).await,
            Some(_) => Err(IDENTITY_TAKEN),
            None => {
                // Adding a sign-in method requires a recent sign-in.
                let session = user::find_reauthentication(tx, &linking.key, member.user.id);
                if !session
                    .await?
                    .ok_or(Error::SessionGone)?
                    .has_signed_in_recently
                {
                    return Err(SIGN_IN_AGAIN);
                }
                self.link_and_notify(tx, &member.user).await?;
                Ok(Found::Linked)
            }
        }
    }

    /// Finds or creates the account for the identity.
    async fn sign_in(&self, tx: &Tx) -> Result<Found> {
        let Identity {
            provider, subject, ..
        } = &self.identity;
        if let Some(owner) = user_identity::find_owner(tx, provider, subject).await? {
            return self.find_linked_account(tx, owner).await;
        }
        let email = self
            .identity
            .verified_email
            .as_ref()
            .ok_or(EMAIL_UNVERIFIED)?;
        match user::find_credentials_by_email(tx, email.as_str(), &[]).await? {
            Some(account) => self.link_by_email(tx, account.user.id, email).await,
            None => self.create(tx, email).await,
        }
    }

    /// Returns the account that has linked the identity. Confirms the account's address if the
    /// provider has verified it. Otherwise, updates the address that is stored with the link.
    async fn find_linked_account(&self, tx: &Tx, owner: Uuid) -> Result<Found> {
        let Identity {
            provider,
            subject,
            email,
            ..
        } = &self.identity;
        let credentials = self.credentials_of(tx, owner).await?;
        if self.proves_address_of(&credentials.user) {
            return self.prove_address(tx, owner).await;
        }
        user_identity::update_email(tx, provider, subject, email.as_deref()).await?;
        Ok(Found::Existing(Box::new(credentials)))
    }

    /// Links the identity to the account with the same e-mail address, which the provider
    /// has verified.
    async fn link_by_email(&self, tx: &Tx, id: Uuid, email: &Email) -> Result<Found> {
        let Identity {
            provider, subject, ..
        } = &self.identity;
        session::lock_owner(tx, id).await?;
        // Another request may have linked the identity before the lock.
        if let Some(owner) = user_identity::find_owner(tx, provider, subject).await? {
            return self.find_linked_account(tx, owner).await;
        }
        let account = self.credentials_of(tx, id).await?;
        if account.user.email != email.as_str() {
            return Err(ACCOUNT_EXISTS);
        }
        if !account.user.email_verified {
            return self.prove_address(tx, id).await;
        }
        // If the account is already linked to another user of this provider, the address may
        // have passed to another person there.
        let (_, identities) = user_identity::list(tx, id).await?;
        if identities.iter().any(|linked| linked.provider == *provider) {
            return Err(ACCOUNT_EXISTS);
        }
        self.link_and_notify(tx, &account.user).await?;
        Ok(Found::Existing(Box::new(account)))
    }

    /// Returns whether the account's address is not confirmed yet, and the provider has
    /// verified this address.
    fn proves_address_of(&self, user: &User) -> bool {
        let verified = self.identity.verified_email.as_ref();
        !user.email_verified && verified.is_some_and(|email| email.as_str() == user.email)
    }

    /// Confirms the address of an account and links the identity. Unless this browser
    /// registered the account, first removes what another person may have set up in it.
    async fn prove_address(&self, tx: &Tx, id: Uuid) -> Result<Found> {
        tx.invalidate_sessions(session::lock_owner(tx, id).await?);
        let account = self.credentials_of(tx, id).await?;
        // Another request has confirmed or changed the address before the lock.
        if !self.proves_address_of(&account.user) {
            return Err(Error::ConcurrentIdentityChange);
        }
        if !first_proof::is_registrant(tx, self.context, id).await? {
            first_proof::forget_registrant(tx, id).await?;
            let names = Changes {
                first_name: Some(self.identity.first_name.clone()),
                last_name: Some(self.identity.last_name.clone()),
                ..Changes::default()
            };
            let keys = &self.app.config().encryption_keys;
            user::update(tx, keys, id, &names).await?;
        }
        user::confirm_email(tx, id).await?;
        let Identity {
            provider, subject, ..
        } = &self.identity;
        if user_identity::find_owner(tx, provider, subject)
            .await?
            .is_none()
        {
            self.link_and_notify(tx, &account.user).await?;
        }
        let (kind, caller) = (SecurityEventKind::EmailVerified, &self.context.caller);
        security_event::insert(tx, kind, Some(id), caller).await?;
        // The epoch may have changed, so the credentials are read again.
        Ok(Found::Existing(Box::new(
            self.credentials_of(tx, id).await?,
        )))
    }

    /// Links the identity and notifies the member.
    async fn link_and_notify(&self, tx: &Tx, user: &User) -> Result<()> {
        self.insert_link(tx, user.id).await?;
        let provider = &self.identity.provider;
        let notice = Notice::from_caller(&self.context.caller, self.app.clock().now());
        let notice = notice.with_new_address_or_provider(&label(self.app, provider));
        mail::notify(tx, NoticeKind::IdentityLinked, user, notice).await?;
        let detail = serde_json::json!({ "provider": provider });
        let kind = SecurityEventKind::IdentityLinked;
        security_event::insert_with_detail(tx, kind, Some(user.id), &self.context.caller, detail)
            .await
    }

    async fn insert_link(&self, tx: &Tx, user_id: Uuid) -> Result<()> {
        let Identity {
            provider,
            subject,
            email,
            ..
        } = &self.identity;
        let email = email.as_deref();
        if user_identity::insert(tx, user_id, provider, subject, email).await? {
            return Ok(());
        }
        Err(Error::ConcurrentIdentityChange)
    }

    /// Creates an account without a password, and its first session.
    async fn create(&self, tx: &Tx, email: &Email) -> Result<Found> {
        let new_user = NewUser {
            email: email.clone(),
            email_verified: true,
            first_name: self.identity.first_name.clone(),
            last_name: self.identity.last_name.clone(),
            phone: None,
            experience_level: ExperienceLevel::Beginner,
            locale: self.context.caller.locale,
            profile: Profile::default(),
        };
        let keys = &self.app.config().encryption_keys;
        let user = user::insert(tx, keys, &new_user, None).await?;
        self.insert_link(tx, user.id).await?;
        let member = AuthenticatedMember {
            proof: AuthenticationProof::for_new_member(user.id, &self.identity.provider),
            second_factor: None,
            device: None,
            trust_device: false,
            user,
            credential: self.credential.clone(),
        };
        let new_session = self.session.new_session(&member, Notification::SignedUp);
        session::create_session(tx, &new_session).await?;
        tx.invalidate_sessions(new_session.replaces);
        Ok(Found::Created(Box::new(member)))
    }

    /// Returns the credentials of an active account.
    async fn credentials_of(&self, tx: &Tx, id: Uuid) -> Result<Credentials> {
        let devices = &self.context.device_tokens;
        let credentials = user::find_credentials_by_id(tx, id, devices).await?;
        // A concurrent request has deleted the account.
        let credentials = credentials.ok_or(Error::ConcurrentIdentityChange)?;
        if credentials.is_active {
            Ok(credentials)
        } else {
            Err(ACCOUNT_CLOSED)
        }
    }
}
