//! POST /api/auth/login — from e-mail address and password to a session.

use sabor::http::{Client, Json, Presented, SetSession};
use sabor::sign_in::{SignedIn, sign_in};
use sabor::{App, Exit, Result, Routes, demo, routes, serve};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Login {
    email: String,
    password: String,
    /// Thirty days instead of seven.
    #[serde(default)]
    remember: bool,
    /// How the session is carried: by a cookie.
    #[serde(default)]
    #[expect(dead_code, reason = "there is one mode, and naming it is allowed")]
    mode: sabor::sign_in::Mode,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![login]
}

/// Always a new session: the one that the browser had before ends, and what
/// it kept while nobody was signed in is taken along.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login, responses(
    (status = 200, body = SignedIn, description = "Signed in; `Set-Cookie` carries the session"),
    (status = 401, description = "Alike for every wrong pair: `invalid_credentials`"),
    (status = 429, description = "Too many tries; see `Retry-After`"),
))]
async fn login(
    app: App,
    client: Client,
    before: Presented,
    Json(form): Json<Login>,
) -> Result<(SetSession, Json<SignedIn>)> {
    let (cookie, user) = if demo::accepts(&app, &form.email, &form.password) {
        demo::sign_in(&app)
    } else {
        let before = before.key();
        sign_in(
            &app,
            &client,
            &form.email,
            &form.password,
            before,
            form.remember,
        )
        .await?
    };
    Ok((cookie, Json(user.into())))
}

fn main() -> Exit {
    serve(route())
}
