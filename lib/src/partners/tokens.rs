//! From here to a partner application, without signing in again.
//!
//! The site asks for a token and takes the browser to the application with it;
//! the application's server redeems it with its own secret, and learns who it
//! is and for which account. Until it is redeemed the token is as good as a
//! password at the application's door, but once, for minutes, and no longer than
//! its session lives.

use chrono::{DateTime, Utc};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::{Member, MemberOrPartner, Partner};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CROSS_APP_TOKEN, Subject};
use crate::models::account::Membership;
use crate::models::cross_app_session::{self, Issued, NewToken, Validated, Verdict, Which};
use crate::models::security_event::{self, Kind};
use crate::models::user;
use crate::partners::apps;
use crate::session::Token;
use crate::values::caller::Caller;
use crate::values::form::{Form, Problem};
use crate::{App, BoxFuture};

const OTHER_APP: Error = Error::Forbidden {
    code: "wrong_application",
    message: "This token was made for another application",
};

/// Where a member wants to go on to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateCrossAppToken)]
pub struct Wish {
    /// The name of a partner application.
    #[schema(examples("ticket-shop"))]
    target_app: String,
    /// The account that they act for; one that they belong to.
    account_id: Option<Uuid>,
    /// Where the browser is to take the token; its origin must be one of the
    /// application's. Leave it out only when your own page chose the address.
    #[schema(format = "uri", examples("https://shop.example/welcome"))]
    return_to: Option<String>,
}

/// A token for a partner application.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrossAppToken {
    /// By which it can be revoked.
    id: Uuid,
    /// For the application's server, which redeems it.
    token: String,
    /// In fifteen minutes, or when the session ends.
    expires_at: DateTime<Utc>,
}

impl From<Issued> for CrossAppToken {
    fn from(issued: Issued) -> Self {
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
/// [`Error::Invalid`]; 403 `not_a_member` of the account;
/// [`Error::TooManyRequests`]: ten a minute; [`Error::SessionGone`];
/// [`Error::Unavailable`].
pub fn issue<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    wish: &'a Wish,
) -> BoxFuture<'a, Result<CrossAppToken>> {
    Box::pin(async move {
        let key = member.key()?;
        let mut check = Form::default();
        let target_app = check.check("targetApp", apps::name(&wish.target_app));
        let origin = check.check_filled("returnTo", wish.return_to.as_deref(), origin_of_address);
        check.finish()?;
        let subject = Subject::member(CROSS_APP_TOKEN, member.user.id);
        rate_limit::take(app, &[subject]).await?;
        let new = NewToken {
            key,
            target_app: &target_app.unwrap_or_default(),
            account_id: wish.account_id,
            origin: origin.as_deref(),
            caller,
        };
        let issued = cross_app_session::issue(&app.db().client().await?, &new).await?;
        Ok(issued.into())
    })
}

/// The origin of an address, in the form in which a browser sends it.
fn origin_of_address(address: &str) -> Result<String, Problem> {
    let uri: Option<Uri> = address.parse().ok();
    let origin = uri.as_ref().and_then(apps::origin_of);
    origin.ok_or_else(|| "must be an address such as https://shop.example/welcome".to_owned())
}

/// What a partner application redeems.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ValidateCrossAppToken)]
pub struct Redemption {
    /// As the browser has brought it.
    #[schema(examples("3f0c…"))]
    token: String,
}

/// The token that somebody sends. What cannot be one is asked for all the same,
/// as one that nobody has: whether an application is known comes first.
fn presented(text: &str) -> Token {
    Token::parse(text).unwrap_or_else(Token::generate)
}

/// Who has come, and for whom.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CrossAppSignIn)]
pub struct SignIn {
    /// Always: any other answer is no success.
    valid: bool,
    user: user::Shown,
    /// The account that they act for; null: for themselves.
    account: Option<Membership>,
    session: Session,
}

/// What is known of the token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CrossAppSession)]
struct Session {
    /// By which it can be revoked.
    id: Uuid,
    source_app: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<Validated> for SignIn {
    fn from(validated: Validated) -> Self {
        Self {
            valid: true,
            user: validated.user.into(),
            account: validated.account,
            session: Session {
                id: validated.id,
                source_app: validated.source_app,
                created_at: validated.created_at,
                expires_at: validated.expires_at,
            },
        }
    }
}

/// Redeems a token: of any number of tries at once, one succeeds.
///
/// # Errors
///
/// [`Error::UnknownPartner`]; [`Error::TokenEnded`], alike for one that is unknown,
/// used, revoked or expired; 403 `wrong_application`, which leaves the token as it
/// was; [`Error::Unavailable`].
pub fn validate<'a>(
    app: &'a App,
    caller: &'a Caller,
    partner: &'a Partner,
    redemption: &'a Redemption,
) -> BoxFuture<'a, Result<SignIn>> {
    Box::pin(async move {
        let token = presented(&redemption.token);
        let client = app.db().client().await?;
        match cross_app_session::validate(&client, partner, &token, caller).await? {
            Verdict::Good(validated) => Ok((*validated).into()),
            Verdict::Ended => Err(Error::TokenEnded),
            Verdict::Elsewhere => {
                let detail = serde_json::json!({ "app": partner.name });
                security_event::note_with(app, Kind::CrossAppRefused, None, caller, detail);
                Err(OTHER_APP)
            }
        }
    })
}

/// Which token is to be revoked: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RevokeCrossAppToken, example = json!({"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a"}))]
pub struct Revocation {
    /// As it was issued.
    token: Option<String>,
    /// As it stood beside it.
    id: Option<Uuid>,
}

impl Revocation {
    fn read(self) -> Result<Which> {
        match (self.token, self.id) {
            (Some(token), None) => Ok(Which::Token(presented(&token))),
            (None, Some(id)) => Ok(Which::Id(id)),
            (None, None) => Err(Error::field("token", "is required, or id")),
            (Some(_), Some(_)) => Err(Error::field("id", "must not be given beside token")),
        }
    }
}

/// Revokes a token: a member their own, an application one that is for it. Once
/// more is as good as once.
///
/// # Errors
///
/// [`Error::NotFound`], also for one that is somebody else's; [`Error::Invalid`];
/// [`Error::UnknownPartner`]; [`Error::SessionGone`]; [`Error::Unavailable`].
pub fn revoke<'a>(
    app: &'a App,
    caller: &'a Caller,
    by: &'a MemberOrPartner,
    revocation: Revocation,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let which = revocation.read()?;
        let client = app.db().client().await?;
        let (revoked, detail) = match by {
            MemberOrPartner::Member(member) => {
                let revoked = cross_app_session::revoke_own(&client, member.key()?, &which);
                (revoked.await?, serde_json::json!({}))
            }
            MemberOrPartner::Partner(partner) => {
                let revoked = cross_app_session::revoke_as_partner(&client, partner, &which);
                (revoked.await?, serde_json::json!({ "app": partner.name }))
            }
        };
        if revoked.is_new {
            let (kind, owner) = (Kind::CrossAppRevoked, Some(revoked.user_id));
            security_event::note_with(app, kind, owner, caller, detail);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_the_origin_is_what_a_browser_would_say() {
        assert_eq!(
            origin_of_address("https://Shop.Example/welcome?a=b#c").unwrap(),
            "https://shop.example"
        );
        for bad in [
            "/welcome",
            "shop.example",
            "javascript:alert(1)",
            "https://ana@shop.example/",
            "https://shop.example\\@evil.example/",
        ] {
            assert!(origin_of_address(bad).is_err(), "{bad}");
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
        fn a_token_goes_where_a_browser_would_go(
            typed in prop_oneof![
                text(), "https?://[!-$&-~]{0,30}", "https://shop\\.example[!-$&-~]{0,12}",
                "https:[/\\\\]{1,3}[a-z@.]{1,12}[/\\\\@:?#][a-z.@]{0,12}",
            ],
        ) {
            let Ok(origin) = origin_of_address(&typed) else { return Ok(()) };
            let there = Url::parse(&typed).unwrap();
            assert_eq!(there.origin().ascii_serialization(), origin);
            assert!(there.username().is_empty() && there.password().is_none(), "{there}");
        }
    }
}
