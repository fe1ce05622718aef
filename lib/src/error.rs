//! Errors, with the status, code and message of their responses.

mod code;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use deadpool_postgres::PoolError;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::{WasNull, WrongType};
use uuid::Uuid;

pub use self::code::ErrorCode;
use crate::crypto::token::Token;

/// A [`std::result::Result`] with an [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Messages about invalid fields, by the field's name in the request.
pub type Details = BTreeMap<String, Vec<String>>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A rejection that is stored under an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    status: u16,
    code: String,
    message: String,
    details: Option<Details>,
}

/// The errors with which a request can fail.
///
/// The `Display` text is the message for people. The source, such as a driver's
/// error, is logged once and never returned.
#[derive(Debug, Error)]
pub enum Error {
    /// 400 `validation_failed`: `details` names the fields.
    #[error("Some fields are invalid")]
    Invalid(Details),
    /// 400 `malformed_request`: the request cannot be parsed.
    #[error("{0}")]
    Malformed(&'static str),
    /// 400 `bad_signature`: the signature of a webhook is wrong or too old.
    #[error("The signature is invalid or too old")]
    BadSignature,
    /// 400 `link_ended`: the token of a mailed link is used, expired, replaced or
    /// unknown.
    #[error("This link has been used or has expired; please request a new one")]
    LinkEnded,
    /// 400 with its own code.
    #[error("{message}")]
    Refused {
        /// The code, for programs.
        code: ErrorCode,
        /// The message, for people.
        message: &'static str,
    },
    /// 401 `not_signed_in`: there is no valid credential. The response does not clear the
    /// cookie, because a sign-in may have replaced it since the request was sent.
    #[error("Please sign in")]
    NotSignedIn,
    /// 401 `invalid_credentials`: the e-mail address or the password is wrong.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// 401 `session_gone`: the session ended during the request.
    #[error("Your session has ended; please sign in again")]
    SessionGone,
    /// 401 with its own code.
    #[error("{message}")]
    Unauthorized {
        /// The code, for programs.
        code: ErrorCode,
        /// The message, for people.
        message: &'static str,
    },
    /// 401 `unknown_application`: the name or the secret of a partner application
    /// is wrong, or the application is deactivated.
    #[error("The application's name or secret is wrong")]
    UnknownPartner,
    /// 401 `token_ended`: a cross-app token is unknown, used, revoked or expired, its
    /// session has ended, or its member has left the organization.
    #[error("This token has been used or has expired")]
    TokenEnded,
    /// 401 `two_factor_required`: the password is correct and a code is needed. The
    /// response has the `challenge` to send with the code.
    #[error("Please enter the code from your authenticator app")]
    TwoFactorRequired(Token),
    /// 403 with its own code.
    #[error("{message}")]
    Forbidden {
        /// The code, for programs.
        code: ErrorCode,
        /// The message, for people.
        message: &'static str,
    },
    /// 404 `not_found`.
    #[error("Not found")]
    NotFound,
    /// 405 `method_not_allowed`; the response has the header `Allow`.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// 408 `request_timeout`: the body did not arrive in time.
    #[error("The request body did not arrive in time")]
    RequestTimeout,
    /// 409 `email_taken`: another account has this e-mail address.
    #[error("User with this email already exists")]
    EmailTaken,
    /// 409 `member_exists`: staff create a member with the e-mail address of this member.
    #[error("There is already an account with this e-mail address")]
    MemberExists(Uuid),
    /// 409 `member_deactivated`: staff create a member with the e-mail address of this member,
    /// whose account is deactivated.
    #[error(
        "The account with this e-mail address is deactivated; \
         please ask an administrator to reactivate it"
    )]
    MemberDeactivated(Uuid),
    /// 409 `identity_overtaken`: a concurrent request has linked the same account at a
    /// provider, or has created or deleted the member's account.
    #[error("Please try again")]
    ConcurrentIdentityChange,
    /// 409 with its own code: the request conflicts with the current state.
    #[error("{message}")]
    Conflict {
        /// The code, for programs.
        code: ErrorCode,
        /// The message, for people.
        message: &'static str,
    },
    /// The rejection of the first request with this `Idempotency-Key`.
    #[error("{}", .0.message)]
    Repeated(Refusal),
    /// 413 `body_too_large`.
    #[error("The request body is larger than 1 MiB")]
    BodyTooLarge,
    /// 415 `not_json`.
    #[error("The request needs the header Content-Type: application/json")]
    NotJson,
    /// 429 `too_many_requests`, with `Retry-After`.
    #[error("Too many attempts; please try again later")]
    TooManyRequests {
        /// The time to wait.
        retry_after: Duration,
        /// The names of the exceeded limits. Empty if a limit is exceeded only as long as
        /// other attempts are in progress.
        exceeded: Vec<&'static str>,
        /// The names of the limits whose block this request has started.
        started: Vec<&'static str>,
    },
    /// 503 `unavailable`, with `Retry-After`: a service such as Postgres does not answer.
    /// It must not be reported as "not signed in" or "not found".
    #[error("The service is temporarily unavailable; please try again")]
    Unavailable(#[source] Source),
    /// 500 `internal`: an error in the service.
    #[error("Something went wrong on our side")]
    Internal(#[source] Source),
}

impl Error {
    /// 403 `forbidden`.
    pub const FORBIDDEN: Self = Self::Forbidden {
        code: ErrorCode::Forbidden,
        message: "You are not allowed to do this",
    };

    /// 403 `email_not_verified`.
    pub const EMAIL_NOT_VERIFIED: Self = Self::Forbidden {
        code: ErrorCode::EmailNotVerified,
        message: "Please confirm your e-mail address first; your account page can send the link again",
    };

    /// 403 `two_factor_setup_required`.
    pub const TWO_FACTOR_SETUP_REQUIRED: Self = Self::Forbidden {
        code: ErrorCode::TwoFactorSetupRequired,
        message: "The studio requires a second factor from staff; please set it up in your \
                  account settings first",
    };

    /// Creates an internal error, with a message for the log.
    pub fn internal(message: impl Into<Source>) -> Self {
        Self::Internal(message.into())
    }

    /// Creates an error of an outage, with a message for the log.
    pub fn unavailable(message: impl Into<Source>) -> Self {
        Self::Unavailable(message.into())
    }

    /// Adds the name of the connection string's variable, if the connection string is the
    /// problem.
    pub(crate) fn with_variable(self, variable: &'static str) -> Self {
        match self {
            Self::Internal(source) => Self::Internal(match source.downcast::<Misconfiguration>() {
                Ok(problem) => Box::new(Misconfiguration {
                    variable,
                    ..*problem
                }),
                Err(source) => source,
            }),
            other => other,
        }
    }

    /// Returns whether a service rejects the configured credentials or database.
    pub(crate) fn is_misconfiguration(&self) -> bool {
        match self {
            Self::Internal(source) => source.is::<Misconfiguration>(),
            Self::Unavailable(source) => matches!(
                source.downcast_ref(),
                Some(upstash_redis_rs::Error::Unauthorized)
            ),
            _ => false,
        }
    }

    /// Creates the error of a malformed request, with a message for the caller.
    pub fn malformed(message: &'static str) -> Self {
        Self::Malformed(message)
    }

    /// Creates the error of a single invalid field.
    pub fn field(name: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(Details::from([(name.to_owned(), vec![problem.into()])]))
    }

    /// Returns the rejection to store, so that a repeated request gets the same response.
    /// Only errors with status 400, 404 or 409 are stored. Returns `None` for errors that may
    /// not occur again: those that depend on the caller (401, 403) or on limits (429), and
    /// failures of the service.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let status = self.status();
        let is_final = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::CONFLICT
        );
        is_final.then(|| Refusal {
            status: status.as_u16(),
            code: self.code().to_owned(),
            message: self.to_string(),
            details: self.details().cloned(),
        })
    }

    /// Returns the problems of the invalid fields, if there are any.
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Invalid(details) => Some(details),
            Self::Repeated(refusal) => refusal.details.as_ref(),
            _ => None,
        }
    }

    /// Returns the challenge to send with the second-factor code, if a code is required.
    pub fn challenge(&self) -> Option<&Token> {
        match self {
            Self::TwoFactorRequired(token) => Some(token),
            _ => None,
        }
    }

    /// Returns the id of the member who has the e-mail address, for staff.
    pub fn member_id(&self) -> Option<Uuid> {
        match self {
            Self::MemberExists(id) | Self::MemberDeactivated(id) => Some(*id),
            _ => None,
        }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_)
            | Self::Malformed(_)
            | Self::BadSignature
            | Self::LinkEnded
            | Self::Refused { .. } => StatusCode::BAD_REQUEST,
            Self::NotSignedIn
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
            Self::EmailTaken
            | Self::MemberExists(_)
            | Self::MemberDeactivated(_)
            | Self::ConcurrentIdentityChange
            | Self::Conflict { .. } => StatusCode::CONFLICT,
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

    /// Returns the machine-readable code.
    pub fn code(&self) -> &str {
        let code = match self {
            Self::Invalid(_) => ErrorCode::ValidationFailed,
            Self::Malformed(_) => ErrorCode::MalformedRequest,
            Self::BadSignature => ErrorCode::BadSignature,
            Self::LinkEnded => ErrorCode::LinkEnded,
            Self::NotSignedIn => ErrorCode::NotSignedIn,
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::SessionGone => ErrorCode::SessionGone,
            Self::Refused { code, .. }
            | Self::Unauthorized { code, .. }
            | Self::Forbidden { code, .. }
            | Self::Conflict { code, .. } => *code,
            Self::EmailTaken => ErrorCode::EmailTaken,
            Self::MemberExists(_) => ErrorCode::MemberExists,
            Self::MemberDeactivated(_) => ErrorCode::MemberDeactivated,
            Self::ConcurrentIdentityChange => ErrorCode::IdentityOvertaken,
            Self::UnknownPartner => ErrorCode::UnknownApplication,
            Self::TokenEnded => ErrorCode::TokenEnded,
            Self::TwoFactorRequired(_) => ErrorCode::TwoFactorRequired,
            Self::Repeated(refusal) => return &refusal.code,
            Self::NotFound => ErrorCode::NotFound,
            Self::MethodNotAllowed => ErrorCode::MethodNotAllowed,
            Self::RequestTimeout => ErrorCode::RequestTimeout,
            Self::BodyTooLarge => ErrorCode::BodyTooLarge,
            Self::NotJson => ErrorCode::NotJson,
            Self::TooManyRequests { .. } => ErrorCode::TooManyRequests,
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Internal(_) => ErrorCode::Internal,
        };
        code.as_str()
    }

    /// Returns the value of `Retry-After`, for 429 and 503.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after, .. } => Some(*retry_after),
            Self::Unavailable(_) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

/// Returns an empty response with the error as an extension. The layer
/// `http::response` logs the error and writes the body, which contains the request's id.
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

/// Only a defect of a template can cause this error.
impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(problem) = connection_problem(&error) {
            return Self::Internal(Box::new(Misconfiguration {
                variable: "POSTGRES_URL or DATABASE_URL",
                problem,
                source: error,
            }));
        }
        match error.code() {
            Some(code) if !is_outage(code) => Self::Internal(Box::new(error)),
            // Without an SQL state, either the connection failed or a value does not fit
            // the type of its column.
            None if is_conversion(&error) => Self::Internal(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

/// The connection to Postgres or its pooler fails because of the connection string.
#[derive(Debug, Error)]
#[error("{variable}: {problem}")]
struct Misconfiguration {
    variable: &'static str,
    problem: &'static str,
    source: tokio_postgres::Error,
}

/// Returns what is wrong with the connection string, if the connection fails because of it.
///
/// Poolers report such a problem as a violation of the protocol or as an internal error,
/// so only the text distinguishes it from an outage.
fn connection_problem(error: &tokio_postgres::Error) -> Option<&'static str> {
    const PASSWORD_PROBLEM: &str = "the server rejects the user or the password";
    const DATABASE_PROBLEM: &str = "the server has no such database";
    const TLS_PROBLEM: &str = "the server requires TLS: use sslmode=require";
    let Some(reported) = error.as_db_error() else {
        let text = error.to_string();
        let is_configuration = ["invalid configuration", "authentication error"]
            .iter()
            .any(|kind| text.starts_with(kind));
        return is_configuration.then_some("the user or the password is missing or unsuitable");
    };
    let text = reported.message();
    let contains_any = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    match reported.code().code() {
        "28000" if contains_any(&["no encryption", "SSL off"]) => Some(TLS_PROBLEM),
        "28P01" | "28000" => Some(PASSWORD_PROBLEM),
        "3D000" => Some(DATABASE_PROBLEM),
        "08P01" | "XX000" if contains_any(&["SSL required", "sslmode=require"]) => {
            Some(TLS_PROBLEM)
        }
        "08P01" | "XX000" if contains_any(&["no such database"]) => Some(DATABASE_PROBLEM),
        "08P01" | "XX000"
            if contains_any(&[
                "authentication failed",
                "auth failed",
                "no such user",
                "Tenant or user not found",
            ]) =>
        {
            Some(PASSWORD_PROBLEM)
        }
        "08P01" if contains_any(&["unsupported startup parameter"]) => {
            Some("the pooler rejects a parameter: remove `options` from the connection string")
        }
        _ => None,
    }
}

/// Returns whether an SQL state means an outage: class 08 (connection), 53 (resources),
/// 57 (shutdown, startup, a cancelled statement), 40 (rollback, such as after a
/// deadlock), a lock that was not free in time, or a read-only standby.
fn is_outage(state: &SqlState) -> bool {
    let code = state.code();
    ["08", "53", "57", "25006", "40", "55P03"]
        .iter()
        .any(|class| code.starts_with(class))
}

/// Returns whether a value could not be converted from or to the type of its column.
fn is_conversion(error: &tokio_postgres::Error) -> bool {
    let source = error.source();
    source.is_some_and(|source| source.is::<WrongType>() || source.is::<WasNull>())
}

/// Turns the violation of a named constraint into a domain error. Constraints decide
/// races between requests.
pub trait OnConstraint<T> {
    /// Replaces a violation of `constraint` with `error`. Other errors do not change.
    ///
    /// # Errors
    ///
    /// `error`, or the original error.
    fn on_constraint(self, constraint: &str, error: Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T> {
    fn on_constraint(self, constraint: &str, error: Error) -> Result<T> {
        self.map_err(|original| match violated_constraint(&original) {
            Some(name) if name == constraint => error,
            _ => original,
        })
    }
}

fn violated_constraint(error: &Error) -> Option<&str> {
    database_error(error)?.constraint()
}

/// Returns the error that Postgres reported, if there is one.
pub(crate) fn database_error(error: &Error) -> Option<&DbError> {
    let (Error::Internal(source) | Error::Unavailable(source)) = error else {
        return None;
    };
    source
        .downcast_ref::<tokio_postgres::Error>()?
        .as_db_error()
}

/// Formats an error and its causes in one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = match cause.downcast_ref::<DbError>() {
            // The error's details quote the whole row, which may include a password hash.
            Some(error) => format!("{text}: {} ({})", error.message(), error.code().code()),
            None => format!("{text}: {cause}"),
        };
        next = cause.source();
    }
    text
}
