//! Query parameters.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use chrono::{Datelike, NaiveDate};
use futures_util::future::Either;
use http::request::Parts;
use http::{Method, Uri};
use serde::de::DeserializeOwned;
use tower::{Layer, Service};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{HttpMethod, RefOr};
use uuid::Uuid;

use super::json::truncated;
use crate::App;
use crate::error::{Error, Result};
use crate::values::form::Problem;

/// The query parameters, as strings. The feature that uses a parameter parses it, so that
/// an error can name the parameter. An empty parameter counts as absent, because HTML
/// forms send empty fields.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        read(&parts.uri).map(Self)
    }
}

/// Reads the query parameters of a URI.
///
/// # Errors
///
/// [`Error::Malformed`] if the query string is not valid.
pub(crate) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    let invalid = || Error::malformed("The query string is not valid");
    if uri.query().is_none() {
        let params = axum::extract::Query::try_from_uri(uri);
        return params.map(|params| params.0).map_err(|_| invalid());
    }
    let pairs = uri.query().unwrap_or_default().split('&');
    let non_empty = pairs.filter(|pair| {
        pair.split_once('=')
            .is_some_and(|(_, value)| !value.is_empty())
    });
    let query = format!("/?{}", non_empty.collect::<Vec<_>>().join("&"));
    let uri = query.parse().map_err(|_| invalid())?;
    let axum::extract::Query(params) =
        axum::extract::Query::try_from_uri(&uri).map_err(|_| invalid())?;
    Ok(params)
}

/// Prefixes of the parameters that let a request through the protection of a Vercel
/// deployment. Vercel passes these parameters on to the function.
const VERCEL_PREFIXES: [&str; 2] = ["x-vercel-", "_vercel_"];

/// The names of the query parameters that a function knows.
#[derive(Default)]
pub(super) struct KnownParams {
    by_method: Vec<(HttpMethod, Vec<String>)>,
    accepts_others: bool,
}

impl KnownParams {
    /// Adds the described parameters of an operation. Parameters in the path are included,
    /// because Vercel repeats them in the query.
    pub(super) fn add(&mut self, methods: &[HttpMethod], operation: &Operation) {
        let names = operation.parameters.iter().flatten();
        let names: Vec<_> = names
            .filter_map(|param| match param {
                RefOr::T(param) => Some(param),
                RefOr::Ref(_) => None,
            })
            .filter(|param| matches!(param.parameter_in, ParameterIn::Query | ParameterIn::Path))
            .map(|param| param.name.clone())
            .collect();
        let methods = methods.iter().cloned();
        self.by_method
            .extend(methods.map(|method| (method, names.clone())));
    }

    pub(super) fn accept_others(&mut self) {
        self.accepts_others = true;
    }

    /// Returns an error that names the first unknown parameter, even if that parameter has no
    /// value.
    fn check(&self, method: &Method, uri: &Uri) -> Result<()> {
        let method = match *method {
            Method::GET | Method::HEAD => HttpMethod::Get,
            Method::POST => HttpMethod::Post,
            Method::PUT => HttpMethod::Put,
            Method::PATCH => HttpMethod::Patch,
            Method::DELETE => HttpMethod::Delete,
            // Other methods have no handler.
            _ => return Ok(()),
        };
        let known = self.by_method.iter().find(|(known, _)| *known == method);
        let Some((_, known)) = known.filter(|_| !self.accepts_others) else {
            return Ok(());
        };
        let query = uri.query().unwrap_or_default();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let is_known = known.iter().any(|known| *known == name)
                || VERCEL_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix));
            if name.is_empty() {
                return Err(Error::malformed("The query string is not valid"));
            }
            if !is_known {
                return Err(Error::field(&truncated(&name), "is not a known parameter"));
            }
        }
        Ok(())
    }
}

/// The layer that rejects a request with an unknown query parameter. The check comes before
/// the handler runs, so a misspelled filter does not select everything.
#[derive(Clone)]
pub(super) struct KnownParamsLayer(Arc<KnownParams>);

impl KnownParamsLayer {
    pub(super) fn new(known: KnownParams) -> Self {
        Self(Arc::new(known))
    }
}

impl<S> Layer<S> for KnownParamsLayer {
    type Service = KnownParamsService<S>;

    fn layer(&self, handler: S) -> KnownParamsService<S> {
        KnownParamsService {
            known: Arc::clone(&self.0),
            handler,
        }
    }
}

/// A handler behind [`KnownParamsLayer`].
#[derive(Clone)]
pub(super) struct KnownParamsService<S> {
    known: Arc<KnownParams>,
    handler: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for KnownParamsService<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.handler.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.known.check(request.method(), request.uri()) {
            Ok(()) => Either::Left(self.handler.call(request)),
            Err(error) => Either::Right(ready(Ok(error.into_response()))),
        }
    }
}

/// Parses an id.
///
/// # Errors
///
/// Fails with a message for the caller.
pub fn id(text: &str) -> Result<Uuid, Problem> {
    // Only the hyphenated form is accepted, because responses contain only that form.
    let parsed = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    parsed.ok_or_else(|| "must be a UUID".to_owned())
}

/// Parses a day such as `2026-03-08`, in the years 2000 to 2199.
///
/// # Errors
///
/// Fails with a message for the caller.
pub fn date(text: &str) -> Result<NaiveDate, Problem> {
    // chrono also accepts signs, spaces and single digits.
    let is_canonical = |date: &NaiveDate| date.to_string() == text;
    let parsed: Option<NaiveDate> = text.parse().ok().filter(is_canonical);
    parsed
        .filter(|date| (2000..2200).contains(&date.year()))
        .ok_or_else(|| "must be a day such as 2026-03-08".to_owned())
}

/// Parses `true` or `false`.
///
/// # Errors
///
/// Fails with a message for the caller.
pub fn boolean(text: &str) -> Result<bool, Problem> {
    let parsed = text.parse();
    parsed.map_err(|_| "must be true or false".to_owned())
}

#[cfg(test)]
mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{query, text, uri, uuid};

    type Params = BTreeMap<String, String>;

    proptest! {
        #[test]
        fn only_the_hyphenated_form_of_an_id_is_accepted(
            uuid in uuid(), text in text(),
        ) {
            assert_eq!(id(&uuid.to_string()), Ok(uuid));
            assert_eq!(id(&uuid.to_string().to_uppercase()), Ok(uuid));
            for other in [
                uuid.simple().to_string(), uuid.urn().to_string(), uuid.braced().to_string(), text,
            ] {
                assert!(id(&other).is_err(), "{other}");
            }
        }

        #[test]
        fn an_empty_parameter_counts_as_absent(query in query(&["from", "to", "x"])) {
            if let Some(params) = uri(&query).and_then(|uri| read::<Params>(&uri).ok()) {
                assert!(params.values().all(|value| !value.is_empty()), "{params:?}");
                for longer in [format!("{query}&y="), format!("y&{query}"), format!("y=&{query}&&")] {
                    let read_again: Params = read(&uri(&longer).unwrap()).unwrap();
                    assert_eq!(read_again, params);
                }
            }
        }

        #[test]
        fn an_encoded_value_is_read_back(value in "[ -~]{1,40}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let params: Params = read(&uri(&format!("a={encoded}&b=&c")).unwrap()).unwrap();
            assert_eq!(params, Params::from([("a".to_owned(), value)]));
        }
    }
}
