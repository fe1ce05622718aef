//! What the studio offers: as visitors see it, kept in Redis as finished
//! answers, and (below) as staff look after it.

pub mod class_types;
pub mod instructors;

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use http::Uri;
use http::uri::Authority;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{CacheableResponse, Freshness, List, query};
use crate::models::class_type::{self, ClassType, Details, Filter, Level, Retired};
use crate::models::security_event::Kind;
use crate::models::{instructor, occurrence};
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::form;
use crate::values::form::{Form, Problem};
use crate::{App, BoxFuture};

/// The longest name of a style.
const STYLE: usize = 50;

/// `?level=&style=&instructor=` of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Offer {
    /// `beginner`, `intermediate`, `advanced` or `all-levels`.
    #[param(inline, value_type = Option<Level>)]
    level: Option<String>,
    /// Such as `salsa`.
    #[param(max_length = 50, example = "salsa")]
    style: Option<String>,
    /// The id of whoever teaches it: every week, or in a class to come.
    #[param(value_type = Option<Uuid>)]
    instructor: Option<String>,
}

impl Offer {
    fn read(&self) -> Result<Filter> {
        let mut check = Form::default();
        let filter = Filter {
            level: check.check_filled("level", self.level.as_deref(), level),
            style: check.check_filled("style", self.style.as_deref(), style),
            instructor: check.check_filled("instructor", self.instructor.as_deref(), query::id),
        };
        check.finish()?;
        Ok(filter)
    }
}

fn level(typed: &str) -> Result<Level, Problem> {
    Level::named(typed)
        .ok_or_else(|| "must be beginner, intermediate, advanced or all-levels".to_owned())
}

fn style(typed: &str) -> Result<String, Problem> {
    // `İ` is two characters in lower case.
    form::required_line(&typed.to_lowercase(), STYLE)
}

/// A page of what is offered, newest first.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::Unavailable`].
pub fn list(app: &App, offer: Offer, page: Page) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let filter = offer.read()?;
        let now = minute(app);
        // Only who teaches what depends on the timetable, and on the time.
        let (cache, at) = match filter.instructor {
            Some(_) => (app.schedule(), Some(now)),
            None => (app.catalogue(), None),
        };
        let asked = format!("{filter:?} {page:?} {at:?}");
        let text = cache.text("list", asked, read_list(app, filter, now, page));
        Ok(CacheableResponse::json(text.await?, Freshness::Catalog))
    })
}

fn read_list(
    app: &App,
    filter: Filter,
    now: DateTime<Utc>,
    page: Page,
) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let zone = app.config().studio.time_zone.clone();
        let rows = app
            .db()
            .read(async move |client| class_type::offered(client, &filter, now, &zone, &page).await)
            .await?;
        let currency = &app.config().studio.currency;
        CacheableResponse::to_json(&List::new(rows, page, ClassType::place, |row| {
            row.shown(currency)
        }))
    })
}

/// `?id=` of the details.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Of a class type.
    #[param(required, value_type = Uuid)]
    id: Option<String>,
}

impl Wanted {
    /// The id.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Invalid`].
    pub fn read(&self) -> Result<Uuid> {
        let mut check = Form::default();
        let id = check.check("id", query::id(self.id.as_deref().unwrap_or_default()));
        check.finish()?;
        Ok(id.unwrap_or_default())
    }
}

/// A class type with all that is told of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClassTypeDetails)]
pub struct Whole {
    #[serde(flatten)]
    class_type: class_type::Shown,
    /// Who teaches it, every week or in a class to come.
    instructors: Vec<instructor::Shown>,
    /// The next twenty classes that are not cancelled.
    upcoming_classes: Vec<occurrence::Shown>,
}

/// A class type, who teaches it, and its next classes.
///
/// # Errors
///
/// [`crate::Error::Invalid`]; [`crate::Error::NotFound`], for a retired one too;
/// [`crate::Error::Unavailable`].
pub fn details(app: &App, wanted: Wanted) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let (id, now) = (wanted.read()?, minute(app));
        let asked = format!("{id} {now:?}");
        let text = app
            .schedule()
            .text("details", asked, read_details(app, id, now));
        Ok(CacheableResponse::json(text.await?, Freshness::Schedule))
    })
}

fn read_details(app: &App, id: Uuid, now: DateTime<Utc>) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let studio = app.config().studio.clone();
        let found = app.db().read(async move |client| {
            class_type::details(client, id, now, &studio.time_zone, &studio.currency).await
        });
        let Details {
            class_type,
            instructors,
            next,
        } = found.await?;
        let studio = &app.config().studio;
        CacheableResponse::to_json(&Whole {
            class_type,
            instructors,
            upcoming_classes: next
                .into_iter()
                .map(|(class, local)| class.shown(local, &studio.time_zone, &studio.currency))
                .collect(),
        })
    })
}

/// The minute that it is. What is still to come, as far as an answer goes, is
/// decided once a minute, and the answer is kept under it: classes begin on
/// the minute, and none that has begun is then ever among those to come.
fn minute(app: &App) -> DateTime<Utc> {
    let now = app.clock().now();
    now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}

/// What is left of something that has been retired.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RetirementResult)]
pub struct Retirement {
    success: bool,
    /// Classes to come that still refer to it, and take place.
    coming_classes: i64,
    /// Patterns of the timetable that still refer to it.
    active_patterns: i64,
}

impl From<Retired> for Retirement {
    fn from(retired: Retired) -> Self {
        Self {
            success: true,
            coming_classes: retired.coming_classes,
            active_patterns: retired.active_patterns,
        }
    }
}

/// `?active=` of the lists that staff see.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Activity {
    /// `true`: what is offered; `false`: what is retired. Both, unless given.
    #[param(value_type = Option<bool>)]
    active: Option<String>,
}

impl Activity {
    fn read(&self) -> Result<Option<bool>> {
        let mut check = Form::default();
        let active = check.check_filled("active", self.active.as_deref(), query::boolean);
        check.finish()?;
        Ok(active)
    }
}

/// Changes a class type or an instructor, and records the action. `work` returns a
/// value and the id of what it changed; `None` when it changed nothing.
async fn edit<T>(
    app: &App,
    act: StaffAction,
    kind: Kind,
    action: &str,
    work: impl AsyncFnOnce(&Tx) -> Result<(T, Option<Uuid>)> + Clone,
) -> Result<T> {
    app.transaction()
        .authorize(&act)
        .invalidate([app.catalogue(), app.schedule()])
        .run(async |tx| {
            let (value, changed) = work(tx).await?;
            if let Some(id) = changed {
                let detail = json!({ "id": id, "action": action });
                act.record(tx, kind, None, detail).await?;
            }
            Ok(value)
        })
        .await
}

/// Short texts, each once, in the order given.
fn lines(
    given: Vec<String>,
    parse: impl Fn(&str) -> Result<String, Problem>,
) -> Result<Vec<String>, Problem> {
    const MOST: usize = 20;
    if given.len() > MOST {
        return Err(format!("must not have more than {MOST} entries"));
    }
    let mut seen = BTreeSet::new();
    let mut lines = Vec::with_capacity(given.len());
    for text in given {
        let line = parse(&text)?;
        if seen.insert(line.clone()) {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// An address that a page may load a picture from, or link to.
fn https_url(typed: &str) -> Result<String, Problem> {
    let text = form::required_line(typed, 2_000)?;
    let url: Option<Uri> = text.parse().ok();
    let plain = |url: &Uri| {
        url.scheme_str() == Some("https")
            && url.authority().is_some_and(is_host)
            && !text.contains(char::is_whitespace)
    };
    if !url.as_ref().is_some_and(plain) {
        return Err("must be an address such as https://example.com/a.jpg".to_owned());
    }
    Ok(text)
}

/// Whether a page can be loaded from there: no name or password before the host,
/// which is a name, with what else than letters names have, or an address; and
/// behind it a port or nothing.
fn is_host(authority: &Authority) -> bool {
    let host = authority.host();
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_known) && form::is_host_as_written(host),
    };
    is_host && form::port(authority, 443).is_some()
}

/// Of a class type, of a class, or of who teaches it.
pub(crate) fn description(typed: &str) -> Result<String, Problem> {
    form::paragraphs(typed, 5_000)
}

/// How long a class lasts.
pub(crate) fn minutes(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, 1_440)
}

/// How many may come to a class.
pub(crate) fn places(number: i32) -> Result<i32, Problem> {
    form::between(number, 1, 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_loaded_over_https_and_no_other_way() {
        for good in [
            " https://cdn.example.com/a%20b.jpg?w=1 ",
            "https://my_bucket.s3.amazonaws.com/a.jpg",
            "https://[2001:db8::1]/a.jpg",
            "https://www.tiktok.com/@salsa",
            "https://example.com:8443/a.jpg",
        ] {
            assert!(https_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "http://example.com/a.jpg",
            "https://",
            "https:///a.jpg",
            "https://[]/a.jpg",
            "//example.com/a.jpg",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://user:secret@example.com/",
            "https://example.com/a b.jpg",
            "https://example.com/\u{0}",
            "https://example.com:a/",
            "https://example.com:65536/",
            "https://example.com:+80/",
            "https://[::1]0:0/a.jpg",
            "https://[::1]x:80/",
            "https://1.2.3/a.jpg",
        ] {
            assert!(https_url(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_entry_stands_in_a_list_once() {
        let given = ["Salsa", "salsa ", "Mambo"].map(str::to_owned).to_vec();
        assert_eq!(lines(given, style).unwrap(), ["salsa", "mambo"]);
        assert!(lines(vec![" ".to_owned()], style).is_err());
        assert!(lines(vec!["x".to_owned(); 21], style).is_err());
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use url::{ParseError, Url};

    use super::*;
    use crate::testing::arbitrary::{fits_column, text};

    proptest! {
        #[test]
        fn a_picture_is_where_a_browser_would_look_for_it(
            typed in prop_oneof![
                text(), "https://[!-~]{0,40}", "https:[/\\\\]{1,3}[a-z@:.\\[\\]#?]{0,20}",
                "https://\\[::1\\][a-z0-9:+]{0,6}/",
                "https://[a-z]{1,9}\\.example/[ -~é]{0,30}",
            ],
        ) {
            let Ok(taken) = https_url(&typed) else { return Ok(()) };
            assert!(fits_column(&taken, 2_000));
            let url = match Url::parse(&taken) {
                // A name that nobody can have: then there is no picture.
                Err(ParseError::IdnaError) => return Ok(()),
                read => read.unwrap(),
            };
            assert_eq!(url.scheme(), "https");
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
            let told = taken["https://".len()..].to_ascii_lowercase();
            assert!(told.starts_with(&url.host_str().unwrap().to_ascii_lowercase()), "{url}");
        }

        #[test]
        fn numbers_are_within_what_they_count(number in any::<i32>()) {
            assert_eq!(minutes(number).is_ok(), (1..=1_440).contains(&number));
            assert_eq!(places(number).is_ok(), (1..=1_000).contains(&number));
        }

        #[test]
        fn a_style_is_found_as_it_was_entered(typed in text()) {
            if let Ok(entered) = style(&typed) {
                assert!(fits_column(&entered, STYLE), "{entered}");
                assert_eq!(style(&entered), Ok(entered));
            }
        }
    }
}
