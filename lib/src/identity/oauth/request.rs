//! HTTP requests to a provider.

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use serde::de::DeserializeOwned;

use super::errors::REFUSED;
use crate::App;
use crate::error::{Error, Result, chain};
use crate::runtime::background::BoxFuture;
use crate::runtime::config::ProviderConfig;
use crate::runtime::http_client;

type Body = http_body_util::Full<hyper::body::Bytes>;

/// An HTTP client for one provider.
pub(super) struct ProviderClient<'a> {
    pub(super) app: &'a App,
    pub(super) config: &'a ProviderConfig,
}

impl ProviderClient<'_> {
    /// Gets a JSON document.
    ///
    /// # Errors
    ///
    /// [`REFUSED`] if the provider rejects its own access token; [`Error::Unavailable`].
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        url: &str,
        access_token: Option<&str>,
    ) -> Result<T> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(url)
            .header(ACCEPT, "application/json")
            // GitHub rejects requests without a user agent.
            .header(USER_AGENT, "sabor");
        if let Some(token) = access_token {
            let bearer = HeaderValue::try_from(format!("Bearer {token}"));
            let mut bearer = bearer
                .map_err(|_| Error::unavailable("access token is not a valid header value"))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        let request = request.body(Body::default());
        let request = request.map_err(|error| Error::Unavailable(Box::new(error)))?;
        let response = self.send(request).await?;
        if access_token.is_some() && response.status.is_client_error() {
            return Err(self.refuse("it rejects its own access token"));
        }
        parse(&response)
    }

    /// Sends a request. A response that says that the provider is out of order is an
    /// error.
    async fn send(&self, request: Request<Body>) -> Result<http_client::HttpResponse> {
        let response = self
            .app
            .http_client()
            .send(request, self.config.deadline)
            .await;
        let response = response.map_err(|error| self.unavailable(&chain(&error)))?;
        let status = response.status;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.unavailable(&format!("HTTP status {}", status.as_u16())));
        }
        Ok(response)
    }

    fn unavailable(&self, cause: &str) -> Error {
        Error::unavailable(format!("{}: {cause}", self.config.name))
    }

    /// Logs why the provider's response is not accepted, without quoting it. Returns
    /// the error to respond with.
    pub(super) fn refuse(&self, cause: &'static str) -> Error {
        let provider = self.config.name.as_str();
        tracing::warn!(provider, cause, "provider response refused");
        REFUSED
    }
}

fn parse<T: DeserializeOwned>(response: &http_client::HttpResponse) -> Result<T> {
    if response.status != StatusCode::OK {
        let status = response.status.as_u16();
        return Err(Error::unavailable(format!(
            "provider responded with HTTP status {status}"
        )));
    }
    // The message of serde may quote the response, so it is dropped.
    serde_json::from_slice(&response.body)
        .map_err(|_| Error::unavailable("failed to parse a provider response"))
}

impl<'c> AsyncHttpClient<'c> for ProviderClient<'_> {
    type Error = RequestError;
    type Future = BoxFuture<'c, Result<HttpResponse, RequestError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let response = self.send(request.map(Into::into)).await;
            let response = response.map_err(RequestError)?;
            let mut converted = HttpResponse::new(response.body.into());
            *converted.status_mut() = response.status;
            *converted.headers_mut() = response.headers;
            Ok(converted)
        })
    }
}

/// The error of a request that the crate `oauth2` passes on.
#[derive(Debug, thiserror::Error)]
#[error("a request to a provider failed")]
pub(super) struct RequestError(#[source] pub(super) Error);
