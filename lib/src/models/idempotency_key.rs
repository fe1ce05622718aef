//! Idempotency keys, and the responses that are stored under them.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// An idempotency key and a digest of its request
/// (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key as the client sent it.
    pub key: String,
    /// The SHA-256 of method, path and body, in hex.
    pub request_hash: String,
}

/// A response that can be stored and sent again.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    /// The status: 200 or 201.
    pub status: StatusCode,
    /// The JSON body.
    pub body: Value,
}

impl StoredResponse {
    /// Creates a response with status 200.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `body` cannot be serialized.
    pub fn ok(body: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::OK, body)
    }

    /// Creates a response with status 201.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `body` cannot be serialized.
    pub fn created(body: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::CREATED, body)
    }

    fn new(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_value(body).map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self { status, body })
    }
}

// A concurrent request with the same key waits here until the transaction of the first
// request has ended. An expired key that has not been deleted yet counts as new.
static CLAIM: Statement = Statement::new(
    "idempotency_key.claim",
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

static STORE_RESPONSE: Statement = Statement::new(
    "idempotency_key.store_response",
    "update idempotency_keys set status = $3, body = $4 where owner = $1 and key = $2",
);

/// Claims a key. Returns the stored response to an earlier request with this key. Returns
/// `None` if this is the first request, or if no response was stored. The request must
/// therefore be safe to repeat, or run in the same transaction.
///
/// # Errors
///
/// 409 `idempotency_key_reused` if the key was used for another request;
/// [`Error::Repeated`] if the stored response is an error.
pub async fn claim(
    client: &Client,
    owner: Uuid,
    key: &IdempotencyKey,
) -> Result<Option<StoredResponse>> {
    let row = CLAIM
        .one(client, &[&owner.to_string(), &key.key, &key.request_hash])
        .await?;
    let request_hash: String = row.try_get("request_hash")?;
    if request_hash != key.request_hash {
        return Err(Error::Conflict {
            code: ErrorCode::IdempotencyKeyReused,
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

/// Returns a stored response, or the error that was stored in its place.
fn replay(status: i32, body: Value) -> Result<StoredResponse> {
    let invalid_body = |error: serde_json::Error| Error::Internal(Box::new(error));
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| Error::internal("stored response has an invalid status"))?;
    if status.is_client_error() {
        return Err(Error::Repeated(
            serde_json::from_value(body).map_err(invalid_body)?,
        ));
    }
    Ok(StoredResponse { status, body })
}

/// Stores the response to the request that claimed the key. Stores an error only if another
/// attempt cannot succeed.
pub async fn store_response(
    client: &Client,
    owner: Uuid,
    key: &IdempotencyKey,
    response: &Result<StoredResponse>,
) -> Result<()> {
    let (status, body) = match response {
        Ok(stored) => (i32::from(stored.status.as_u16()), stored.body.clone()),
        Err(error) => {
            let Some(refusal) = error.refusal() else {
                return Ok(());
            };
            let body =
                serde_json::to_value(refusal).map_err(|error| Error::Internal(Box::new(error)))?;
            (i32::from(error.status().as_u16()), body)
        }
    };
    STORE_RESPONSE
        .execute(client, &[&owner.to_string(), &key.key, &status, &body])
        .await
}
