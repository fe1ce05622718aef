//! Doing once what is asked for twice.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::error::Result;
use crate::http::{Answered, IdempotencyKey};
use crate::models::idempotency_key;
use crate::runtime::background::BoxFuture;
use crate::store::postgres::{Db, Statement};

type Work = Box<dyn for<'c> FnOnce(&'c Client) -> BoxFuture<'c, Result<Answered>> + Send>;

static SAVEPOINT: Statement = Statement::new("idempotency.savepoint", "savepoint work");
static UNDO: Statement = Statement::new("idempotency.undo", "rollback to savepoint work");

/// Runs `work`, which is one statement. Under a key it runs in a transaction
/// with it: the work and the memory of it are there together or not at all.
///
/// # Errors
///
/// What `work` returns, and what the first request was refused with; 409
/// `idempotency_key_reused`; [`crate::Error::Unavailable`].
pub fn statement(
    db: &Db,
    owner: Uuid,
    key: Option<IdempotencyKey>,
    work: impl for<'c> FnOnce(&'c Client) -> BoxFuture<'c, Result<Answered>> + Send + 'static,
) -> BoxFuture<'_, Result<Answered>> {
    let work: Work = Box::new(work);
    Box::pin(async move {
        match key {
            None => work(&*db.client().await?).await,
            Some(key) => keyed(db, owner, key, work).await,
        }
    })
}

/// Runs `work` in a transaction, with a key or without.
///
/// # Errors
///
/// As [`statement`].
pub fn transaction(
    db: &Db,
    owner: Uuid,
    key: Option<IdempotencyKey>,
    work: impl for<'c> FnOnce(&'c Client) -> BoxFuture<'c, Result<Answered>> + Send + 'static,
) -> BoxFuture<'_, Result<Answered>> {
    let work: Work = Box::new(work);
    Box::pin(async move {
        match key {
            None => db.transaction(async move |client| work(client).await).await,
            Some(key) => keyed(db, owner, key, work).await,
        }
    })
}

async fn keyed(db: &Db, owner: Uuid, key: IdempotencyKey, work: Work) -> Result<Answered> {
    db.transaction(async move |client| once(client, owner, &key, work).await)
        .await?
}

/// The outer error ends the transaction, with all that was done in it. The
/// inner one is a refusal, which is remembered: only what it left undone is
/// taken back before.
async fn once(
    client: &Client,
    owner: Uuid,
    key: &IdempotencyKey,
    work: Work,
) -> Result<Result<Answered>> {
    if let Some(first) = idempotency_key::take(client, owner, key).await? {
        return Ok(Ok(first));
    }
    SAVEPOINT.execute(client, &[]).await?;
    let answer = work(client).await;
    match &answer {
        Ok(_) => {}
        Err(error) if error.refusal().is_some() => UNDO.execute(client, &[]).await?,
        Err(_) => return answer.map(Ok),
    }
    idempotency_key::keep(client, owner, key, &answer).await?;
    Ok(answer)
}
