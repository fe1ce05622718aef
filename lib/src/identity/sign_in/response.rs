//! The response to a sign-in.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{Json, SetCookie};
use crate::identity::token_pair::{OptionalTokenPair, TokenPair};
use crate::identity::view::UserView;
use crate::models::user::User;

/// The member who is signed in, and the tokens if the client requested them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignInResponse)]
pub struct SignInBody {
    success: bool,
    user: UserView,
    /// Only with `mode: token`.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

impl SignInBody {
    pub(crate) fn new(user: User, tokens: Option<TokenPair>) -> Self {
        Self {
            success: true,
            user: user.into(),
            tokens,
        }
    }
}

/// The response to a sign-in: a body, and cookies for a browser.
#[derive(Debug)]
pub struct SignInResponse {
    cookies: Vec<SetCookie>,
    body: SignInBody,
}

impl SignInResponse {
    pub(crate) fn new(cookies: Vec<SetCookie>, body: SignInBody) -> Self {
        Self { cookies, body }
    }

    /// Returns the cookies, for another kind of response.
    pub fn into_cookies(self) -> Vec<SetCookie> {
        self.cookies
    }
}

impl IntoResponse for SignInResponse {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        SetCookie::append(self.cookies, &mut response);
        response
    }
}
