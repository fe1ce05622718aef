//! Replies of Redis and how they are parsed from JSON.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Error;

/// The reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// No value: the key does not exist, or a condition was not met.
    Nil,
    /// A number, such as a count.
    Integer(i64),
    /// A string, or a status such as `OK`.
    String(String),
    /// Several replies, in order.
    Array(Vec<Reply>),
}

impl Reply {
    /// Converts the reply to the type that its command returns.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the reply has another type.
    pub fn read<T: FromReply>(self) -> Result<T, Error> {
        T::from_reply(self)
    }
}

/// A type that a reply can be converted to.
pub trait FromReply: Sized {
    /// Converts the reply.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the reply has another type.
    fn from_reply(reply: Reply) -> Result<Self, Error>;
}

impl FromReply for Reply {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        Ok(reply)
    }
}

impl FromReply for i64 {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        match reply {
            Reply::Integer(number) => Ok(number),
            _ => Err(Error::protocol("a reply is not an integer")),
        }
    }
}

impl FromReply for String {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        match reply {
            Reply::String(text) => Ok(text),
            _ => Err(Error::protocol("a reply is not a string")),
        }
    }
}

/// `OK` and 1 are `true`; 0 and nil are `false`.
impl FromReply for bool {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        match reply {
            Reply::Integer(1) => Ok(true),
            Reply::String(text) if text == "OK" => Ok(true),
            Reply::Integer(0) | Reply::Nil => Ok(false),
            _ => Err(Error::protocol("a reply is not OK, 1, 0 or nil")),
        }
    }
}

impl<T: FromReply> FromReply for Option<T> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        match reply {
            Reply::Nil => Ok(None),
            other => T::from_reply(other).map(Some),
        }
    }
}

impl<T: FromReply> FromReply for Vec<T> {
    fn from_reply(reply: Reply) -> Result<Self, Error> {
        match reply {
            Reply::Array(items) => items.into_iter().map(T::from_reply).collect(),
            _ => Err(Error::protocol("a reply is not an array")),
        }
    }
}

/// Parses the response to a single command.
pub(crate) fn parse(body: &[u8]) -> Result<Reply, Error> {
    // The error of serde_json is dropped, because its message may quote a value.
    serde_json::from_slice::<CommandResult>(body)
        .map_err(|_| Error::protocol("the body is not the result of one command"))?
        .into_result()
}

/// Parses the response to `expected` commands, each with its own result.
pub(crate) fn parse_many(body: &[u8], expected: usize) -> Result<Vec<Result<Reply, Error>>, Error> {
    // A result that cannot be parsed is the error of its own command only.
    let Ok(results) = serde_json::from_slice::<Vec<&RawValue>>(body) else {
        // Redis refused all commands, or the body does not follow the protocol.
        parse(body)?;
        return Err(Error::protocol("one result for several commands"));
    };
    if results.len() != expected {
        return Err(Error::protocol("not as many results as commands"));
    }
    let results = results
        .into_iter()
        .map(|result| parse(result.get().as_bytes()));
    Ok(results.collect())
}

/// `{"result": …}` or `{"error": "…"}`.
#[derive(Deserialize)]
struct CommandResult {
    // `null` is a result, but a missing field is not.
    #[serde(default, deserialize_with = "deserialize_present")]
    result: Option<Reply>,
    error: Option<String>,
}

fn deserialize_present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Reply>, D::Error> {
    Reply::deserialize(deserializer).map(Some)
}

impl CommandResult {
    fn into_result(self) -> Result<Reply, Error> {
        match self {
            Self {
                error: Some(text), ..
            } => Err(Error::Command(text)),
            Self {
                result: Some(reply),
                ..
            } => Ok(reply),
            _ => Err(Error::protocol("neither a result nor an error")),
        }
    }
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReplyVisitor)
    }
}

struct ReplyVisitor;

impl<'de> Visitor<'de> for ReplyVisitor {
    type Value = Reply;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("null, an integer, a string or an array of these")
    }

    fn visit_unit<E>(self) -> Result<Reply, E> {
        Ok(Reply::Nil)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Reply, E> {
        Ok(Reply::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Reply, E> {
        i64::try_from(number).map(Reply::Integer).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Reply, E> {
        Ok(Reply::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Reply, E> {
        Ok(Reply::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Reply, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Reply::Array(array))
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn any_reply() -> impl Strategy<Value = Reply> {
        let leaf = prop_oneof![
            Just(Reply::Nil),
            any::<i64>().prop_map(Reply::Integer),
            any::<String>().prop_map(Reply::String),
        ];
        leaf.prop_recursive(5, 30, 6, |inner| vec(inner, 0..6).prop_map(Reply::Array))
    }

    fn to_json(reply: &Reply) -> Value {
        match reply {
            Reply::Nil => Value::Null,
            Reply::Integer(number) => json!(number),
            Reply::String(text) => json!(text),
            Reply::Array(items) => items.iter().map(to_json).collect(),
        }
    }

    /// Generates JSON with a value that no reply can have, at any depth.
    fn non_reply() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (i64::MAX as u64 + 1..).prop_map(Value::from),
            (0.1..0.9).prop_map(Value::from),
            vec(any::<String>(), 0..3)
                .prop_map(|names| { names.into_iter().map(|name| (name, Value::Null)).collect() }),
        ];
        leaf.prop_recursive(4, 8, 2, |inner| vec(inner, 1..3).prop_map(Value::from))
    }

    proptest! {
        #[test]
        fn any_reply_is_parsed_from_its_json(replies in vec(any_reply(), 0..6)) {
            let body = json!({ "result": to_json(&Reply::Array(replies.clone())) });
            let parsed = parse(body.to_string().as_bytes()).unwrap();
            assert_eq!(parsed, Reply::Array(replies.clone()));
            let results: Value = replies.iter().map(|reply| json!({ "result": to_json(reply) })).collect();
            let body = results.to_string();
            let parsed: Result<Vec<_>, _> = parse_many(body.as_bytes(), replies.len()).unwrap().into_iter().collect();
            assert_eq!(parsed.unwrap(), replies.clone());
            assert!(matches!(parse_many(body.as_bytes(), replies.len() + 1), Err(Error::Protocol(_))));
        }

        #[test]
        fn any_bytes_are_a_reply_or_an_error_that_does_not_quote_them(
            body in prop_oneof![vec(any::<u8>(), 0..100), "[\\[{\":a-z0-9,}\\] ]{0,60}".prop_map(String::into_bytes)],
            expected in 0..4_usize,
        ) {
            for error in [parse(&body).err(), parse_many(&body, expected).err()].into_iter().flatten() {
                let is_protocol_error = matches!(&error, Error::Protocol(text) if text.len() < 60);
                assert!(is_protocol_error || matches!(error, Error::Command(_)), "{:?}", error);
            }
        }

        #[test]
        fn json_that_is_not_a_reply_is_refused(value in non_reply(), text in any::<String>()) {
            let is_reply = |body: &str| {
                parse_many(body.as_bytes(), 1).is_ok_and(|results| results.iter().any(Result::is_ok))
            };
            for body in [value.clone(), json!({ "result": value }), json!([{ "result": value }])] {
                assert!(parse(body.to_string().as_bytes()).is_err(), "{}", body);
                assert!(!is_reply(&body.to_string()), "{}", body);
            }
            // An error takes precedence over a result.
            let body = json!({ "result": "OK", "error": text }).to_string();
            assert!(matches!(parse(body.as_bytes()), Err(Error::Command(error)) if error == text));
        }

        #[test]
        fn only_ok_and_1_are_true(reply in any_reply()) {
            let expected = matches!(&reply, Reply::Integer(1))
                || matches!(&reply, Reply::String(text) if text == "OK");
            assert_eq!(reply.clone().read::<bool>().unwrap_or_default(), expected);
            if let Ok(texts) = reply.clone().read::<Vec<Option<String>>>() {
                let restored = texts.into_iter().map(|text| text.map_or(Reply::Nil, Reply::String));
                assert_eq!(Reply::Array(restored.collect()), reply);
            }
        }
    }
}
