//! The accounts at providers that members have linked.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// An account at a provider that a member has linked.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The id of the row. The provider's id of the account is its `subject`.
    pub id: Uuid,
    /// The name of the provider.
    pub provider: String,
    /// The e-mail address that the provider last reported, if any.
    pub email: Option<String>,
    /// When the account was linked.
    pub linked_at: DateTime<Utc>,
}

static FIND_OWNER: Statement = Statement::new(
    "user_identity.owner",
    "select user_id from user_identities where provider = $1 and subject = $2",
);

/// Returns the member who has linked an account at a provider.
pub async fn find_owner(client: &Client, provider: &str, subject: &str) -> Result<Option<Uuid>> {
    let row = FIND_OWNER.opt(client, &[&provider, &subject]).await?;
    Ok(row.map(|row| row.try_get("user_id")).transpose()?)
}

static INSERT: Statement = Statement::new(
    "user_identity.insert",
    "insert into user_identities (id, user_id, provider, subject, email)
    values ($1, $2, $3, $4, $5)
    on conflict (provider, subject) do nothing returning id",
);

/// Links an account at a provider. Returns `false` if this member or another one has
/// already linked it.
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

static UPDATE_EMAIL: Statement = Statement::new(
    "user_identity.update_email",
    "update user_identities set email = $3
    where provider = $1 and subject = $2 and email is distinct from $3",
);

/// Stores the e-mail address that the provider reports now.
pub async fn update_email(
    client: &Client,
    provider: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<()> {
    UPDATE_EMAIL
        .execute(client, &[&provider, &subject, &email])
        .await
}

static LIST: Statement = Statement::new(
    "user_identity.list",
    "select u.password_hash is not null as has_password, i.id, i.provider, i.email, i.linked_at
    from users u left join user_identities i on i.user_id = u.id
    where u.id = $1 order by i.linked_at, i.id",
);

/// Returns whether a member has a password, and lists the linked accounts, oldest first.
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

/// Unlinks an account at a provider. `id` is the id of the row.
pub async fn delete(client: &Client, user_id: Uuid, id: Uuid) -> Result<()> {
    DELETE.execute(client, &[&user_id, &id]).await
}

static DELETE_ALL: Statement = Statement::new(
    "user_identity.delete_all",
    "delete from user_identities where user_id = $1",
);

/// Unlinks all accounts of a member at providers.
pub async fn delete_all(client: &Client, user_id: Uuid) -> Result<()> {
    DELETE_ALL.execute(client, &[&user_id]).await
}
