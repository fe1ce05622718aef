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
    /// [`REFUSED`] if the provider rejects the access token that it has issued;
    /// [`Error::Unavailable`].
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
            return Err(self.refuse("the provider rejected its own access token"));
        }
        parse(&response)
    }

    /// Sends a request. Fails with [`Error::Unavailable`] if there is no response, or if its
    /// status is 429 or 5xx.
    async fn send(&self, request: Request<Body>) -> Result<http_client::HttpResponse> {
        let response = self
            .app
            .http_client()
            .send(request, self.config.time_limit)
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

    /// Logs why a response of the provider is rejected, without its content. Returns the
    /// error for the client.
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
    // An error message of serde may quote the response, so it is not logged.
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

/// The error of a request to a provider. The crate `oauth2` returns it to the caller.
#[derive(Debug, thiserror::Error)]
#[error("a request to a provider failed")]
pub(super) struct RequestError(#[source] pub(super) Error);
