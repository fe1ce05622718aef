//! The request and response bodies of Upstash's REST protocol.

use std::borrow::Cow;
use std::fmt;

use hyper::{Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::reply::{CommandResult, Encoding};

const TOKEN_PARAMETER: &str = "_token";

/// How the commands of a request are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// One command, as the body of a POST to `/` or as the path of the URL.
    Single,
    Pipeline,
    MultiExec,
}

/// The commands of a request.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) kind: RequestKind,
    pub(crate) commands: Vec<Vec<String>>,
}

impl Commands {
    /// Parses a request. Returns `None` if the path does not support the method.
    /// The error is the text to respond with.
    pub(crate) fn parse(method: &Method, uri: &Uri, body: &[u8]) -> Option<Result<Self, String>> {
        let is_post = method == Method::POST;
        let kind = match uri.path() {
            "/" if is_post => RequestKind::Single,
            "/pipeline" if is_post => RequestKind::Pipeline,
            "/multi-exec" if is_post => RequestKind::MultiExec,
            "/" | "/pipeline" | "/multi-exec" => return None,
            _ if is_post || [Method::GET, Method::HEAD, Method::PUT].contains(method) => {
                let command = parse_url(uri, body);
                return Some(command.map(|command| Self {
                    kind: RequestKind::Single,
                    commands: vec![command],
                }));
            }
            _ => return None,
        };
        Some(parse_body(kind, body).map(|commands| Self { kind, commands }))
    }
}

fn parse_body(kind: RequestKind, body: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let commands: serde_json::Result<Vec<Vec<Word>>> = match kind {
        RequestKind::Single => serde_json::from_slice(body).map(|command| vec![command]),
        RequestKind::Pipeline | RequestKind::MultiExec => serde_json::from_slice(body),
    };
    let commands = commands.map_err(|error| format!("ERR failed to parse command: {error}"))?;
    if commands.is_empty() || commands.iter().any(Vec::is_empty) {
        return Err("ERR empty command".to_owned());
    }
    let into_strings = |command: Vec<Word>| command.into_iter().map(|Word(word)| word).collect();
    Ok(commands.into_iter().map(into_strings).collect())
}

/// Parses a command from a URL such as `/set/key/value?EX=100`. If there is a body, it is one
/// more argument after those in the path.
fn parse_url(uri: &Uri, body: &[u8]) -> Result<Vec<String>, String> {
    let not_utf8 = |_| "ERR the command is not UTF-8".to_owned();
    let mut command = Vec::new();
    for segment in uri.path().split('/').skip(1) {
        let word = percent_decode_str(segment).decode_utf8();
        command.push(word.map_err(not_utf8)?.into_owned());
    }
    if !body.is_empty() {
        command.push(str::from_utf8(body).map_err(not_utf8)?.to_owned());
    }
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != TOKEN_PARAMETER {
            let words = [name, value].into_iter().map(Cow::into_owned);
            command.extend(words.filter(|word| !word.is_empty()));
        }
    }
    Ok(command)
}

/// Returns the token in the URL, which is an alternative to the `Authorization` header.
pub(crate) fn url_token(uri: &Uri) -> Option<String> {
    let mut parameters = form_urlencoded::parse(uri.query()?.as_bytes());
    let token = parameters.find(|(name, _)| name == TOKEN_PARAMETER);
    token.map(|(_, token)| token.into_owned())
}

/// Returns the status and body of the response to a request.
pub(crate) fn render(
    kind: RequestKind,
    results: &[CommandResult],
    encoding: Encoding,
) -> (StatusCode, String) {
    let mut body = String::new();
    if let (RequestKind::Single, [result]) = (kind, results) {
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
