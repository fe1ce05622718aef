//! The demo data of the local stack: accounts, a studio and a partner application.

pub(crate) mod cross_app;
mod local_starts;
mod studio;
pub(crate) mod year;

use anyhow::Result;
use sabor::crypto::password::{Hasher, Password};
use sabor::runtime::config::StudioConfig;
use tokio_postgres::Client;
use uuid::Uuid;

/// The password of all accounts.
pub(crate) const PASSWORD: &str = sabor::identity::demo::PASSWORD;

/// An account of the local database.
pub(crate) struct Account {
    pub(crate) email: &'static str,
    pub(crate) role: &'static str,
    first_name: &'static str,
    last_name: &'static str,
}

/// One account of each role.
pub(crate) const ACCOUNTS: [Account; 3] = [
    account("ana@sabor.dev", "member", "Ana", "Reyes"),
    account("sofia@sabor.dev", "staff", "Sofia", "Marin"),
    account("admin@sabor.dev", "admin", "Adriana", "Soto"),
];

const fn account(
    email: &'static str,
    role: &'static str,
    first_name: &'static str,
    last_name: &'static str,
) -> Account {
    Account {
        email,
        role,
        first_name,
        last_name,
    }
}

/// Adds the missing demo data in one transaction. Existing rows are not changed.
pub(crate) async fn add(client: &mut Client, studio: &StudioConfig) -> Result<()> {
    let hash = Hasher::new(1).hash(Password::submitted(PASSWORD)).await?;
    let transaction = client.transaction().await?;
    for account in &ACCOUNTS {
        let is_admin = account.role == "admin";
        let is_staff = account.role == "staff";
        transaction
            .execute(
                "insert into users (id, email, password_hash, first_name, last_name,
                     is_staff, is_admin, email_verified_at, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, now(), now() - interval '1 year')
                 on conflict (email) do nothing",
                &[
                    &Uuid::now_v7(),
                    &account.email,
                    &hash,
                    &account.first_name,
                    &account.last_name,
                    &is_staff,
                    &is_admin,
                ],
            )
            .await?;
    }
    studio::add(&transaction, studio, &hash).await?;
    cross_app::add(&transaction).await?;
    Ok(transaction.commit().await?)
}
