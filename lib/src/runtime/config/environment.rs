//! Environment variables and the parsing of their values.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// An invalid configuration. The message is one line that names the variable.
#[derive(Debug, Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    variable: String,
    problem: String,
}

/// Environment variables by name.
pub type Variables = BTreeMap<String, String>;

/// Reads values of different types from environment variables.
pub(super) struct Environment<'a>(pub(super) &'a Variables);

impl Environment<'_> {
    /// Returns the value of a variable. An empty variable counts as unset.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the first of `names` that is set, with its name.
    pub(super) fn first_set(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names
            .iter()
            .find_map(|name| self.value(name).map(|value| (*name, value)))
    }

    pub(super) fn parse<T: FromStr>(
        &self,
        name: &str,
        default: T,
        expected: &str,
    ) -> Result<T, ConfigError> {
        match self.value(name) {
            None => Ok(default),
            Some(value) => value
                .parse()
                .map_err(|_| invalid(name, format!("must be {expected}"))),
        }
    }

    pub(super) fn millis(&self, name: &str, default: u64) -> Result<Duration, ConfigError> {
        let millis = self.parse(name, default, "a whole number of milliseconds")?;
        if millis == 0 {
            return Err(invalid(name, "must be at least 1"));
        }
        Ok(Duration::from_millis(millis))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        match self.value(name).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "on" | "yes") => Ok(true),
            Some("false" | "0" | "off" | "no") => Ok(false),
            Some(_) => Err(invalid(name, "must be true or false")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let text = self.value(name).unwrap_or_default();
        text.split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    }
}

pub(super) fn invalid(variable: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        variable: variable.to_owned(),
        problem: problem.into(),
    }
}

/// Parses an origin, `scheme://host[:port]`, in the form that browsers send.
pub(super) fn exact_origin(name: &str, text: &str) -> Result<String, ConfigError> {
    let origin = text.trim_end_matches('/').to_ascii_lowercase();
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']) => {
            Ok(origin)
        }
        _ => Err(invalid(
            name,
            "must be an origin such as https://example.com, without a path",
        )),
    }
}
