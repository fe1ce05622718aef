//! What can go wrong, and how a caller is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use deadpool_postgres::PoolError;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::session::Token;

/// A [`std::result::Result`] whose error can be answered.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with each field, by its name in the request.
pub type Details = BTreeMap<String, Vec<String>>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A refusal as it is kept, to be given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    status: u16,
    code: String,
    message: String,
    details: Option<Details>,
}

/// Every failure that a function answers with.
///
/// The text of a variant is the sentence that a person reads; what a driver
/// said stays in the source, which is logged once and never answered.
#[derive(Debug, Error)]
pub enum Error {
    /// 400 `validation_failed`: `details` say which field, and why.
    #[error("Please check the highlighted fields")]
    Invalid(Details),
    /// 400 `malformed_request`: the request cannot be read at all.
    #[error("{0}")]
    Malformed(&'static str),
    /// 400 `bad_signature`: it says that it comes from a provider, and does not,
    /// or came too late.
    #[error("The signature does not fit, or is too old")]
    BadSignature,
    /// 400 `link_ended`: a link from a mail that was used, is too old, or was
    /// followed by a newer one; alike for one that never was.
    #[error("This link has been used or is too old; please ask for a new one")]
    LinkEnded,
    /// 400 with a code of its own: what was sent is of no use, or not any more.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// 401 `not_signed_in`: no credential, or one that is no longer good.
    #[error("Please sign in")]
    NotSignedIn,
    /// 401 `not_signed_in` as well: the cookie that came is forged, damaged, or
    /// of a session that has ended. Only this, and `SessionGone`, clear it.
    #[error("Please sign in")]
    CookieRefused,
    /// 401 `invalid_credentials`: alike for every wrong pair.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// 401 `session_gone`: the session ended while the request was under way.
    #[error("This session has ended; please sign in again")]
    SessionGone,
    /// 401 with a code of its own: what was shown is no proof.
    #[error("{message}")]
    Unauthorized {
        /// For programs.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// 401 `unknown_application`: no partner application, or not its secret.
    #[error("The application's name or secret is not right")]
    UnknownPartner,
    /// 401 `token_ended`: a cross-app token that is unknown, used, revoked or
    /// expired, whose session has ended, or whose member has left the account that
    /// it is for; alike for each.
    #[error("This token has been used or is too old")]
    TokenEnded,
    /// 401 `two_factor_required`: the first factor was right, and the second is
    /// due. The answer carries a `challenge`, to be sent back with the code.
    #[error("Please enter the code of your authenticator app")]
    TwoFactorRequired(Token),
    /// 403 with a code of its own: signed in, but not allowed.
    #[error("{message}")]
    Forbidden {
        /// For programs.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// 404 `not_found`.
    #[error("There is nothing here")]
    NotFound,
    /// 405 `method_not_allowed`; the answer carries `Allow`.
    #[error("This address does not answer that method")]
    MethodNotAllowed,
    /// 408 `request_timeout`: the body did not arrive in time.
    #[error("The request took too long to arrive")]
    RequestTimeout,
    /// 409 with a code of its own: it contradicts what is there.
    #[error("{message}")]
    Conflict {
        /// For programs.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// The refusal that the first request under this `Idempotency-Key` got.
    #[error("{}", .0.message)]
    Repeated(Refusal),
    /// 413 `body_too_large`.
    #[error("The request is larger than 1 MiB")]
    BodyTooLarge,
    /// 415 `not_json`.
    #[error("Send JSON, with the header Content-Type: application/json")]
    NotJson,
    /// 429 `too_many_requests`, with `Retry-After`.
    #[error("Too many tries; please wait")]
    TooManyRequests {
        /// How long to wait.
        retry_after: Duration,
        /// Whether this try has led to it, and not one before.
        is_new: bool,
    },
    /// 503 `unavailable`, with `Retry-After`: a store does not answer. Never
    /// to be taken for "not signed in", nor for "not found".
    #[error("The service is not available right now; please try again")]
    Unavailable(#[source] Source),
    /// 500 `internal`: a fault of ours.
    #[error("Something went wrong on our side")]
    Internal(#[source] Source),
}

impl Error {
    /// 403 `forbidden`.
    pub const FORBIDDEN: Self = Self::Forbidden {
        code: "forbidden",
        message: "You are not allowed to do this",
    };

    /// A fault of ours that no driver reported, told to the log alone.
    pub fn internal(sentence: impl Into<Source>) -> Self {
        Self::Internal(sentence.into())
    }

    /// A store that does not answer, told to the log alone.
    pub fn unavailable(sentence: impl Into<Source>) -> Self {
        Self::Unavailable(sentence.into())
    }

    /// A request that cannot be read, with the sentence to answer.
    pub fn malformed(sentence: &'static str) -> Self {
        Self::Malformed(sentence)
    }

    /// One field that is wrong.
    pub fn field(name: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(Details::from([(name.to_owned(), vec![problem.into()])]))
    }

    /// What is kept of a refusal, so that the same request gets the same
    /// answer. `None` for what may turn out otherwise when it is tried again.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let status = self.status();
        let lasting = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
        lasting.then(|| Refusal {
            status: status.as_u16(),
            code: self.code().to_owned(),
            message: self.to_string(),
            details: self.details().cloned(),
        })
    }

    /// What is wrong with each field, where fields were refused.
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Invalid(details) => Some(details),
            Self::Repeated(refusal) => refusal.details.as_ref(),
            _ => None,
        }
    }

    /// What is to be sent along with the code that is asked for.
    pub fn challenge(&self) -> Option<&Token> {
        match self {
            Self::TwoFactorRequired(token) => Some(token),
            _ => None,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_)
            | Self::Malformed(_)
            | Self::BadSignature
            | Self::LinkEnded
            | Self::Refused { .. } => StatusCode::BAD_REQUEST,
            Self::NotSignedIn
            | Self::CookieRefused
            | Self::InvalidCredentials
            | Self::SessionGone
            | Self::Unauthorized { .. }
            | Self::UnknownPartner
            | Self::TokenEnded
            | Self::TwoFactorRequired(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Repeated(refusal) => {
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The name by which a program tells it from the others.
    pub fn code(&self) -> &str {
        match self {
            Self::Invalid(_) => "validation_failed",
            Self::Malformed(_) => "malformed_request",
            Self::BadSignature => "bad_signature",
            Self::LinkEnded => "link_ended",
            Self::NotSignedIn | Self::CookieRefused => "not_signed_in",
            Self::InvalidCredentials => "invalid_credentials",
            Self::SessionGone => "session_gone",
            Self::Refused { code, .. }
            | Self::Unauthorized { code, .. }
            | Self::Forbidden { code, .. }
            | Self::Conflict { code, .. } => code,
            Self::UnknownPartner => "unknown_application",
            Self::TokenEnded => "token_ended",
            Self::TwoFactorRequired(_) => "two_factor_required",
            Self::Repeated(refusal) => &refusal.code,
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::NotJson => "not_json",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// When to try again, for the statuses that say so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after, .. } => Some(*retry_after),
            Self::Unavailable(_) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

/// The bare status, with the error beside it. `http::answer` makes the
/// documented body of it: only there the request's id is known, and only
/// there is anything logged.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if !is_outage(code) => Self::Internal(Box::new(error)),
            // Without a state it is the connection that failed, or, when a
            // value does not fit its column's type, a fault of ours.
            None if is_conversion(&error) => Self::Internal(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

/// Class 08 (connection), 53 (resources), 57 (shutdown, start-up, a cancelled
/// statement), 40 (rolled back, as by a deadlock), and a standby that cannot write.
fn is_outage(state: &SqlState) -> bool {
    let code = state.code();
    ["08", "53", "57", "25006", "40"]
        .iter()
        .any(|class| code.starts_with(class))
}

fn is_conversion(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}

/// Turns the violation of a named constraint into a domain error, where it
/// can happen: Postgres decides races, and this reads its decision.
pub trait OnConstraint<T> {
    /// `error` in place of a violation of `constraint`; all else unchanged.
    ///
    /// # Errors
    ///
    /// `error`, or what was there already.
    fn on_constraint(self, constraint: &str, error: Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T> {
    fn on_constraint(self, constraint: &str, error: Error) -> Result<T> {
        self.map_err(|original| match violated(&original) {
            Some(name) if name == constraint => error,
            _ => original,
        })
    }
}

fn violated(error: &Error) -> Option<&str> {
    database_error(error)?.constraint()
}

/// What Postgres itself reported, if it was Postgres.
pub(crate) fn database_error(error: &Error) -> Option<&tokio_postgres::error::DbError> {
    let (Error::Internal(source) | Error::Unavailable(source)) = error else {
        return None;
    };
    source
        .downcast_ref::<tokio_postgres::Error>()?
        .as_db_error()
}
