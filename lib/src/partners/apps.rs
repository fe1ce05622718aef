//! What administrators do with partner applications.

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{List, Member};
use crate::models::app::{self, Changes, NewApp, PartnerApp, Shown};
use crate::models::cross_app_session;
use crate::models::security_event::Kind;
use crate::session::Token;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::values::schema::Origin;
use crate::{App, BoxFuture};

/// The longest name, in characters.
const MAX_NAME: usize = 50;

/// So many origins at the most.
const MOST_ORIGINS: usize = 20;

/// An application as it is entered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreatePartnerApp)]
pub struct Entry {
    /// Lower-case letters, digits and hyphens, at most 50; it never changes.
    #[schema(
        min_length = 1,
        max_length = 50,
        pattern = "^[-a-z0-9]+$",
        examples("ticket-shop")
    )]
    name: String,
    /// Where a browser may take a token, such as `https://shop.example`; at most 20.
    #[schema(value_type = Vec<Origin>, max_items = 20)]
    allowed_origins: Vec<String>,
    /// False: a token may be validated again while it lasts.
    #[serde(default = "yes")]
    single_use: bool,
}

fn yes() -> bool {
    true
}

impl NewApp {
    /// Reads what somebody typed.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Invalid`].
    pub fn read(typed: &str, allowed_origins: Vec<String>, single_use: bool) -> Result<Self> {
        let mut check = Form::default();
        let new = Self {
            name: check.check("name", name(typed)).unwrap_or_default(),
            allowed_origins: check
                .check("allowedOrigins", origins(allowed_origins))
                .unwrap_or_default(),
            single_use,
        };
        check.finish()?;
        Ok(new)
    }
}

/// What is to be changed of an application; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdatePartnerApp, example = json!({"id": "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a", "rotateSecret": true}))]
pub struct Change {
    id: Uuid,
    /// All of them, in place of those before.
    #[schema(value_type = Option<Vec<Origin>>, max_items = 20)]
    allowed_origins: Option<Vec<String>>,
    /// False: a token may be validated again while it lasts. Given, changed or not,
    /// it revokes the tokens that there are.
    single_use: Option<bool>,
    /// False: nothing is issued for it, what was issued is revoked, and it may
    /// not call.
    is_active: Option<bool>,
    /// Makes a new secret, and shows it once. The previous one stays good until
    /// `endRotation`; meanwhile there is no third, lest a call that is made twice
    /// ends the one that is in use.
    #[serde(default)]
    rotate_secret: bool,
    /// Ends the previous secret. With `rotateSecret`: the new one alone is
    /// good at once, as when the others have leaked.
    #[serde(default)]
    end_rotation: bool,
}

impl Change {
    fn read(self) -> Result<Changes> {
        let mut check = Form::default();
        let origins = self.allowed_origins.map(origins).transpose();
        let changes = Changes {
            allowed_origins: check.check("allowedOrigins", origins).flatten(),
            single_use: self.single_use,
            is_active: self.is_active,
            secret: self.rotate_secret.then(Token::generate),
            end_rotation: self.end_rotation,
        };
        check.finish()?;
        Ok(changes)
    }
}

/// Reads the name of an application.
///
/// # Errors
///
/// A sentence for the person who typed it; so below.
pub fn name(typed: &str) -> Result<String, Problem> {
    form::slug(typed, MAX_NAME, "ticket-shop")
}

/// Reads an origin, in the form in which a browser sends it: by https, or on
/// this machine by http.
///
/// # Errors
///
/// As [`name`].
fn origin(typed: &str) -> Result<String, Problem> {
    let uri: Option<Uri> = typed.trim().parse().ok();
    let bare = uri.filter(|uri| uri.path() == "/" && uri.query().is_none());
    let origin = bare.as_ref().and_then(origin_of);
    origin.ok_or_else(|| "must be an origin such as https://shop.example".to_owned())
}

/// The origin of an address, likewise: without the port that is usual.
pub(crate) fn origin_of(uri: &Uri) -> Option<String> {
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host().to_ascii_lowercase();
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
    let usual: u16 = match scheme {
        "https" => 443,
        "http" if is_local => 80,
        _ => return None,
    };
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let is_host = is_local
        || (!host.is_empty() && host.chars().all(is_known) && form::is_host_as_written(&host));
    let port = form::port(authority, usual)?;
    if !is_host {
        return None;
    }
    Some(match port == usual {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}://{host}:{port}"),
    })
}

fn origins(typed: Vec<String>) -> Result<Vec<String>, Problem> {
    if typed.len() > MOST_ORIGINS {
        return Err(format!("must not have more than {MOST_ORIGINS} entries"));
    }
    let mut origins: Vec<String> = typed
        .iter()
        .map(|typed| origin(typed))
        .collect::<Result<_, _>>()?;
    origins.sort_unstable();
    origins.dedup();
    Ok(origins)
}

/// An application, and its secret where there is a new one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PartnerAppWithSecret)]
pub struct AppWithSecret {
    #[serde(flatten)]
    app: Shown,
    /// Shown this once: only its hash is kept. Null: it is as it was.
    secret: Option<String>,
}

impl AppWithSecret {
    fn new(app: PartnerApp, secret: Option<&Token>) -> Self {
        Self {
            app: app.into(),
            secret: secret.map(|secret| secret.expose().to_owned()),
        }
    }
}

/// A page of the applications, newest first.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<Shown>>> {
    Box::pin(async move {
        let read = app
            .db()
            .read(async move |client| app::list(client, &page).await);
        let rows = read.await?;
        Ok(List::new(rows, page, PartnerApp::place, Shown::from))
    })
}

/// Enters an application.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; 409 `name_taken`; [`crate::Error::SessionGone`];
/// [`crate::Error::Unavailable`].
pub fn enter<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    entry: Entry,
) -> BoxFuture<'a, Result<AppWithSecret>> {
    Box::pin(async move {
        let act = StaffAction::by_admin(admin, caller)?;
        let new = NewApp::read(&entry.name, entry.allowed_origins, entry.single_use)?;
        let secret = Token::generate();
        let entered = app.transaction().authorize(&act).run(async |tx| {
            let entered = app::insert(tx, &new, &secret).await?;
            let detail = json!({ "app": entered.name, "action": "create" });
            act.record(tx, Kind::PartnerAppChanged, None, detail)
                .await?;
            Ok(entered)
        });
        Ok(AppWithSecret::new(entered.await?, Some(&secret)))
    })
}

/// Changes an application.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`]; 409 `rotating`;
/// [`crate::Error::SessionGone`]; [`crate::Error::Unavailable`].
pub fn change<'a>(
    app: &'a App,
    caller: &'a Caller,
    admin: &'a Member,
    change: Change,
) -> BoxFuture<'a, Result<AppWithSecret>> {
    Box::pin(async move {
        let act = StaffAction::by_admin(admin, caller)?;
        let (id, changes) = (change.id, change.read()?);
        let changed = app.transaction().authorize(&act).run(async |tx| {
            let changed = app::update(tx, id, &changes).await?;
            if changes.single_use.is_some() || changes.is_active == Some(false) {
                cross_app_session::revoke_all_for(tx, &changed.name).await?;
            }
            let detail = json!({
                "app": changed.name,
                "action": "change",
                "newSecret": changes.secret.is_some(),
                "oldSecretEnded": changes.end_rotation,
            });
            act.record(tx, Kind::PartnerAppChanged, None, detail)
                .await?;
            Ok(changed)
        });
        let changed = changed.await?;
        Ok(AppWithSecret::new(changed, changes.secret.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends_and_nothing_more() {
        assert_eq!(
            origin(" https://Shop.Example/ ").unwrap(),
            "https://shop.example"
        );
        for (typed, read) in [
            ("https://shop.example:8443", "https://shop.example:8443"),
            ("https://shop.example:443/", "https://shop.example"),
            ("http://localhost:4000", "http://localhost:4000"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://127.0.0.1", "http://127.0.0.1"),
        ] {
            assert_eq!(origin(typed).unwrap(), read);
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
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_can_stand_before_a_colon() {
        assert_eq!(name(" ticket-shop ").unwrap(), "ticket-shop");
        for bad in ["", "Ticket", "a:b", "a b", "ü", &"x".repeat(51)] {
            assert!(name(bad).is_err(), "{bad}");
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
        fn an_origin_is_what_a_browser_would_send_for_it(
            typed in prop_oneof![
                text(), "https?://[!-~]{0,30}", "https://[a-zA-Z.-]{1,20}(:[0-9]{0,6})?/?",
                "http://(localhost|127.0.0.1|\\[::1\\])[a-z:.@/0-9]{0,8}",
            ],
        ) {
            let Ok(taken) = origin(&typed) else { return Ok(()) };
            assert_eq!(origin(&taken), Ok(taken.clone()));
            let url = match Url::parse(typed.trim()) {
                // A name that nobody can have: no browser ever comes from there.
                Err(ParseError::IdnaError) => return Ok(()),
                read => read.unwrap(),
            };
            assert_eq!(url.origin().ascii_serialization(), taken);
        }
    }
}
