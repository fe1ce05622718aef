//! Sign-ins through a provider that a browser has begun.

use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::error::Result;
use crate::models::user_session::session_alive;
use crate::session::{Key, Token};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long somebody may take at the provider, in seconds.
pub const LIFE_SECONDS: u32 = 600;

/// What goes out with the browser, and is to come back from the provider.
#[derive(Clone, Debug)]
pub struct Started {
    /// Goes along in the address.
    pub state: Token,
    /// Stays with us, and is shown when the code is exchanged (RFC 7636).
    pub verifier: Token,
    /// Stands in the ID token.
    pub nonce: String,
}

/// A sign-in that begins.
#[derive(Debug)]
pub struct NewState<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// What the browser's cookie holds.
    pub browser: &'a Token,
    /// Where it goes when all is well.
    pub return_path: &'a str,
    /// Whether the session is to last.
    pub remember: bool,
    /// The session of a member who wants the provider linked; anything else is
    /// an ordinary sign-in.
    pub linking: Option<&'a Key>,
}

/// Who wants a provider linked, from which session, under which epoch.
#[derive(Clone, Debug)]
pub struct Linking {
    /// The member.
    pub user_id: Uuid,
    /// Of the session.
    pub key: Key,
    /// The member's `session_epoch` when it began.
    pub epoch: i32,
}

/// What a provider's answer belongs to.
#[derive(Debug)]
pub struct State {
    /// Shown with the code.
    pub verifier: Token,
    /// To be found in the ID token.
    pub nonce: String,
    /// An own path.
    pub return_path: String,
    /// Whether the session is to last.
    pub remember: bool,
    /// `None`: nobody was signed in.
    pub linking: Option<Linking>,
}

/// Where the encrypted verifier belongs, and nowhere else.
fn place(state_hash: &str) -> String {
    format!("oauth_states.verifier:{state_hash}")
}

// Whether somebody is signed in is asked here: a record in Redis is not enough
// for what changes how an account may be entered.
static INSERT: Statement = Statement::new(
    "oauth_state.insert",
    concat!(
        "insert into oauth_states (state_hash, provider, browser_hash, verifier, nonce,
            return_path, remember, user_id, session_id, epoch, expires_at)
        select $1, $2, $3, $4, $5, $6, $7, linking.user_id, linking.id, linking.epoch,
            now() + make_interval(secs => $8)
        from (select 1) always left join (
            select s.user_id, s.id, s.epoch
            from user_sessions s join users u on u.id = s.user_id
            where s.session_key = $9 and ",
        session_alive!(),
        ") linking on true"
    ),
);

/// Keeps a sign-in that begins, for ten minutes.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn insert(client: &Client, keys: &Keyring, new: &NewState<'_>) -> Result<Started> {
    let started = Started {
        state: Token::generate(),
        verifier: Token::generate(),
        nonce: random::hex::<32>(),
    };
    let state_hash = started.state.hash();
    let verifier = keys.seal(&place(&state_hash), started.verifier.expose())?;
    INSERT
        .execute(
            client,
            &[
                &state_hash,
                &new.provider,
                &new.browser.hash(),
                &verifier,
                &started.nonce,
                &new.return_path,
                &new.remember,
                &f64::from(LIFE_SECONDS),
                &new.linking.map(Key::as_str),
            ],
        )
        .await?;
    Ok(started)
}

// Gone with the first who asks, in time or not. A session that has ended since
// has taken its row along.
static CONSUME: Statement = Statement::new(
    "oauth_state.consume",
    "with gone as (
        delete from oauth_states
        where state_hash = $1 and browser_hash = $2 and provider = $3
        returning *
    )
    select gone.*, s.session_key
    from gone left join user_sessions s on s.id = gone.session_id
    where gone.expires_at > now()",
);

/// Takes a sign-in that this browser has begun with this provider, once.
/// `None` when there is none, or it has taken too long.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]; [`crate::Error::Internal`] when what is
/// encrypted does not open.
pub async fn consume(
    client: &Client,
    keys: &Keyring,
    state: &Token,
    browser: &Token,
    provider: &str,
) -> Result<Option<State>> {
    let state_hash = state.hash();
    let row = CONSUME
        .opt(client, &[&state_hash, &browser.hash(), &provider])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let sealed: Vec<u8> = row.try_get("verifier")?;
    let Some(verifier) = Token::parse(&keys.open(&place(&state_hash), &sealed)?) else {
        return Ok(None);
    };
    let user_id: Option<Uuid> = row.try_get("user_id")?;
    let key: Option<String> = row.try_get("session_key")?;
    let epoch: Option<i32> = row.try_get("epoch")?;
    let linking = match (user_id, key, epoch) {
        (None, ..) => None,
        (Some(user_id), Some(key), Some(epoch)) => Some(Linking {
            user_id,
            key: Key::from_column(key),
            epoch,
        }),
        // The session has ended at this moment.
        (Some(_), ..) => return Ok(None),
    };
    Ok(Some(State {
        verifier,
        nonce: row.try_get("nonce")?,
        return_path: row.try_get("return_path")?,
        remember: row.try_get("remember")?,
        linking,
    }))
}
