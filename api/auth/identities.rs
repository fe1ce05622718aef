//! GET, DELETE /api/auth/identities — the providers by which a member signs in.

use sabor::http::{Json, Member, Query, Success, query};
use sabor::identity::linked_providers;
use sabor::identity::linked_providers::WaysIn;
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// As in the list.
    #[param(value_type = uuid::Uuid)]
    id: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_sign_in_methods, unlink_provider]
}

/// The oldest link first. To link another, go to `/api/auth/oauth/{provider}`.
#[utoipa::path(get, path = "/api/auth/identities", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = WaysIn, description = "All of them, and whether there is a password"),
))]
async fn list_sign_in_methods(app: App, member: Member) -> Result<Json<WaysIn>> {
    linked_providers::list(&app, &member).await.map(Json)
}

/// Unlinks one, but never the last way in.
#[utoipa::path(delete, path = "/api/auth/identities", tag = "auth", security(("session" = [])), params(Which), responses(
    (status = 200, body = Success, description = "It is unlinked"),
    (status = 400, description = "Not an id"),
    (status = 404, description = "The member has no such link"),
    (status = 409, description = "`last_way_in`: no password, and no other provider"),
))]
async fn unlink_provider(
    app: App,
    client: Caller,
    member: Member,
    Query(which): Query<Which>,
) -> Result<Json<Success>> {
    let id = query::id(which.id.as_deref().unwrap_or_default());
    let id = id.map_err(|problem| Error::field("id", problem))?;
    linked_providers::unlink(&app, &client, &member, id).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
