//! GET, DELETE /api/auth/identities — the member's sign-in methods.

use sabor::http::{Json, Member, Query, Success, query};
use sabor::identity::linked_providers;
use sabor::identity::linked_providers::SignInMethods;
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UnlinkQuery {
    /// The link's id, from the list.
    #[param(value_type = uuid::Uuid)]
    id: Option<String>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_sign_in_methods, unlink_provider]
}

/// Lists linked providers, oldest first, and shows whether the account has a
/// password. To link a provider, send the browser to
/// `/api/auth/oauth/{provider}`.
#[utoipa::path(get, path = "/api/auth/identities", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = SignInMethods, description = "The member's sign-in methods"),
))]
async fn list_sign_in_methods(app: App, member: Member) -> Result<Json<SignInMethods>> {
    linked_providers::list(&app, &member).await.map(Json)
}

/// Unlinks a provider. The last sign-in method cannot be removed.
#[utoipa::path(delete, path = "/api/auth/identities", tag = "auth", security(("session" = [])), params(UnlinkQuery), responses(
    (status = 200, body = Success, description = "The provider was unlinked"),
    (status = 404, description = "`not_found`: the member has no link with this id"),
    (status = 409, description = "`last_way_in`: the account has no password and no other provider that is configured"),
))]
async fn unlink_provider(
    app: App,
    caller: Caller,
    member: Member,
    Query(query): Query<UnlinkQuery>,
) -> Result<Json<Success>> {
    let id = query::id(query.id.as_deref().unwrap_or_default());
    let id = id.map_err(|problem| Error::field("id", problem))?;
    linked_providers::unlink(&app, &caller, &member, id).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
