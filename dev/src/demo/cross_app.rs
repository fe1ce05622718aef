//! A demo partner application, an organization, and tokens with which Ana signs in to the
//! application for the organization.
//!
//! The application and the organization are added once. The tokens are created on every
//! start, because they expire after 15 minutes.

use anyhow::Result;
use sabor::crypto::secret::sha256_hex;
use tokio_postgres::GenericClient;

/// The name of the application.
pub(crate) const APP: &str = "ticket-shop";

/// The application's secret. It is fixed so that documentation can show a `curl` command.
/// It is valid in local databases only.
pub(crate) const SECRET: &str = "5ab0125ab0125ab0125ab0125ab0125ab0125ab0125ab0125ab0125ab0125ab0";

/// Ana's token, valid for 15 minutes after each start.
const ACTIVE_TOKEN: &str = "ac71fe0000000000000000000000000000000000000000000000000000000000";

/// An expired token.
const EXPIRED_TOKEN: &str = "dead0000000000000000000000000000000000000000000000000000000000ff";

/// Adds the missing rows and replaces the tokens.
pub(super) async fn add(client: &impl GenericClient) -> Result<()> {
    let secret_hash = sha256_hex(SECRET.as_bytes());
    client.execute(INSERT_APP, &[&APP, &secret_hash]).await?;
    client.execute(INSERT_ORGANIZATION, &[]).await?;
    client.execute(INSERT_MEMBERS, &[]).await?;
    client.execute(INSERT_SESSION, &[]).await?;
    let tokens = [ACTIVE_TOKEN, EXPIRED_TOKEN].map(|token| sha256_hex(token.as_bytes()));
    client.execute(DELETE_TOKENS, &[&tokens.as_slice()]).await?;
    let [active, expired] = &tokens;
    client
        .execute(INSERT_TOKENS, &[active, expired, &APP])
        .await?;
    Ok(())
}

const INSERT_APP: &str = "
    insert into apps (id, name, secret_hash, allowed_origins)
    values (md5('demo app')::uuid, $1, $2, '{http://localhost:4000}')
    on conflict do nothing";

const INSERT_ORGANIZATION: &str = "
    insert into accounts (id, name, slug)
    values (md5('demo account')::uuid, 'Casa Latina', 'casa-latina')
    on conflict do nothing";

const INSERT_MEMBERS: &str = "
    insert into account_members (account_id, user_id, role)
    select a.id, u.id, case u.email when 'ana@sabor.dev' then 'owner' else 'member' end
    from accounts a join users u on u.email in ('ana@sabor.dev', 'sofia@sabor.dev')
    where a.id = md5('demo account')::uuid
    on conflict do nothing";

// The tokens need a session. No browser can use this session, because its key is not the hash
// of a token.
const INSERT_SESSION: &str = "
    insert into user_sessions (id, user_id, session_key, epoch, login_method, expires_at,
        absolute_expires_at)
    select md5('demo cross-app session')::uuid, id, 'demo cross-app session', session_epoch,
        'password', now() + interval '1 hour', now() + interval '1 hour'
    from users where email = 'ana@sabor.dev' and is_active
    on conflict (id) do update set epoch = excluded.epoch, last_activity = now(),
        created_at = now(), expires_at = excluded.expires_at,
        absolute_expires_at = excluded.absolute_expires_at";

const DELETE_TOKENS: &str = "delete from cross_app_sessions where token_hash = any ($1)";

const INSERT_TOKENS: &str = "
    insert into cross_app_sessions (id, token_hash, user_id, account_id, session_id, target_app,
        user_agent, ip_address, created_at, expires_at)
    select gen_random_uuid(), t.hash, s.user_id, m.account_id, s.id, a.name, 'demo', '127.0.0.1',
        made, made + interval '15 minutes'
    from (values ($1::text, now()), ($2, now() - interval '1 hour')) as t (hash, made)
    join user_sessions s on s.id = md5('demo cross-app session')::uuid
    join apps a on a.name = $3
    left join account_members m
        on m.user_id = s.user_id and m.account_id = md5('demo account')::uuid";
