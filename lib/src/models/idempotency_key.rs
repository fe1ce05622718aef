//! The first answers to requests that may be sent again.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// What a client named its request, and a digest of what it asked for
/// (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key as the client sent it.
    pub key: String,
    /// SHA-256 of method, path and body, in hex.
    pub request_hash: String,
}

/// An answer that can be kept, and given again.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    /// 200 or 201.
    pub status: StatusCode,
    /// The JSON of it.
    pub body: Value,
}

impl StoredResponse {
    /// 200 and `body`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when `body` has no JSON; so below.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::OK, body)
    }

    /// 201 and `body`.
    ///
    /// # Errors
    ///
    /// As [`StoredResponse::ok`].
    pub fn created(body: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::CREATED, body)
    }

    fn new(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_value(body).map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self { status, body })
    }
}

// A second request under the same key waits here until the first one's
// transaction has ended. A key that has expired, and was not cleaned up yet, is
// as good as new.
static TAKE: Statement = Statement::new(
    "idempotency_key.take",
    "insert into idempotency_keys as k (owner, key, request_hash, expires_at)
    values ($1, $2, $3, now() + interval '24 hours')
    on conflict (owner, key) do update set
        request_hash = case when k.expires_at > now() then k.request_hash
            else excluded.request_hash end,
        status = case when k.expires_at > now() then k.status end,
        body = case when k.expires_at > now() then k.body end,
        expires_at = greatest(k.expires_at, excluded.expires_at)
    returning request_hash, status, body",
);

static KEEP: Statement = Statement::new(
    "idempotency_key.keep",
    "update idempotency_keys set status = $3, body = $4 where owner = $1 and key = $2",
);

/// Takes a key. The answer, if the request has been answered before; a refusal
/// is an answer, too. `None`: this is the first, or one whose answer nobody
/// kept; so what follows must be safe to do again, or in the same transaction.
///
/// # Errors
///
/// 409 `idempotency_key_reused` when the key came with another request before;
/// [`Error::Repeated`]; [`Error::Unavailable`].
pub async fn take(
    client: &Client,
    owner: Uuid,
    key: &IdempotencyKey,
) -> Result<Option<StoredResponse>> {
    let row = TAKE
        .one(client, &[&owner.to_string(), &key.key, &key.request_hash])
        .await?;
    let hash: String = row.try_get("request_hash")?;
    if hash != key.request_hash {
        return Err(Error::Conflict {
            code: "idempotency_key_reused",
            message: "This Idempotency-Key was used for another request",
        });
    }
    let status: Option<i32> = row.try_get("status")?;
    let body: Option<Value> = row.try_get("body")?;
    status
        .zip(body)
        .map(|(status, body)| replay(status, body))
        .transpose()
}

fn replay(status: i32, body: Value) -> Result<StoredResponse> {
    let unreadable = |error: serde_json::Error| Error::Internal(Box::new(error));
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| Error::internal("a kept answer has no status"))?;
    if status.is_client_error() {
        return Err(Error::Repeated(
            serde_json::from_value(body).map_err(unreadable)?,
        ));
    }
    Ok(StoredResponse { status, body })
}

/// Keeps the answer to the request that took the key.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn keep(
    client: &Client,
    owner: Uuid,
    key: &IdempotencyKey,
    answer: &Result<StoredResponse>,
) -> Result<()> {
    let (status, body) = match answer {
        Ok(answered) => (i32::from(answered.status.as_u16()), answered.body.clone()),
        Err(error) => {
            let Some(refusal) = error.refusal() else {
                return Ok(());
            };
            let body =
                serde_json::to_value(refusal).map_err(|error| Error::Internal(Box::new(error)))?;
            (i32::from(error.status().as_u16()), body)
        }
    };
    KEEP.execute(client, &[&owner.to_string(), &key.key, &status, &body])
        .await
}
