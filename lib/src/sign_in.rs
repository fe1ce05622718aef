//! From a password to a session.

use serde::{Deserialize, Serialize};
use tokio_postgres::Client as Postgres;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::background;
use crate::db::chain;
use crate::error::{Error, Result};
use crate::http::{Client, SetSession};
use crate::models::security_event::{self, Kind};
use crate::models::throttle::{self, SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, Subject};
use crate::models::user::{self, Credentials, Email, User};
use crate::password::{Password, Verdict};
use crate::session::{Key, Life, Proof};
use crate::{App, BoxFuture};

/// How a session is carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By a cookie, which a browser sends along by itself.
    #[default]
    Cookie,
}

/// The answer to whoever has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    success: bool,
    user: user::Shown,
}

impl From<User> for SignedIn {
    fn from(user: User) -> Self {
        Self {
            success: true,
            user: user.into(),
        }
    }
}

/// Signs in by e-mail address and password. `before` is the session that the
/// client came with; it ends.
///
/// # Errors
///
/// [`Error::InvalidCredentials`] for any wrong pair, after the same work;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn sign_in<'a>(
    app: &'a App,
    client: &'a Client,
    email: &'a str,
    password: &'a str,
    before: Option<Key>,
    remember: bool,
) -> BoxFuture<'a, Result<(SetSession, User)>> {
    Box::pin(async move {
        let mut tries = 1;
        loop {
            let (user, proof) = verify(app, client, email, password).await?;
            let user_id = user.id;
            let made = begin(app, client, proof, before.clone(), remember).await?;
            if let Some(cookie) = made {
                security_event::note(app, Kind::SignedIn, Some(user_id), client);
                return Ok((cookie, user));
            }
            // The password, the role or the sessions were changed between the
            // look and the insert: what was proved is to be proved again.
            if tries == 2 {
                return Err(Error::InvalidCredentials);
            }
            tries += 1;
        }
    })
}

/// Makes the session of somebody who has proved who they are. `None` when the
/// proof has been overtaken.
async fn begin(
    app: &App,
    client: &Client,
    proof: Proof,
    before: Option<Key>,
    remember: bool,
) -> Result<Option<SetSession>> {
    let made = app
        .sessions()
        .sign_in(proof, before, client.origin(), remember)
        .await?;
    Ok(made.map(|token| SetSession::new(app, &token, Life::of(remember))))
}

/// Says whether somebody knows the password of an account; the proof holds
/// until the account's sessions are ended.
///
/// # Errors
///
/// As [`sign_in`].
pub fn verify<'a>(
    app: &'a App,
    client: &'a Client,
    email: &'a str,
    password: &'a str,
) -> BoxFuture<'a, Result<(User, Proof)>> {
    Box::pin(async move {
        // What is no address belongs to nobody, and costs the same work.
        let email = Email::parse(email).unwrap_or_default();
        let email = email.as_str();
        let account = Subject::account(SIGN_IN_ACCOUNT, email, client.address);
        let address = Subject::address(SIGN_IN_ADDRESS, client.address);
        let known = {
            let postgres = app.db().client().await?;
            take_try(app, client, &postgres, &[account.clone(), address]).await?;
            user::credentials(&postgres, email).await?
            // The connection goes back before the hashing, which takes longer
            // than all the queries of a sign-in together.
        };
        let (known, outdated) = check(app, client, known, Password::typed(password)).await?;
        forgive(app, account);
        if outdated {
            rehash(app, &known, Password::typed(password));
        }
        let proof = Proof {
            user_id: known.user.id,
            epoch: known.epoch,
            method: "password",
        };
        Ok((known.user, proof))
    })
}

async fn take_try(
    app: &App,
    client: &Client,
    postgres: &Postgres,
    subjects: &[Subject],
) -> Result<()> {
    let taken = throttle::take(postgres, subjects).await;
    if let Err(Error::TooManyRequests { .. }) = taken {
        security_event::note(app, Kind::SignInThrottled, None, client);
    }
    taken
}

/// The same work whether or not there is such an account. Says whether the
/// hash is to be replaced.
async fn check(
    app: &App,
    client: &Client,
    known: Option<Credentials>,
    password: Password,
) -> Result<(Credentials, bool)> {
    let usable = known.filter(|known| known.is_active);
    let hash = usable
        .as_ref()
        .and_then(|known| known.password_hash.as_deref());
    let verdict = app.hasher().verify(password, hash).await?;
    match usable {
        Some(known) if verdict != Verdict::Wrong => Ok((known, verdict == Verdict::Outdated)),
        other => {
            let user_id: Option<Uuid> = other.map(|known| known.user.id);
            security_event::note(app, Kind::SignInFailed, user_id, client);
            Err(Error::InvalidCredentials)
        }
    }
}

fn forgive(app: &App, account: Subject) {
    let app = app.clone();
    background::spawn(async move {
        let forgiven = async { throttle::forgive(&*app.db().client().await?, &account).await };
        if let Err(error) = forgiven.await {
            tracing::warn!(error = %chain(&error), "tries not forgiven");
        }
    });
}

fn rehash(app: &App, known: &Credentials, password: Password) {
    let (app, id) = (app.clone(), known.user.id);
    let Some(before) = known.password_hash.clone() else {
        return;
    };
    background::spawn(async move {
        let rehashed = async {
            let after = app.hasher().hash(password).await?;
            user::rehash(&*app.db().client().await?, id, &before, &after).await
        };
        if let Err(error) = rehashed.await {
            tracing::warn!(error = %chain(&error), "password not rehashed");
        }
    });
}
