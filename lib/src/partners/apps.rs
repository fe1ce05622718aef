//! Administration of partner applications.

use chrono::{DateTime, Utc};
use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{List, Member};
use crate::models::cross_app_session;
use crate::models::partner_app::{self, Changes, NewApp, PartnerApp};
use crate::models::security_event::SecurityEventKind;
use crate::session::Token;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::schema::Origin;
use crate::{App, BoxFuture};

/// The maximum length of a name, in characters.
const MAX_NAME: usize = 50;

/// The maximum number of allowed origins.
const MAX_ORIGINS: usize = 20;

/// The request to create a partner application.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePartnerApp {
    /// The name: lower-case letters, digits and hyphens. It cannot be changed later.
    #[schema(
        min_length = 1,
        max_length = 50,
        pattern = "^[-a-z0-9]+$",
        examples("ticket-shop")
    )]
    name: String,
    /// The origins to which a browser may deliver a token, such as `https://shop.example`.
    #[schema(value_type = Vec<Origin>, max_items = 20)]
    allowed_origins: Vec<String>,
    /// Whether a token can be validated only once. If false, a token can be validated again
    /// as long as it is valid.
    #[serde(default = "default_single_use")]
    single_use: bool,
}

fn default_single_use() -> bool {
    true
}

impl NewApp {
    /// Parses the fields of a new application.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Invalid`].
    pub fn parse(input: &str, allowed_origins: Vec<String>, single_use: bool) -> Result<Self> {
        let mut form = Form::default();
        let new = Self {
            name: form.check("name", parse_name(input)).unwrap_or_default(),
            allowed_origins: form
                .check("allowedOrigins", parse_origins(allowed_origins))
                .unwrap_or_default(),
            single_use,
        };
        form.finish()?;
        Ok(new)
    }
}

/// The changes to a partner application. Omitted fields do not change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "rotateSecret": true}))]
pub struct UpdatePartnerApp {
    id: Uuid,
    /// Replaces all allowed origins.
    #[schema(value_type = Option<Vec<Origin>>, max_items = 20)]
    allowed_origins: Option<Vec<String>>,
    /// Whether a token can be validated only once. Setting it, even to the same value,
    /// revokes all tokens for the application.
    single_use: Option<bool>,
    /// False deactivates the application: its tokens are revoked, no new ones are issued, and
    /// it may not send requests.
    is_active: Option<bool>,
    /// Creates a new secret, which is shown only once. The previous secret stays valid until
    /// a request with `endRotation`. Until then the secret cannot be rotated again, so that
    /// a repeated request does not invalidate a secret in use.
    #[serde(default)]
    rotate_secret: bool,
    /// Invalidates the previous secret. Together with `rotateSecret`, this invalidates all
    /// secrets but the new one, for example after a leak.
    #[serde(default)]
    end_rotation: bool,
}

impl UpdatePartnerApp {
    fn into_changes(self) -> Result<Changes> {
        let mut form = Form::default();
        let origins = self.allowed_origins.map(parse_origins).transpose();
        let changes = Changes {
            allowed_origins: form.check("allowedOrigins", origins).flatten(),
            single_use: self.single_use,
            is_active: self.is_active,
            secret: self.rotate_secret.then(Token::generate),
            end_rotation: self.end_rotation,
        };
        form.finish()?;
        Ok(changes)
    }
}

/// Parses the name of an application.
///
/// # Errors
///
/// Fails with a sentence that describes the problem.
pub fn parse_name(input: &str) -> Result<String, Problem> {
    form::slug(input, MAX_NAME, "ticket-shop")
}

/// Parses an origin as a browser sends it. The scheme must be https, or http for the local
/// host.
///
/// # Errors
///
/// Fails with a sentence that describes the problem.
fn parse_origin(input: &str) -> Result<String, Problem> {
    let uri: Option<Uri> = input.trim().parse().ok();
    let bare = uri.filter(|uri| uri.path() == "/" && uri.query().is_none());
    let origin = bare.as_ref().and_then(origin_of);
    origin.ok_or_else(|| "must be an origin such as https://shop.example".to_owned())
}

/// Returns the origin of a URL as a browser sends it, without the default port. `None` if the
/// scheme, the host or the port is not allowed.
pub(crate) fn origin_of(uri: &Uri) -> Option<String> {
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host().to_ascii_lowercase();
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
    let default_port: u16 = match scheme {
        "https" => 443,
        "http" if is_local => 80,
        _ => return None,
    };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let is_host = is_local
        || (!host.is_empty() && host.chars().all(is_allowed) && form::is_host_as_written(&host));
    let port = form::port(authority, default_port)?;
    if !is_host {
        return None;
    }
    Some(match port == default_port {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}://{host}:{port}"),
    })
}

fn parse_origins(inputs: Vec<String>) -> Result<Vec<String>, Problem> {
    if inputs.len() > MAX_ORIGINS {
        return Err(format!("must not have more than {MAX_ORIGINS} entries"));
    }
    let mut origins: Vec<String> = inputs
        .iter()
        .map(|input| parse_origin(input))
        .collect::<Result<_, _>>()?;
    origins.sort_unstable();
    origins.dedup();
    Ok(origins)
}

/// A partner application.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PartnerApp)]
pub struct PartnerAppView {
    id: Uuid,
    /// The name. It is the user name in the application's requests, and the `targetApp` of
    /// its tokens.
    name: String,
    /// The origins to which a browser may deliver a token.
    allowed_origins: Vec<String>,
    /// Whether a token can be validated only once. If false, a token can be validated
    /// again as long as it is valid.
    single_use: bool,
    /// Whether tokens are issued for the application, and it may send requests.
    is_active: bool,
    /// Whether the previous secret is still valid.
    is_rotating: bool,
    created_at: DateTime<Utc>,
}

impl From<PartnerApp> for PartnerAppView {
    fn from(app: PartnerApp) -> Self {
        Self {
            id: app.id,
            name: app.name,
            allowed_origins: app.allowed_origins,
            single_use: app.single_use,
            is_active: app.is_active,
            is_rotating: app.is_rotating,
            created_at: app.created_at,
        }
    }
}

/// A partner application, with its secret if the secret is new.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerAppWithSecret {
    #[serde(flatten)]
    app: PartnerAppView,
    /// The new secret, which is shown only once because only its hash is stored. Null if the
    /// secret has not changed.
    secret: Option<String>,
}

impl PartnerAppWithSecret {
    fn new(app: PartnerApp, secret: Option<&Token>) -> Self {
        Self {
            app: app.into(),
            secret: secret.map(|secret| secret.expose().to_owned()),
        }
    }
}

/// Lists partner applications, newest first.
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<PartnerAppView>>> {
    Box::pin(async move {
        let read = app
            .db()
            .read(async move |client| partner_app::list(client, &page).await);
        let rows = read.await?;
        Ok(List::new(
            rows,
            page,
            PartnerApp::position,
            PartnerAppView::from,
        ))
    })
}

/// Creates a partner application.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; 409 `name_taken`; [`crate::Error::SessionGone`];
/// [`crate::Error::Unavailable`].
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    request: CreatePartnerApp,
) -> BoxFuture<'a, Result<PartnerAppWithSecret>> {
    Box::pin(async move {
        let action = StaffAction::by_admin(admin, caller)?;
        let new = NewApp::parse(&request.name, request.allowed_origins, request.single_use)?;
        let secret = Token::generate();
        let created = app.transaction().authorize(&action).run(async |tx| {
            let created = partner_app::insert(tx, &new, &secret).await?;
            let detail = json!({ "app": created.name, "action": "create" });
            action
                .record(tx, SecurityEventKind::PartnerAppChanged, None, detail)
                .await?;
            Ok(created)
        });
        Ok(PartnerAppWithSecret::new(created.await?, Some(&secret)))
    })
}

/// Updates a partner application.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; 409 `rotating`;
/// [`crate::Error::SessionGone`]; [`crate::Error::Unavailable`].
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    request: UpdatePartnerApp,
) -> BoxFuture<'a, Result<PartnerAppWithSecret>> {
    Box::pin(async move {
        let action = StaffAction::by_admin(admin, caller)?;
        let (id, changes) = (request.id, request.into_changes()?);
        let updated = app.transaction().authorize(&action).run(async |tx| {
            let updated = partner_app::update(tx, id, &changes).await?;
            if changes.single_use.is_some() || changes.is_active == Some(false) {
                cross_app_session::revoke_all_for(tx, &updated.name).await?;
            }
            let detail = json!({
                "app": updated.name,
                "action": "change",
                "newSecret": changes.secret.is_some(),
                "oldSecretEnded": changes.end_rotation,
            });
            action
                .record(tx, SecurityEventKind::PartnerAppChanged, None, detail)
                .await?;
            Ok(updated)
        });
        let updated = updated.await?;
        Ok(PartnerAppWithSecret::new(updated, changes.secret.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn an_origin_is_parsed_only_in_the_form_that_a_browser_sends() {
        assert_eq!(
            parse_origin(" https://Shop.Example/ ").unwrap(),
            "https://shop.example"
        );
        for (input, expected) in [
            ("https://shop.example:8443", "https://shop.example:8443"),
            ("https://shop.example:443/", "https://shop.example"),
            ("http://localhost:4000", "http://localhost:4000"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://127.0.0.1", "http://127.0.0.1"),
        ] {
            assert_eq!(parse_origin(input).unwrap(), expected);
        }
        for bad in [
            "",
            "https://",
            "shop.example",
            "http://shop.example",
            "http://localhost.evil.example",
            "https://shop.example/path",
            "https://*.shop.example",
            "https://ana@shop.example",
            "https://shop.example?x",
            "https://shop.example:",
            "https://shop.example:x",
            "https://shop.example:99999",
            "https://a:b:c",
            "https://:::",
            "https://ana@shop.example:8443",
            "ftp://shop.example",
            "https://127.1",
            "https://0x7f000001",
            "https://shop.example.1",
            "http://[::1]0:0",
        ] {
            assert!(parse_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_schema_has_the_limits_of_the_parsers() {
        let create = serde_json::to_value(CreatePartnerApp::schema()).unwrap();
        let update = serde_json::to_value(UpdatePartnerApp::schema()).unwrap();
        assert_eq!(create["properties"]["name"]["maxLength"], MAX_NAME);
        for schema in [create, update] {
            let origins = &schema["properties"]["allowedOrigins"];
            assert_eq!(origins["maxItems"], MAX_ORIGINS);
        }
    }

    #[test]
    fn a_name_has_no_colon_and_can_be_used_in_basic_authentication() {
        assert_eq!(parse_name(" ticket-shop ").unwrap(), "ticket-shop");
        for bad in ["", "Ticket", "a:b", "a b", "ü", &"x".repeat(51)] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use url::{ParseError, Url};

    use super::*;
    use crate::testing::arbitrary::text;

    proptest! {
        #[test]
        fn a_parsed_origin_is_what_a_browser_computes(
            input in prop_oneof![
                text(), "https?://[!-~]{0,30}", "https://[a-zA-Z.-]{1,20}(:[0-9]{0,6})?/?",
                "http://(localhost|127.0.0.1|\\[::1\\])[a-z:.@/0-9]{0,8}",
            ],
        ) {
            let Ok(parsed) = parse_origin(&input) else { return Ok(()) };
            assert_eq!(parse_origin(&parsed), Ok(parsed.clone()));
            let url = match Url::parse(input.trim()) {
                // No host can have this name, so no browser sends it.
                Err(ParseError::IdnaError) => return Ok(()),
                parsed_url => parsed_url.unwrap(),
            };
            assert_eq!(url.origin().ascii_serialization(), parsed);
        }
    }
}
