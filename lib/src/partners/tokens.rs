//! Cross-app tokens, which sign a member in to a partner application.
//!
//! The site requests a token and sends the browser to the application with it. The
//! application's server authenticates with the application's secret and validates the token.
//! The response contains the member and the organization that the member acts for. A token
//! expires after fifteen minutes or with its session. By default it can be used once.

use chrono::{DateTime, Utc};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::security_events;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{Member, MemberOrPartner, Partner};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CROSS_APP_TOKEN, Subject};
use crate::identity::view::{MembershipView, UserView};
use crate::models::cross_app_session::{
    self, IssuedCrossAppToken, NewCrossAppToken, TokenRef, ValidatedToken, Validation,
};
use crate::models::security_event::SecurityEventKind;
use crate::partners::apps;
use crate::session::Token;
use crate::values::caller::Caller;
use crate::values::form::{Form, Problem};
use crate::{App, BoxFuture};

const WRONG_APPLICATION: Error = Error::Forbidden {
    code: ErrorCode::WrongApplication,
    message: "This token is for another application",
};

/// The request to issue a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCrossAppToken {
    /// The name of the partner application.
    #[schema(examples("ticket-shop"))]
    target_app: String,
    /// The organization that the member acts for. The member must belong to it.
    account_id: Option<Uuid>,
    /// The URL to which the browser delivers the token. The application must allow its
    /// origin. Omit it only if your own page chooses the URL.
    #[schema(format = "uri", examples("https://shop.example/welcome"))]
    return_to: Option<String>,
}

/// A token for a partner application.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrossAppToken {
    /// The id of the token, which can be used to revoke it.
    id: Uuid,
    /// The token. The application's server validates it.
    token: String,
    /// Fifteen minutes from now, or the end of the session if that is earlier.
    expires_at: DateTime<Utc>,
}

impl From<IssuedCrossAppToken> for CrossAppToken {
    fn from(issued: IssuedCrossAppToken) -> Self {
        Self {
            id: issued.id,
            token: issued.token.expose().to_owned(),
            expires_at: issued.expires_at,
        }
    }
}

/// Issues a token for a partner application.
///
/// # Errors
///
/// [`Error::Invalid`]; 403 `not_a_member` if the member does not belong to the organization;
/// [`Error::TooManyRequests`] after ten tokens in a minute; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn issue<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    request: &'a CreateCrossAppToken,
) -> BoxFuture<'a, Result<CrossAppToken>> {
    Box::pin(async move {
        let key = member.key()?;
        let mut form = Form::default();
        let target_app = form.check("targetApp", apps::parse_name(&request.target_app));
        let origin = form.check_filled("returnTo", request.return_to.as_deref(), origin_of_url);
        form.finish()?;
        let subject = Subject::member(CROSS_APP_TOKEN, member.user.id);
        rate_limit::count_attempt(app, &[subject]).await?;
        let new = NewCrossAppToken {
            key,
            target_app: &target_app.unwrap_or_default(),
            account_id: request.account_id,
            origin: origin.as_deref(),
            caller,
        };
        let issued = cross_app_session::issue(&app.db().client().await?, &new).await?;
        Ok(issued.into())
    })
}

/// Returns the origin of a URL, as browsers send it.
fn origin_of_url(url: &str) -> Result<String, Problem> {
    let uri: Option<Uri> = url.parse().ok();
    let origin = uri.as_ref().and_then(apps::origin_of);
    origin.ok_or_else(|| "must be a URL such as https://shop.example/welcome".to_owned())
}

/// The request of a partner application to validate a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidateCrossAppToken {
    /// The token that the browser has delivered.
    #[schema(examples("3f0c…"))]
    token: String,
}

/// Parses a token. An invalid string becomes a random token, which is unknown, so that the
/// query still authenticates the application before it rejects the token.
fn parse_token(text: &str) -> Token {
    Token::parse(text).unwrap_or_else(Token::generate)
}

/// The member that a token signs in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrossAppSignIn {
    /// Always true. An invalid token leads to an error response.
    valid: bool,
    user: UserView,
    /// The organization that the member acts for. Null if they act for themselves.
    account: Option<MembershipView>,
    session: CrossAppSessionView,
}

/// The token that was validated.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CrossAppSession)]
struct CrossAppSessionView {
    /// The id of the token, which can be used to revoke it.
    id: Uuid,
    /// The application where the member is signed in.
    source_app: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<ValidatedToken> for CrossAppSignIn {
    fn from(validated: ValidatedToken) -> Self {
        Self {
            valid: true,
            user: validated.user.into(),
            account: validated.account.map(MembershipView::from),
            session: CrossAppSessionView {
                id: validated.id,
                source_app: validated.source_app,
                created_at: validated.created_at,
                expires_at: validated.expires_at,
            },
        }
    }
}

/// Validates a token. If several requests validate a single-use token at the same time,
/// exactly one succeeds.
///
/// # Errors
///
/// [`Error::UnknownPartner`]; [`Error::TokenEnded`] if the token is unknown, used, revoked or
/// expired, its session has ended, or the member has left the organization; 403
/// `wrong_application`, which leaves the token valid; [`Error::Unavailable`].
pub fn validate<'a>(
    app: &'a App,
    caller: &'a Caller,
    partner: &'a Partner,
    request: &'a ValidateCrossAppToken,
) -> BoxFuture<'a, Result<CrossAppSignIn>> {
    Box::pin(async move {
        let token = parse_token(&request.token);
        let client = app.db().client().await?;
        match cross_app_session::validate(&client, partner, &token, caller).await? {
            Validation::Valid(validated) => Ok((*validated).into()),
            Validation::Invalid => Err(Error::TokenEnded),
            Validation::WrongApplication => {
                let detail = serde_json::json!({ "app": partner.name });
                security_events::record_with(
                    app,
                    SecurityEventKind::CrossAppRefused,
                    None,
                    caller,
                    detail,
                );
                Err(WRONG_APPLICATION)
            }
        }
    })
}

/// The request to revoke a token. It contains either the token or its id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a"}))]
pub struct RevokeCrossAppToken {
    /// The token.
    token: Option<String>,
    /// The id of the token.
    id: Option<Uuid>,
}

impl RevokeCrossAppToken {
    fn into_token_ref(self) -> Result<TokenRef> {
        match (self.token, self.id) {
            (Some(token), None) => Ok(TokenRef::Token(parse_token(&token))),
            (None, Some(id)) => Ok(TokenRef::Id(id)),
            (None, None) => Err(Error::field("token", "is required unless there is an id")),
            (Some(_), Some(_)) => Err(Error::field("id", "must not be combined with a token")),
        }
    }
}

/// Revokes a token. A member can revoke their own tokens. An application can revoke tokens
/// that were issued for it. Revoking a revoked token succeeds.
///
/// # Errors
///
/// [`Error::NotFound`] if the token does not exist, or belongs to another member or
/// application; [`Error::Invalid`]; [`Error::UnknownPartner`]; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn revoke<'a>(
    app: &'a App,
    caller: &'a Caller,
    requester: &'a MemberOrPartner,
    request: RevokeCrossAppToken,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let token = request.into_token_ref()?;
        let client = app.db().client().await?;
        let (revoked, detail) = match requester {
            MemberOrPartner::Member(member) => {
                let revoked = cross_app_session::revoke_own(&client, member.key()?, &token);
                (revoked.await?, serde_json::json!({}))
            }
            MemberOrPartner::Partner(partner) => {
                let revoked = cross_app_session::revoke_as_partner(&client, partner, &token);
                (revoked.await?, serde_json::json!({ "app": partner.name }))
            }
        };
        if revoked.is_new {
            let (kind, owner) = (SecurityEventKind::CrossAppRevoked, Some(revoked.user_id));
            security_events::record_with(app, kind, owner, caller, detail);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_url_is_what_a_browser_sends() {
        assert_eq!(
            origin_of_url("https://Shop.Example/welcome?a=b#c").unwrap(),
            "https://shop.example"
        );
        for bad in [
            "/welcome",
            "shop.example",
            "javascript:alert(1)",
            "https://ana@shop.example/",
            "https://shop.example\\@evil.example/",
        ] {
            assert!(origin_of_url(bad).is_err(), "{bad}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::testing::arbitrary::text;

    proptest! {
        #[test]
        fn the_origin_of_a_url_is_what_a_browser_computes(
            input in prop_oneof![
                text(), "https?://[!-$&-~]{0,30}", "https://shop\\.example[!-$&-~]{0,12}",
                "https:[/\\\\]{1,3}[a-z@.]{1,12}[/\\\\@:?#][a-z.@]{0,12}",
            ],
        ) {
            let Ok(origin) = origin_of_url(&input) else { return Ok(()) };
            let url = Url::parse(&input).unwrap();
            assert_eq!(url.origin().ascii_serialization(), origin);
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        }
    }
}
