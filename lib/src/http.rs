//! HTTP: the router with its layers, the extractors, and the responses.
//!
//! Extractors such as [`Member`], [`Admin`] and [`Cron`] authorize the caller, so the
//! signature of a handler states who may call it. Anyone may call a handler without
//! such an extractor.

mod accept;
pub mod auth;
mod cacheable;
mod caller;
pub(crate) mod cookie;
mod error_response;
pub mod idempotency;
pub mod json;
mod oauth;
mod origin;
pub mod page;
mod partner;
mod path;
pub mod query;
mod request_layer;
mod response;
mod routes;
pub(crate) mod sign_in_context;

use axum::Router;

pub use self::accept::{PageLocale, Representation, accepts};
pub use self::auth::{
    ActiveSession, Admin, ConfirmedMember, Cron, CronOrAdmin, FirstVisitCookie, Instructor, Member,
    OpenInDevelopment, Staff,
};
pub use self::cacheable::{CacheableResponse, Freshness, IfNoneMatchParams};
pub use self::cookie::{CookiePurpose, SetCookie};
pub use self::error_response::ErrorResponse;
pub use self::idempotency::{IdempotencyKey, IdempotencyKeyParams, Idempotent, StoredResponse};
pub use self::json::{Accepted, Created, Json, OptionalJson, RawJson, Success};
pub use self::oauth::{CallbackResponse, OAuthBrowser, Provider};
pub use self::page::{List, PageParams};
pub use self::partner::{MemberOrPartner, Partner};
pub use self::path::Id;
pub use self::query::Query;
pub use self::response::reject;
pub use self::routes::Routes;
pub(crate) use self::sign_in_context::registration_cookie;
pub use self::sign_in_context::{ClearedCookies, SignInContext, SignOutContext};

use self::request_layer::RequestLayer;
use crate::App;
use crate::error::Error;

/// Builds the router of `routes`, with the layer that handles every request.
pub fn router(app: App, routes: Vec<Routes>) -> Router {
    let layer = RequestLayer::new(app.clone(), &routes);
    let mut router: Router<App> = Router::new();
    for routes in routes {
        router = routes.add_to(router);
    }
    router
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(layer)
        .with_state(app)
}
