//! The rewrites and headers of `vercel.json`, which the local server applies as Vercel does.

use std::path::Path;

use anyhow::{Context, Result, bail};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// Rewrites and headers of `vercel.json`.
#[derive(Debug)]
pub(crate) struct VercelJson {
    rewrites: Vec<(Pattern, String)>,
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
    destination: String,
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
            rewrites: rewrites
                .map(|rewrite| Ok((Pattern::parse(&rewrite.source)?, rewrite.destination)))
                .collect::<Result<_>>()?,
            headers: headers
                .map(|rule| Ok((Pattern::parse(&rule.source)?, header_map(rule.headers)?)))
                .collect::<Result<_>>()?,
        })
    }

    /// Returns the path to which `path` is rewritten.
    pub(crate) fn destination(&self, path: &str) -> Option<&str> {
        let mut rewrites = self.rewrites.iter();
        let rewrite = rewrites.find(|(source, _)| source.matches(path));
        rewrite.map(|(_, destination)| destination.as_str())
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

impl Pattern {
    fn parse(source: &str) -> Result<Self> {
        let excepted = source
            .strip_prefix("/((?!")
            .and_then(|rest| rest.strip_suffix(").*)"));
        let is_plain = |text: &str| !text.contains(['(', ')', '*', ':', '?', '[', '\\', '+']);
        match excepted {
            Some(list) if is_plain(list) => {
                Ok(Self::Except(list.split('|').map(str::to_owned).collect()))
            }
            None if is_plain(source) => Ok(Self::Exactly(source.to_owned())),
            None => match source.strip_suffix("(.*)") {
                Some(folder) if folder.len() > 1 && folder.ends_with('/') && is_plain(folder) => {
                    Ok(Self::Below(folder.to_owned()))
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
        assert_eq!(settings.destination("/signup"), Some("/api/auth/register"));
        assert_eq!(settings.destination("/signup/more"), None);
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
        for source in ["/(.*)", "/users/:id", "/a+"] {
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
