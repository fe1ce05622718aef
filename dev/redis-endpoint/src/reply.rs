//! Replies to commands.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A command's reply, or the error text of Redis.
pub(crate) type CommandResult = Result<Reply, String>;

/// A reply in the types of RESP2. A status such as `OK` is a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Nil,
    Integer(i64),
    String(Vec<u8>),
    Array(Vec<Reply>),
}

/// How strings are written to JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As text. Bytes that are not UTF-8 are replaced with U+FFFD.
    Text,
    /// In base64, except for a reply that is exactly `OK`.
    Base64,
}

impl Reply {
    pub(crate) fn to_json(&self, encoding: Encoding) -> Value {
        match self {
            Self::String(bytes) if bytes == b"OK" => "OK".into(),
            _ => self.encode(encoding),
        }
    }

    fn encode(&self, encoding: Encoding) -> Value {
        match (self, encoding) {
            (Self::Nil, _) => Value::Null,
            (Self::Integer(number), _) => (*number).into(),
            (Self::String(bytes), Encoding::Text) => String::from_utf8_lossy(bytes).into(),
            (Self::String(bytes), Encoding::Base64) => STANDARD.encode(bytes).into(),
            (Self::Array(items), _) => items.iter().map(|item| item.encode(encoding)).collect(),
        }
    }

    /// Returns the text of a string reply.
    pub(crate) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }

    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<i64> for Reply {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl<T: Into<Reply>> FromIterator<T> for Reply {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(T::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_leaves_only_a_plain_ok_unencoded() {
        let encoded = |reply: Reply| reply.to_json(Encoding::Base64);
        assert_eq!(encoded("OK".into()), json!("OK"));
        assert_eq!(encoded("PONG".into()), json!("UE9ORw=="));
        let nested = Reply::Array(vec![
            "OK".into(),
            Reply::Nil,
            7.into(),
            ["a", "OK"].into_iter().collect(),
        ]);
        assert_eq!(encoded(nested), json!(["T0s=", null, 7, ["YQ==", "T0s="]]));
    }

    #[test]
    fn invalid_utf_8_is_preserved_only_in_base64() {
        let reply = Reply::String(vec![b'a', 0xff]);
        assert_eq!(reply.to_json(Encoding::Base64), json!("Yf8="));
        assert_eq!(reply.to_json(Encoding::Text), json!("a\u{fffd}"));
    }
}
