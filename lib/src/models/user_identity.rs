//! Who members are at the providers that they sign in by.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// An account at a provider that is linked to a member's.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its row.
    pub id: Uuid,
    /// The provider's name.
    pub provider: String,
    /// As the provider told it last; `None`: it did not.
    pub email: Option<String>,
    /// When it was linked.
    pub linked_at: DateTime<Utc>,
}

static OWNER: Statement = Statement::new(
    "user_identity.owner",
    "select user_id from user_identities where provider = $1 and subject = $2",
);

/// Whose account it is that this one at a provider is linked to.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]; so below.
pub async fn owner(client: &Client, provider: &str, subject: &str) -> Result<Option<Uuid>> {
    let row = OWNER.opt(client, &[&provider, &subject]).await?;
    Ok(row.map(|row| row.try_get("user_id")).transpose()?)
}

static INSERT: Statement = Statement::new(
    "user_identity.insert",
    "insert into user_identities (id, user_id, provider, subject, email)
    values ($1, $2, $3, $4, $5)
    on conflict (provider, subject) do nothing returning id",
);

/// Links an account at a provider. `false` when it is linked already, be it to
/// this member or another.
///
/// # Errors
///
/// As [`owner`].
pub async fn insert(
    client: &Client,
    user_id: Uuid,
    provider: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<bool> {
    let row = INSERT
        .opt(
            client,
            &[&random::id(), &user_id, &provider, &subject, &email],
        )
        .await?;
    Ok(row.is_some())
}

static NOTE_EMAIL: Statement = Statement::new(
    "user_identity.note_email",
    "update user_identities set email = $3
    where provider = $1 and subject = $2 and email is distinct from $3",
);

/// Notes the address that the provider tells now.
///
/// # Errors
///
/// As [`owner`].
pub async fn note_email(
    client: &Client,
    provider: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<()> {
    NOTE_EMAIL
        .execute(client, &[&provider, &subject, &email])
        .await
}

static LIST: Statement = Statement::new(
    "user_identity.list",
    "select u.password_hash is not null as has_password, i.id, i.provider, i.email, i.linked_at
    from users u left join user_identities i on i.user_id = u.id
    where u.id = $1 order by i.linked_at, i.id",
);

/// What a member signs in by: whether by a password, and the accounts at
/// providers, the oldest link first.
///
/// # Errors
///
/// As [`owner`].
pub async fn list(client: &Client, user_id: Uuid) -> Result<(bool, Vec<Identity>)> {
    let rows = LIST.all(client, &[&user_id]).await?;
    let mut has_password = false;
    let mut identities = Vec::new();
    for row in rows {
        has_password = row.try_get("has_password")?;
        if let Some(id) = row.try_get("id")? {
            identities.push(Identity {
                id,
                provider: row.try_get("provider")?,
                email: row.try_get("email")?,
                linked_at: row.try_get("linked_at")?,
            });
        }
    }
    Ok((has_password, identities))
}

static DELETE: Statement = Statement::new(
    "user_identity.delete",
    "delete from user_identities where user_id = $1 and id = $2",
);

/// Unlinks one of a member's accounts at a provider.
///
/// # Errors
///
/// As [`owner`].
pub async fn delete(client: &Client, user_id: Uuid, id: Uuid) -> Result<()> {
    DELETE.execute(client, &[&user_id, &id]).await
}
