//! What Redis answers, and how it is read from JSON.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::Error;

/// One answer of Redis, of any command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReResponse {
    /// Nothing: an absent key, or a condition that was not met.
    Nil,
    /// A number, such as a count.
    Integer(i64),
    /// A string, or a status such as `OK`.
    Text(String),
    /// Several answers, in order.
    List(Vec<ReResponse>),
}

impl ReResponse {
    /// Reads the answer as the type that its command answers with.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the answer has another shape.
    pub fn read<T: FromResponse>(self) -> Result<T, Error> {
        T::from_response(self)
    }
}

/// A type that an answer can be read as.
pub trait FromResponse: Sized {
    /// Reads the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the answer has another shape.
    fn from_response(response: ReResponse) -> Result<Self, Error>;
}

impl FromResponse for ReResponse {
    fn from_response(response: ReResponse) -> Result<Self, Error> {
        Ok(response)
    }
}

impl FromResponse for i64 {
    fn from_response(response: ReResponse) -> Result<Self, Error> {
        match response {
            ReResponse::Integer(number) => Ok(number),
            _ => Err(Error::protocol("a number was expected")),
        }
    }
}

impl FromResponse for String {
    fn from_response(response: ReResponse) -> Result<Self, Error> {
        match response {
            ReResponse::Text(text) => Ok(text),
            _ => Err(Error::protocol("a string was expected")),
        }
    }
}

/// Whether the command did something: `OK` and 1 against nothing and 0.
impl FromResponse for bool {
    fn from_response(response: ReResponse) -> Result<Self, Error> {
        match response {
            ReResponse::Integer(1) => Ok(true),
            ReResponse::Text(text) if text == "OK" => Ok(true),
            ReResponse::Integer(0) | ReResponse::Nil => Ok(false),
            _ => Err(Error::protocol("OK, 1, 0 or nothing was expected")),
        }
    }
}

impl<T: FromResponse> FromResponse for Option<T> {
    fn from_response(response: ReResponse) -> Result<Self, Error> {
        match response {
            ReResponse::Nil => Ok(None),
            other => T::from_response(other).map(Some),
        }
    }
}

impl<T: FromResponse> FromResponse for Vec<T> {
    fn from_response(response: ReResponse) -> Result<Self, Error> {
        match response {
            ReResponse::List(items) => items.into_iter().map(T::from_response).collect(),
            _ => Err(Error::protocol("a list was expected")),
        }
    }
}

/// Reads the body that answers one command.
pub(crate) fn one(body: &[u8]) -> Result<ReResponse, Error> {
    // serde_json's own message is dropped: it may quote a value.
    serde_json::from_slice::<Answer>(body)
        .map_err(|_| Error::protocol("not the JSON that answers one command"))?
        .into_result()
}

/// Reads the body that answers `expected` commands, each with its own result.
pub(crate) fn many(body: &[u8], expected: usize) -> Result<Vec<Result<ReResponse, Error>>, Error> {
    let Ok(answers) = serde_json::from_slice::<Vec<Answer>>(body) else {
        // Refused as a whole, or not the protocol at all.
        one(body)?;
        return Err(Error::protocol("one answer to several commands"));
    };
    if answers.len() != expected {
        return Err(Error::protocol("not as many answers as commands"));
    }
    Ok(answers.into_iter().map(Answer::into_result).collect())
}

/// `{"result": …}` or `{"error": "…"}`.
#[derive(Deserialize)]
struct Answer {
    // A result of null is an answer; no result at all is none.
    #[serde(default, deserialize_with = "present")]
    result: Option<ReResponse>,
    error: Option<String>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ReResponse>, D::Error> {
    ReResponse::deserialize(deserializer).map(Some)
}

impl Answer {
    fn into_result(self) -> Result<ReResponse, Error> {
        match self {
            Self {
                error: Some(text), ..
            } => Err(Error::Command(text)),
            Self {
                result: Some(response),
                ..
            } => Ok(response),
            _ => Err(Error::protocol("neither a result nor an error")),
        }
    }
}

impl<'de> Deserialize<'de> for ReResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyResponse)
    }
}

struct AnyResponse;

impl<'de> Visitor<'de> for AnyResponse {
    type Value = ReResponse;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("null, an integer, a string or a list of these")
    }

    fn visit_unit<E>(self) -> Result<ReResponse, E> {
        Ok(ReResponse::Nil)
    }

    fn visit_i64<E>(self, number: i64) -> Result<ReResponse, E> {
        Ok(ReResponse::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<ReResponse, E> {
        i64::try_from(number)
            .map(ReResponse::Integer)
            .map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<ReResponse, E> {
        Ok(ReResponse::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<ReResponse, E> {
        Ok(ReResponse::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ReResponse, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(ReResponse::List(list))
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn response() -> impl Strategy<Value = ReResponse> {
        let leaf = prop_oneof![
            Just(ReResponse::Nil),
            any::<i64>().prop_map(ReResponse::Integer),
            any::<String>().prop_map(ReResponse::Text),
        ];
        leaf.prop_recursive(5, 30, 6, |inner| {
            vec(inner, 0..6).prop_map(ReResponse::List)
        })
    }

    fn as_json(response: &ReResponse) -> Value {
        match response {
            ReResponse::Nil => Value::Null,
            ReResponse::Integer(number) => json!(number),
            ReResponse::Text(text) => json!(text),
            ReResponse::List(items) => items.iter().map(as_json).collect(),
        }
    }

    /// What is no answer of Redis, however deep it lies.
    fn foreign() -> impl Strategy<Value = Value> {
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
        fn any_answer_comes_back_from_its_json(answers in vec(response(), 0..6)) {
            let body = json!({ "result": as_json(&ReResponse::List(answers.clone())) });
            let read = one(body.to_string().as_bytes()).unwrap();
            assert_eq!(read, ReResponse::List(answers.clone()));
            let each: Value = answers.iter().map(|answer| json!({ "result": as_json(answer) })).collect();
            let body = each.to_string();
            let read: Result<Vec<_>, _> = many(body.as_bytes(), answers.len()).unwrap().into_iter().collect();
            assert_eq!(read.unwrap(), answers.clone());
            assert!(matches!(many(body.as_bytes(), answers.len() + 1), Err(Error::Protocol(_))));
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error_that_quotes_none_of_them(
            body in prop_oneof![vec(any::<u8>(), 0..100), "[\\[{\":a-z0-9,}\\] ]{0,60}".prop_map(String::into_bytes)],
            expected in 0..4_usize,
        ) {
            for error in [one(&body).err(), many(&body, expected).err()].into_iter().flatten() {
                let known = matches!(&error, Error::Protocol(text) if text.len() < 60);
                assert!(known || matches!(error, Error::Command(_)), "{:?}", error);
            }
        }

        #[test]
        fn what_redis_cannot_have_said_is_not_taken_for_an_answer(value in foreign(), text in any::<String>()) {
            let is_answer = |body: &str| {
                many(body.as_bytes(), 1).is_ok_and(|answers| answers.iter().any(Result::is_ok))
            };
            for body in [value.clone(), json!({ "result": value }), json!([{ "result": value }])] {
                assert!(one(body.to_string().as_bytes()).is_err(), "{}", body);
                assert!(!is_answer(&body.to_string()), "{}", body);
            }
            // An error stays one, whatever stands beside it.
            let body = json!({ "result": "OK", "error": text }).to_string();
            assert!(matches!(one(body.as_bytes()), Err(Error::Command(told)) if told == text));
        }

        #[test]
        fn only_a_yes_is_a_yes(response in response()) {
            let yes = matches!(&response, ReResponse::Integer(1))
                || matches!(&response, ReResponse::Text(text) if text == "OK");
            assert_eq!(response.clone().read::<bool>().unwrap_or_default(), yes);
            if let Ok(texts) = response.clone().read::<Vec<Option<String>>>() {
                let again = texts.into_iter().map(|text| text.map_or(ReResponse::Nil, ReResponse::Text));
                assert_eq!(ReResponse::List(again.collect()), response);
            }
        }
    }
}
