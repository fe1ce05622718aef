//! The HTTPS client for calls to other services.

use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use thiserror::Error;
use tokio::time::timeout;

use crate::runtime::background::BoxFuture;
use crate::runtime::tls;

/// The maximum size of a response body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

type HyperClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A response with any status.
#[derive(Debug)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, of at most 1 MiB.
    pub body: Bytes,
}

/// The reason why there is no response. The request may have been processed, except
/// after [`HttpError::Connect`] and [`HttpError::InsecureUri`]. Messages never quote the
/// request, because it contains secrets.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The URI is neither HTTPS nor local.
    #[error("the address must use https://, or http:// on this machine")]
    InsecureUri,
    /// No connection could be made.
    #[error("failed to connect")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response is larger than 1 MiB.
    #[error("the response is larger than 1 MiB")]
    TooLarge,
    /// The response did not arrive in time.
    #[error("no response within {0:?}")]
    TimedOut(Duration),
}

/// An HTTP/1.1 client, created on first use, because most functions never use it.
///
/// Each call opens a new connection. Calls are rare and instances are frozen between
/// them, so the other side would usually have closed a kept connection before the next
/// call. Redirects are not followed.
#[derive(Default)]
pub struct HttpClient(OnceLock<HyperClient>);

impl HttpClient {
    /// Sends a request without retries.
    ///
    /// # Errors
    ///
    /// Fails with [`HttpError`] when there is no response. A response with an error
    /// status is not an error.
    pub fn send(
        &self,
        request: Request<Full<Bytes>>,
        time_limit: Duration,
    ) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            if !may_receive_secrets(request.uri()) {
                return Err(HttpError::InsecureUri);
            }
            let response = timeout(time_limit, self.exchange(request));
            response
                .await
                .map_err(|_| HttpError::TimedOut(time_limit))?
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<HttpResponse, HttpError> {
        let response = self.0.get_or_init(create_client).request(request).await;
        let (parts, body) = response.map_err(connection_error)?.into_parts();
        Ok(HttpResponse {
            status: parts.status,
            headers: parts.headers,
            body: read_body(body).await?,
        })
    }
}

/// Returns whether secrets may be sent to this URI: by HTTPS, or by HTTP on this machine.
pub(crate) fn may_receive_secrets(uri: &Uri) -> bool {
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    }
}

fn create_client() -> HyperClient {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(tls::public_roots()))
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector)
}

async fn read_body(body: Incoming) -> Result<Bytes, HttpError> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge),
        Err(error) => Err(HttpError::Broken(error)),
    }
}

fn connection_error(error: hyper_util::client::legacy::Error) -> HttpError {
    if error.is_connect() {
        HttpError::Connect(error)
    } else {
        HttpError::Broken(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_allowed_only_on_this_machine() {
        for (address, allowed) in [
            ("https://api.stripe.com/v1/refunds", true),
            ("http://127.0.0.1:8420/v1", true),
            ("http://localhost:8420", true),
            ("http://api.stripe.com/v1/refunds", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://127.0.0.1@evil.example", false),
            ("/v1/refunds", false),
        ] {
            assert_eq!(
                may_receive_secrets(&address.parse().unwrap()),
                allowed,
                "{address}"
            );
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_http_address_never_leads_to_another_machine(
            address in prop_oneof![
                "http://[!-~]{0,30}", "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])[!-~]{0,12}", "[a-z]{0,6}://[!-~]{0,20}",
            ],
        ) {
            let Ok(uri) = address.parse::<Uri>() else { return Ok(()) };
            if !may_receive_secrets(&uri) || uri.scheme_str() == Some("https") {
                return Ok(());
            }
            // A WHATWG URL parser must find the same host.
            let host = url::Url::parse(&address).ok().and_then(|url| Some(url.host_str()?.to_owned()));
            assert!(matches!(host.as_deref(), None | Some("localhost" | "127.0.0.1" | "[::1]")), "{address}");
        }
    }
}
