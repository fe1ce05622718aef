//! The demo data of the local stack: accounts, a studio and a partner application.

pub(crate) mod cross_app;
mod local_starts;
mod studio;
pub(crate) mod year;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sabor::crypto::password::{Hasher, Password};
use sabor::runtime::config::StudioConfig;
use sabor_testing::environment;
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

/// One account of each role. The instructor teaches, and is otherwise a member.
pub(crate) const ACCOUNTS: [Account; 4] = [
    account("ana@sabor.dev", "member", "Ana", "Reyes"),
    account("camila@sabor.dev", "instructor", "Camila", "Duarte"),
    account("sofia@sabor.dev", "staff", "Sofia", "Marin"),
    ADMINISTRATOR,
];

/// The only account of an empty studio.
const ADMINISTRATOR: Account = account("admin@sabor.dev", "admin", "Adriana", "Soto");

/// Returns the accounts of the local database. An empty studio has only an administrator.
pub(crate) fn accounts(is_empty_studio: bool) -> &'static [Account] {
    match is_empty_studio {
        true => &[ADMINISTRATOR],
        false => &ACCOUNTS,
    }
}

/// The file that exists if the local studio is empty.
fn empty_studio_file() -> PathBuf {
    environment::home().join("empty-studio")
}

/// Returns whether the local studio was reset to an empty one. It then gets no demo data.
pub(crate) fn is_empty_studio() -> bool {
    empty_studio_file().exists()
}

/// Sets whether the local studio gets demo data.
pub(crate) fn set_empty_studio(is_empty: bool) -> Result<()> {
    let file = empty_studio_file();
    let changed = match is_empty {
        true => fs::write(&file, "This studio has no demo data.\n"),
        false if file.exists() => fs::remove_file(&file),
        false => Ok(()),
    };
    changed.with_context(|| format!("cannot change {}", file.display()))
}

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

/// Adds the missing demo data in one transaction. Existing rows are not changed. An empty studio
/// gets only its administrator.
pub(crate) async fn add(
    client: &mut Client,
    studio: &StudioConfig,
    is_empty_studio: bool,
) -> Result<()> {
    let hash = Hasher::new(1).hash(Password::submitted(PASSWORD)).await?;
    let transaction = client.transaction().await?;
    for account in accounts(is_empty_studio) {
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
    if !is_empty_studio {
        studio::add(&transaction, studio, &hash).await?;
        cross_app::add(&transaction).await?;
    }
    Ok(transaction.commit().await?)
}
