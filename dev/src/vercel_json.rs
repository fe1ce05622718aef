//! The rewrites and headers of `vercel.json`, which the local server applies as Vercel does.

use std::path::Path;

use anyhow::{Context, Result, bail};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;

/// Rewrites and headers of `vercel.json`.
#[derive(Debug)]
pub(crate) struct VercelJson {
    rewrites: Vec<RewriteRule>,
    headers: Vec<(Pattern, HeaderMap)>,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    rewrites: Vec<Rewrite>,
    #[serde(default)]
    headers: Vec<Headers>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewrite {
    source: String,
    #[serde(default)]
    has: Vec<Has>,
    destination: String,
}

/// A condition of a rewrite. The value is a regular expression for the whole value.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", tag = "type", deny_unknown_fields)]
enum Has {
    Header { key: String, value: String },
    Query { key: String, value: String },
}

/// A rewrite with its conditions.
#[derive(Debug)]
struct RewriteRule {
    source: Pattern,
    conditions: Vec<Condition>,
    /// A path, and possibly a query with the segment of the source, such as `?id=:id`.
    destination: String,
}

#[derive(Debug)]
enum Condition {
    Header(HeaderName, ValuePattern),
    Query(String, ValuePattern),
}

/// The forms of the value of a condition that `vercel.json` uses.
#[derive(Debug)]
enum ValuePattern {
    /// `text`
    Exactly(String),
    /// `.*(Slackbot|Twitterbot).*`: all values that contain one of the alternatives.
    Contains(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Headers {
    source: String,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    key: String,
    value: String,
}

/// The forms of `source` that `vercel.json` uses. Others are an error, so that the local
/// server never differs from Vercel.
#[derive(Debug)]
enum Pattern {
    /// `/signup`
    Exactly(String),
    /// `/((?!api/|signup$).*)`: all paths except those that begin with one of the
    /// alternatives. `$` marks an exact path.
    Except(Vec<String>),
    /// `/assets/(.*)`: all paths that begin with `/assets/`.
    Below(String),
    /// `/classes/:id`: all paths with one segment after `/classes/`, which gets a name.
    Segment { folder: String, name: String },
}

impl VercelJson {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).context("vercel.json")
    }

    fn parse(text: &str) -> Result<Self> {
        let settings: Settings = serde_json::from_str(text)?;
        let rewrites = settings.rewrites.into_iter();
        let headers = settings.headers.into_iter();
        Ok(Self {
            rewrites: rewrites.map(RewriteRule::parse).collect::<Result<_>>()?,
            headers: headers
                .map(|rule| Ok((Pattern::parse(&rule.source)?, header_map(rule.headers)?)))
                .collect::<Result<_>>()?,
        })
    }

    /// Returns the path and the query to which a request is rewritten. The query of the
    /// destination is added to that of the request, and takes precedence.
    pub(crate) fn destination(&self, uri: &Uri, headers: &HeaderMap) -> Option<PathAndQuery> {
        let mut rewrites = self.rewrites.iter();
        rewrites.find_map(|rule| rule.apply(uri, headers))
    }

    /// Adds the headers for the requested `path` to a response.
    pub(crate) fn add_headers(&self, path: &str, response: &mut HeaderMap) {
        for (_, headers) in self
            .headers
            .iter()
            .filter(|(source, _)| source.matches(path))
        {
            response.extend(headers.clone());
        }
    }
}

fn header_map(headers: Vec<Header>) -> Result<HeaderMap> {
    let pair = |header: Header| {
        let name = HeaderName::try_from(header.key)?;
        Ok((name, HeaderValue::try_from(header.value)?))
    };
    headers.into_iter().map(pair).collect()
}

impl RewriteRule {
    fn parse(rewrite: Rewrite) -> Result<Self> {
        Ok(Self {
            source: Pattern::parse(&rewrite.source)?,
            conditions: rewrite
                .has
                .into_iter()
                .map(Condition::parse)
                .collect::<Result<_>>()?,
            destination: rewrite.destination,
        })
    }

    fn apply(&self, uri: &Uri, headers: &HeaderMap) -> Option<PathAndQuery> {
        let query = uri.query().unwrap_or_default();
        let mut conditions = self.conditions.iter();
        if !self.source.matches(uri.path()) || !conditions.all(|one| one.holds(query, headers)) {
            return None;
        }
        let destination = match &self.source {
            Pattern::Segment { folder, name } => {
                let segment = uri.path().strip_prefix(folder.as_str())?;
                self.destination.replace(&format!(":{name}"), segment)
            }
            _ => self.destination.clone(),
        };
        let (path, added) = destination.split_once('?').unwrap_or((&destination, ""));
        let name_of = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let is_kept = |pair: &&str| {
            !pair.is_empty()
                && !added
                    .split('&')
                    .any(|other| name_of(other) == name_of(pair))
        };
        let mut pairs: Vec<&str> = query.split('&').filter(is_kept).collect();
        pairs.extend(added.split('&').filter(|pair| !pair.is_empty()));
        let separator = if pairs.is_empty() { "" } else { "?" };
        PathAndQuery::try_from(format!("{path}{separator}{}", pairs.join("&"))).ok()
    }
}

impl Condition {
    fn parse(has: Has) -> Result<Self> {
        Ok(match has {
            Has::Header { key, value } => {
                Self::Header(HeaderName::try_from(key)?, ValuePattern::parse(&value)?)
            }
            Has::Query { key, value } => Self::Query(key, ValuePattern::parse(&value)?),
        })
    }

    fn holds(&self, query: &str, headers: &HeaderMap) -> bool {
        match self {
            Self::Header(name, pattern) => headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| pattern.matches(value)),
            Self::Query(key, pattern) => query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .any(|(name, value)| name == key && pattern.matches(value)),
        }
    }
}

impl ValuePattern {
    fn parse(value: &str) -> Result<Self> {
        let alternatives = value
            .strip_prefix(".*(")
            .and_then(|rest| rest.strip_suffix(").*"));
        match alternatives {
            Some(list) if is_plain(list) => {
                Ok(Self::Contains(list.split('|').map(str::to_owned).collect()))
            }
            None if is_plain(value) && !value.contains(['.', '|']) => {
                Ok(Self::Exactly(value.to_owned()))
            }
            _ => bail!("the local server does not support the value {value:?}"),
        }
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Exactly(text) => value == text,
            Self::Contains(texts) => texts.iter().any(|text| value.contains(text.as_str())),
        }
    }
}

/// Returns whether a text has no special characters of patterns, except `.` and `|`.
fn is_plain(text: &str) -> bool {
    !text.contains(['(', ')', '*', ':', '?', '[', '\\', '+'])
}

impl Pattern {
    fn parse(source: &str) -> Result<Self> {
        let is_folder = |text: &str| text.len() > 1 && text.ends_with('/') && is_plain(text);
        let is_name =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let excepted = source
            .strip_prefix("/((?!")
            .and_then(|rest| rest.strip_suffix(").*)"));
        match excepted {
            Some(list) if is_plain(list) => {
                Ok(Self::Except(list.split('|').map(str::to_owned).collect()))
            }
            None if is_plain(source) => Ok(Self::Exactly(source.to_owned())),
            None => match (source.strip_suffix("(.*)"), source.split_once(':')) {
                (Some(folder), _) if is_folder(folder) => Ok(Self::Below(folder.to_owned())),
                (None, Some((folder, name))) if is_folder(folder) && is_name(name) => {
                    Ok(Self::Segment {
                        folder: folder.to_owned(),
                        name: name.to_owned(),
                    })
                }
                _ => bail!("the local server does not support the pattern {source:?}"),
            },
            Some(_) => bail!("the local server does not support the pattern {source:?}"),
        }
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exactly(source) => path == source,
            Self::Below(folder) => path.starts_with(folder.as_str()),
            Self::Segment { folder, .. } => path
                .strip_prefix(folder.as_str())
                .is_some_and(|segment| !segment.is_empty() && !segment.contains('/')),
            Self::Except(exceptions) => !exceptions.iter().any(|exception| {
                let path = path.trim_start_matches('/');
                match exception.strip_suffix('$') {
                    Some(whole) => path == whole,
                    None => path.starts_with(exception.as_str()),
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"{
        "rewrites": [{"source": "/signup", "destination": "/api/auth/register"}],
        "headers": [{
            "source": "/((?!api/|signup$).*)",
            "headers": [{"key": "X-Frame-Options", "value": "DENY"}]
        }]
    }"#;

    #[test]
    fn a_rewrite_returns_its_destination() {
        let settings = VercelJson::parse(SETTINGS).unwrap();
        for (uri, expected) in [
            ("/signup", Some("/api/auth/register")),
            ("/signup?from=page", Some("/api/auth/register?from=page")),
            ("/signup/more", None),
        ] {
            let found = settings.destination(&uri.parse().unwrap(), &HeaderMap::new());
            assert_eq!(found.as_ref().map(PathAndQuery::as_str), expected, "{uri}");
        }
    }

    #[test]
    fn a_rewrite_applies_only_under_its_conditions() {
        let settings = VercelJson::parse(
            r#"{"rewrites": [
                {
                    "source": "/classes/:id",
                    "has": [{"type": "header", "key": "User-Agent", "value": ".*(WhatsApp|Slackbot).*"}],
                    "destination": "/api/preview?id=:id"
                },
                {
                    "source": "/classes/:id",
                    "has": [{"type": "query", "key": "view", "value": "text"}],
                    "destination": "/api/text?id=:id"
                },
                {"source": "/classes/(.*)", "destination": "/class"}
            ]}"#,
        )
        .unwrap();
        for (user_agent, uri, expected) in [
            ("Firefox", "/classes/7?class=8", "/class?class=8"),
            (
                "WhatsApp/2.23",
                "/classes/7?class=8",
                "/api/preview?class=8&id=7",
            ),
            (
                "Slackbot-LinkExpanding 1.0",
                "/classes/7",
                "/api/preview?id=7",
            ),
            ("WhatsApp/2.23", "/classes/7?id=8&x", "/api/preview?x&id=7"),
            ("WhatsApp/2.23", "/classes/7/8", "/class"),
            (
                "Firefox",
                "/classes/7?view=text",
                "/api/text?view=text&id=7",
            ),
            ("Firefox", "/classes/7?view=texts", "/class?view=texts"),
            ("Firefox", "/classes/7?review=text", "/class?review=text"),
        ] {
            let headers = HeaderMap::from_iter([(
                axum::http::header::USER_AGENT,
                HeaderValue::from_static(user_agent),
            )]);
            let found = settings.destination(&uri.parse().unwrap(), &headers);
            let found = found.as_ref().map(PathAndQuery::as_str);
            assert_eq!(found, Some(expected), "{user_agent} {uri}");
        }
    }

    #[test]
    fn an_unsupported_condition_is_an_error() {
        for has in [
            r#"{"type": "header", "key": "user-agent", "value": "(?i).*bot.*"}"#,
            r#"{"type": "header", "key": "user-agent", "value": ".*bot"}"#,
            r#"{"type": "header", "key": "user-agent"}"#,
            r#"{"type": "cookie", "key": "a", "value": "b"}"#,
        ] {
            let text = format!(
                r#"{{"rewrites": [{{"source": "/a", "has": [{has}], "destination": "/"}}]}}"#
            );
            assert!(VercelJson::parse(&text).is_err(), "{has}");
        }
    }

    #[test]
    fn only_pages_get_the_headers() {
        let settings = VercelJson::parse(SETTINGS).unwrap();
        let count = |path| {
            let mut headers = HeaderMap::new();
            settings.add_headers(path, &mut headers);
            headers.len()
        };
        assert_eq!(
            ["/", "/app.js", "/signup.html", "/apiary"].map(count),
            [1; 4]
        );
        assert_eq!(["/api/health", "/signup"].map(count), [0; 2]);
    }

    #[test]
    fn a_folder_matches_what_is_in_it() {
        let pattern = Pattern::parse("/assets/(.*)").unwrap();
        assert_eq!(
            ["/assets/", "/assets/app.js", "/assets", "/assets.js"]
                .map(|path| pattern.matches(path)),
            [true, true, false, false]
        );
    }

    #[test]
    fn an_unsupported_pattern_is_an_error() {
        for source in ["/(.*)", "/users/:id/more", "/:id", "/a+"] {
            let text = format!(r#"{{"rewrites": [{{"source": "{source}", "destination": "/"}}]}}"#);
            assert!(VercelJson::parse(&text).is_err(), "{source}");
        }
    }

    #[test]
    fn the_file_of_this_repository_is_supported() {
        let path = sabor_testing::environment::repository().join("vercel.json");
        assert!(VercelJson::read(&path).is_ok());
    }
}
