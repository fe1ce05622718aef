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
