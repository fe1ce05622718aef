//! HTTP: what stands between the platform and a handler.
//!
//! [`router`] puts the layers around the functions' routes; a handler sees
//! only its extractors. Who may call is among them: [`Member`], [`Admin`],
//! [`Cron`] and their like are the authorization, and a handler without one
//! is open to everybody.

mod accept;
mod answer;
pub(crate) mod arrival;
pub mod auth;
pub mod browser;
mod client;
pub(crate) mod cookie;
mod id;
mod idempotency;
pub mod json;
mod origin;
pub mod page;
mod partner;
mod provider;
mod public;
pub mod query;
mod routes;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

pub use self::accept::accepts;
pub use self::answer::Problem;
pub use self::arrival::Arrival;
pub(crate) use self::arrival::set_device;
pub use self::auth::{Admin, Cron, Member, OpenInDevelopment, Presented, Staff, Visit};
pub use self::client::Client;
pub use self::cookie::{Purpose, SetCookie};
pub use self::id::Id;
pub use self::idempotency::{Answered, IdempotencyKey, KeyParams, Keyed};
pub use self::json::{Accepted, Created, Json, OptionalJson, RawJson, Success};
pub use self::page::{List, Page, PageParams};
pub use self::partner::{MemberOrPartner, Partner};
pub use self::provider::{OAuthBrowser, Provider, ProviderAnswer};
pub use self::public::{CopyParams, Freshness, Public};
pub use self::query::Query;
pub use self::routes::Routes;

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
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(origin::cors(app.config()))
        .layer(from_fn_with_state(app.clone(), answer::answer))
        .with_state(app)
}
