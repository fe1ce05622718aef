//! Whose account it is that somebody signs in to through a provider.

use uuid::Uuid;

use super::claims::Identity;
use super::{STATE_UNKNOWN, label};
use crate::error::{Error, Result};
use crate::http::{SetCookie, SignInContext};
use crate::identity::profile;
use crate::identity::sign_in::{Entry, Wish};
use crate::models::oauth_state::{Linking, State};
use crate::models::security_event::{self, Kind};
use crate::models::user::Proof;
use crate::models::user::{self, Credentials, Email, ExperienceLevel, NewUser, Profile, User};
use crate::models::user_identity;
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::{Credential, Notification, Token, Tx};
use crate::values::caller::Caller;
use crate::{App, session};

const EMAIL_UNVERIFIED: Error = Error::Forbidden {
    code: "email_unverified",
    message: "The provider does not vouch for your e-mail address; please confirm it there first",
};

const ACCOUNT_CLOSED: Error = Error::Forbidden {
    code: "account_closed",
    message: "This account has been closed",
};

const ACCOUNT_EXISTS: Error = Error::Conflict {
    code: "account_exists",
    message: "There is an account with this address; sign in to it, then link the provider",
};

const IDENTITY_TAKEN: Error = Error::Conflict {
    code: "identity_taken",
    message: "This account at the provider is linked to another member's",
};

/// The code of what somebody else has done at this moment: to be read again.
const OVERTAKEN_CODE: &str = "identity_overtaken";

/// What has come of an identity.
pub(super) enum Settled {
    /// It is a member's, who may sign in.
    Known(Box<Credentials>),
    /// It is somebody's who had no account: they have one, and a session.
    Made(Vec<SetCookie>),
    /// It has been linked to the account of a member who is signed in.
    Linked,
}

/// What the browser is to hold.
pub(super) fn credential(state: &State) -> Credential {
    Credential::cookie(state.remember)
}

/// Finds, links or makes the account, in one transaction.
///
/// # Errors
///
/// As [`super::finish`].
pub(super) async fn settle(
    app: &App,
    context: &SignInContext,
    identity: &Identity,
    state: &State,
) -> Result<Settled> {
    let mut tries = 1;
    loop {
        let settled = settle_once(app, context, identity, state).await;
        match settled {
            // Somebody else made the account, or the link, since it was looked for.
            Err(Error::Conflict { code, .. })
                if tries < 3 && (code == user::EMAIL_TAKEN_CODE || code == OVERTAKEN_CODE) =>
            {
                tries += 1;
            }
            other => return other,
        }
    }
}

async fn settle_once(
    app: &App,
    context: &SignInContext,
    identity: &Identity,
    state: &State,
) -> Result<Settled> {
    let credential = credential(state);
    let entry = Entry::first(context, Some(&credential));
    let settling = Settling {
        app,
        client: &context.client,
        devices: &context.device_tokens,
        identity,
        linking: state.linking.as_ref(),
        entry: &entry,
        credential,
    };
    let settled = app.transaction().run(async |tx| settling.run(tx).await);
    Ok(match settled.await? {
        Found::Known(known) => Settled::Known(known),
        Found::Linked => Settled::Linked,
        Found::Made(wish) => {
            app.counters().add("sessions_created", 1);
            Settled::Made(entry.welcome(app, *wish).into_cookies())
        }
    })
}

enum Found {
    Known(Box<Credentials>),
    Made(Box<Wish>),
    Linked,
}

/// What the transaction needs, which may run more than once.
struct Settling<'a> {
    app: &'a App,
    client: &'a Caller,
    devices: &'a [Token],
    identity: &'a Identity,
    linking: Option<&'a Linking>,
    entry: &'a Entry,
    credential: Credential,
}

impl Settling<'_> {
    async fn run(&self, tx: &Tx) -> Result<Found> {
        match self.linking {
            Some(linking) => self.link(tx, linking).await,
            None => self.sign_in(tx).await,
        }
    }

    /// For a member who is signed in.
    async fn link(&self, tx: &Tx, linking: &Linking) -> Result<Found> {
        let Identity {
            provider, subject, ..
        } = &self.identity;
        session::lock_member(tx, &linking.key, linking.user_id).await?;
        let member = self.credentials_of(tx, linking.user_id).await?;
        // The session has been kept while all others were ended: what it began
        // before that ends as well.
        if member.epoch != linking.epoch {
            return Err(STATE_UNKNOWN);
        }
        match user_identity::owner(tx, provider, subject).await? {
            // A proof anew of who it is: so members without a password show it.
            Some(owner) if owner == member.user.id => self.known(tx, owner).await,
            Some(_) => Err(IDENTITY_TAKEN),
            None => {
                // Another way in is for who has just shown who they are, and not
                // for whoever holds a session of old.
                let shown = user::reauthentication(tx, &linking.key, member.user.id);
                if !shown.await?.ok_or(Error::SessionGone)?.is_fresh {
                    return Err(profile::SIGN_IN_AGAIN);
                }
                self.insert(tx, &member.user).await?;
                Ok(Found::Linked)
            }
        }
    }

    /// For somebody of whom nothing is known but what the provider says.
    async fn sign_in(&self, tx: &Tx) -> Result<Found> {
        let Identity {
            provider, subject, ..
        } = &self.identity;
        if let Some(owner) = user_identity::owner(tx, provider, subject).await? {
            return self.known(tx, owner).await;
        }
        let email = self.identity.verified.as_ref().ok_or(EMAIL_UNVERIFIED)?;
        match user::credentials(tx, email.as_str(), &[]).await? {
            Some(account) => self.adopt(tx, account.user.id, email).await,
            None => self.make(tx, email).await,
        }
    }

    async fn known(&self, tx: &Tx, owner: Uuid) -> Result<Found> {
        let Identity {
            provider,
            subject,
            email,
            ..
        } = &self.identity;
        let known = self.credentials_of(tx, owner).await?;
        user_identity::note_email(tx, provider, subject, email.as_deref()).await?;
        Ok(Found::Known(Box::new(known)))
    }

    /// Links it to the account with its address: of this the provider is sure.
    /// Whether we are is another question. Somebody may have registered with an
    /// address that is not theirs, and wait for its owner to come.
    async fn adopt(&self, tx: &Tx, id: Uuid, email: &Email) -> Result<Found> {
        let Identity {
            provider, subject, ..
        } = &self.identity;
        session::lock_owner(tx, id).await?;
        // Another sign-in of theirs has linked it, or made the account, since
        // it was looked for.
        if let Some(owner) = user_identity::owner(tx, provider, subject).await? {
            return self.known(tx, owner).await;
        }
        let account = self.credentials_of(tx, id).await?;
        if account.user.email != email.as_str() || !account.user.email_verified {
            return Err(ACCOUNT_EXISTS);
        }
        // Its owner is somebody else at this provider: there, the address has
        // changed hands.
        let (_, identities) = user_identity::list(tx, id).await?;
        if identities.iter().any(|one| one.provider == *provider) {
            return Err(ACCOUNT_EXISTS);
        }
        self.insert(tx, &account.user).await?;
        Ok(Found::Known(Box::new(account)))
    }

    /// Links it, and tells the account's owner.
    async fn insert(&self, tx: &Tx, user: &User) -> Result<()> {
        self.insert_bare(tx, user.id).await?;
        let provider = &self.identity.provider;
        let notice = Notice::from_caller(self.client, self.app.clock().now());
        let notice = notice.with_other(&label(self.app, provider));
        mail::notify(tx, NoticeKind::IdentityLinked, user, notice).await?;
        let detail = serde_json::json!({ "provider": provider });
        let kind = Kind::IdentityLinked;
        security_event::insert_with(tx, kind, Some(user.id), self.client, detail).await
    }

    async fn insert_bare(&self, tx: &Tx, user_id: Uuid) -> Result<()> {
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
        Err(Error::Conflict {
            code: OVERTAKEN_CODE,
            message: "Please try again",
        })
    }

    /// An account without a password, and its first session.
    async fn make(&self, tx: &Tx, email: &Email) -> Result<Found> {
        let new = NewUser {
            email: email.clone(),
            email_verified: true,
            first_name: self.identity.first_name.clone(),
            last_name: self.identity.last_name.clone(),
            phone: None,
            experience_level: ExperienceLevel::Beginner,
            profile: Profile::default(),
        };
        let keys = &self.app.config().encryption_keys;
        let user = user::insert(tx, keys, &new, None).await?;
        self.insert_bare(tx, user.id).await?;
        let wish = Wish {
            proof: Proof::of_new(user.id, &self.identity.provider),
            second: None,
            device: None,
            trust: false,
            user,
            credential: self.credential.clone(),
        };
        let new = self.entry.new_session(&wish, Notification::SignedUp);
        session::create_session(tx, &new).await?;
        tx.invalidate_sessions(new.replaces);
        Ok(Found::Made(Box::new(wish)))
    }

    /// Of an account that may be used.
    async fn credentials_of(&self, tx: &Tx, id: Uuid) -> Result<Credentials> {
        let known = user::credentials_of(tx, id, self.devices).await?;
        // Gone since it was found: then it is as if it had never been.
        let known = known.ok_or(Error::Conflict {
            code: OVERTAKEN_CODE,
            message: "Please try again",
        })?;
        if known.is_active {
            Ok(known)
        } else {
            Err(ACCOUNT_CLOSED)
        }
    }
}
