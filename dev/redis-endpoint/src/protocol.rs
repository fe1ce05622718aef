//! The request and response bodies of Upstash's REST protocol.

use std::fmt;

use hyper::StatusCode;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::reply::{CommandResult, Encoding};

/// One of the protocol's three paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Single,
    Pipeline,
    MultiExec,
}

impl Path {
    pub(crate) fn parse(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Single),
            "/pipeline" => Some(Self::Pipeline),
            "/multi-exec" => Some(Self::MultiExec),
            _ => None,
        }
    }
}

/// Parses the commands of a request. The error is the text to respond with.
pub(crate) fn parse(path: Path, body: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let commands: serde_json::Result<Vec<Vec<Word>>> = match path {
        Path::Single => serde_json::from_slice(body).map(|command| vec![command]),
        Path::Pipeline | Path::MultiExec => serde_json::from_slice(body),
    };
    let commands = commands.map_err(|error| format!("ERR failed to parse command: {error}"))?;
    if commands.is_empty() || commands.iter().any(Vec::is_empty) {
        return Err("ERR empty command".to_owned());
    }
    let into_strings = |command: Vec<Word>| command.into_iter().map(|Word(word)| word).collect();
    Ok(commands.into_iter().map(into_strings).collect())
}

/// Returns the status and body of the response to a request.
pub(crate) fn render(
    path: Path,
    results: &[CommandResult],
    encoding: Encoding,
) -> (StatusCode, String) {
    let mut body = String::new();
    if let (Path::Single, [result]) = (path, results) {
        write_result(&mut body, result, encoding);
        let status = match result {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::BAD_REQUEST,
        };
        return (status, body);
    }
    body.push('[');
    for (index, result) in results.iter().enumerate() {
        body += if index == 0 { "" } else { "," };
        write_result(&mut body, result, encoding);
    }
    body.push(']');
    (StatusCode::OK, body)
}

/// Returns the response body for a request that fails as a whole.
pub(crate) fn render_error(text: &str) -> String {
    let mut body = String::new();
    write_result(&mut body, &Err(text.to_owned()), Encoding::Text);
    body
}

fn write_result(body: &mut String, result: &CommandResult, encoding: Encoding) {
    let (name, value) = match result {
        Ok(reply) => ("result", reply.to_json(encoding)),
        Err(text) => ("error", Value::from(text.as_str())),
    };
    for part in ["{\"", name, "\":", &value.to_string(), "}"] {
        body.push_str(part);
    }
}

/// A command's name or argument. Upstash accepts numbers and booleans as well as
/// strings.
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl Visitor<'_> for WordVisitor {
    type Value = Word;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a number or a boolean")
    }

    fn visit_str<E>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Word, E> {
        Ok(Word(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Word, E> {
        Ok(Word(value.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }
}
