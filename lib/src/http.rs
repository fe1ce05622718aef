//! HTTP: what stands between the platform and a handler.
//!
//! [`router`] puts the layers around the functions' routes; a handler sees
//! only its extractors. Who may call is among them: [`Member`], [`Admin`],
//! [`Cron`] and their like are the authorization, and a handler without one
//! is open to everybody.

mod accept;
pub mod auth;
mod cacheable;
mod caller;
pub(crate) mod cookie;
pub mod idempotency;
pub mod json;
mod oauth;
mod origin;
pub mod page;
mod partner;
mod path;
pub mod query;
mod response;
mod routes;
pub(crate) mod sign_in_context;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

pub use self::accept::accepts;
pub use self::auth::{Admin, Cron, Member, OpenInDevelopment, Presented, Staff, Visit};
pub use self::cacheable::{CopyParams, Freshness, Public};
pub use self::cookie::{Purpose, SetCookie};
pub use self::idempotency::{Answered, IdempotencyKey, KeyParams, Keyed};
pub use self::json::{Accepted, Created, Json, OptionalJson, RawJson, Success};
pub use self::oauth::{OAuthBrowser, Provider, ProviderAnswer};
pub use self::page::{List, PageParams};
pub use self::partner::{MemberOrPartner, Partner};
pub use self::path::Id;
pub use self::query::Query;
pub use self::response::ErrorResponse;
pub use self::routes::Routes;
pub use self::sign_in_context::Arrival;
pub(crate) use self::sign_in_context::set_device;

use crate::App;
use crate::error::Error;

/// All of `routes`, with everything that each request passes on its way in
/// and out.
pub fn router(app: App, routes: Vec<Routes>) -> Router {
    let mut router: Router<App> = Router::new();
    for routes in routes {
        router = routes.add_to(router);
    }
    router
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(from_fn_with_state(app.clone(), origin::check))
        .layer(CatchPanicLayer::custom(response::panicked))
        .layer(origin::cors(app.config()))
        .layer(from_fn_with_state(app.clone(), response::answer))
        .with_state(app)
}
