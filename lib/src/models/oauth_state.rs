//! Sign-ins through a provider that have started but not finished.

use std::time::Duration;

use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::crypto::token::{SessionKey, Token};
use crate::error::{Result, chain};
use crate::models::user_session::session_is_active;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long a sign-in at the provider may take.
pub const LIFETIME: Duration = Duration::from_secs(600);

/// The parameters of the authorization request.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// The `state` parameter.
    pub state: Token,
    /// The PKCE code verifier (RFC 7636), which is sent with the code.
    pub verifier: Token,
    /// The nonce that the ID token must contain.
    pub nonce: String,
}

/// A new sign-in through a provider.
#[derive(Debug)]
pub struct NewState<'a> {
    /// The name of the provider.
    pub provider: &'a str,
    /// The token in the browser's cookie.
    pub browser_token: &'a Token,
    /// The path that the browser returns to.
    pub return_path: &'a str,
    /// Whether to keep the session for thirty days instead of seven.
    pub remember: bool,
    /// The session of a member who links the provider. `None` if this is a sign-in.
    pub linking: Option<&'a SessionKey>,
}

/// A member who links a provider.
#[derive(Clone, Debug)]
pub struct Linking {
    /// The member's id.
    pub user_id: Uuid,
    /// The key of the member's session.
    pub key: SessionKey,
    /// The member's `session_epoch` when the linking started.
    pub epoch: i32,
}

/// A sign-in that has returned from the provider.
#[derive(Debug)]
pub struct State {
    /// The PKCE code verifier, which is sent with the code.
    pub verifier: Token,
    /// The nonce that the ID token must contain.
    pub nonce: String,
    /// The path that the browser returns to.
    pub return_path: String,
    /// Whether to keep the session for thirty days instead of seven.
    pub remember: bool,
    /// The member who links the provider. `None` if this is a sign-in.
    pub linking: Option<Linking>,
}

/// Returns the additional authenticated data of the encrypted verifier.
fn aad(state_hash: &str) -> String {
    format!("oauth_states.verifier:{state_hash}")
}

// Linking requires a session that is active in Postgres, because a linked provider can sign in
// to the account. A record in Redis may be of a session that has just ended.
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
        session_is_active!(),
        ") linking on true"
    ),
);

/// Stores a new sign-in for ten minutes. Returns the parameters of the authorization
/// request.
pub async fn insert(
    client: &Client,
    keys: &Keyring,
    new_state: &NewState<'_>,
) -> Result<AuthorizationRequest> {
    let request = AuthorizationRequest {
        state: Token::generate(),
        verifier: Token::generate(),
        nonce: random::hex::<32>(),
    };
    let state_hash = request.state.hash();
    let sealed_verifier = keys.seal(&aad(&state_hash), request.verifier.expose())?;
    INSERT
        .execute(
            client,
            &[
                &state_hash,
                &new_state.provider,
                &new_state.browser_token.hash(),
                &sealed_verifier,
                &request.nonce,
                &new_state.return_path,
                &new_state.remember,
                &LIFETIME.as_secs_f64(),
                &new_state.linking.map(SessionKey::as_str),
            ],
        )
        .await?;
    Ok(request)
}

// The first call deletes the row, whether or not it has expired. If the session of a
// linking member has been deleted in the meantime, the row was deleted with it.
static CONSUME: Statement = Statement::new(
    "oauth_state.consume",
    "with consumed as (
        delete from oauth_states
        where state_hash = $1 and browser_hash = $2 and provider = $3
        returning *
    )
    select consumed.*, s.session_key
    from consumed left join user_sessions s on s.id = consumed.session_id
    where consumed.expires_at > now()",
);

/// Consumes a sign-in that this browser started with this provider. Returns `None` if
/// there is no such sign-in, if it has expired, or if its verifier cannot be decrypted because
/// the key was removed in the meantime. The browser then starts again.
pub async fn consume(
    client: &Client,
    keys: &Keyring,
    state: &Token,
    browser_token: &Token,
    provider: &str,
) -> Result<Option<State>> {
    let state_hash = state.hash();
    let row = CONSUME
        .opt(client, &[&state_hash, &browser_token.hash(), &provider])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let sealed_verifier: Vec<u8> = row.try_get("verifier")?;
    let verifier = match keys.open(&aad(&state_hash), &sealed_verifier) {
        Ok(text) => Token::parse(&text),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "failed to decrypt a sign-in in progress");
            None
        }
    };
    let Some(verifier) = verifier else {
        return Ok(None);
    };
    let user_id: Option<Uuid> = row.try_get("user_id")?;
    let key: Option<String> = row.try_get("session_key")?;
    let epoch: Option<i32> = row.try_get("epoch")?;
    let linking = match (user_id, key, epoch) {
        (None, ..) => None,
        (Some(user_id), Some(key), Some(epoch)) => Some(Linking {
            user_id,
            key: SessionKey::from_column(key),
            epoch,
        }),
        // A concurrent request is ending the session.
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
