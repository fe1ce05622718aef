//! Calls to the outside: HTTPS to those whose services the house uses.

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

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// What was answered, whatever the status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// At most 1 MiB.
    pub body: Bytes,
}

/// Why there is no answer. Whether the request was acted on is not known,
/// unless there was no connection. Never quotes the request, which holds secrets.
#[derive(Debug, Error)]
pub enum Failure {
    /// An address that no secret may be sent to.
    #[error("an address that is neither https:// nor http:// on this machine")]
    Address,
    /// Nobody took the call.
    #[error("no connection")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More than 1 MiB.
    #[error("an answer of more than 1 MiB")]
    TooLarge,
    /// It took too long.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
}

/// A client over HTTP/1.1, made on its first use: most functions never call.
///
/// Calls are few, and an instance is frozen between them, so that a connection
/// that was kept would mostly be found dead: each call makes one of its own.
/// Redirections are not followed.
#[derive(Default)]
pub struct Outbound(OnceLock<HttpClient>);

impl Outbound {
    /// Sends one request, once.
    ///
    /// # Errors
    ///
    /// [`Failure`]; a status of failure is an answer.
    pub fn send(
        &self,
        request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Answer, Failure>> {
        Box::pin(async move {
            if !may_be_called(request.uri()) {
                return Err(Failure::Address);
            }
            let exchanged = timeout(deadline, self.exchange(request));
            exchanged.await.map_err(|_| Failure::Deadline(deadline))?
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let response = self.0.get_or_init(client).request(request).await;
        let (head, body) = response.map_err(connection_failure)?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: read(body).await?,
        })
    }
}

/// In the clear only to this machine, where a stand-in may answer.
pub(crate) fn may_be_called(address: &Uri) -> bool {
    match address.scheme_str() {
        Some("https") => true,
        Some("http") => matches!(address.host(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    }
}

fn client() -> HttpClient {
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

async fn read(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Err(error) => Err(Failure::Broken(error)),
    }
}

fn connection_failure(error: hyper_util::client::legacy::Error) -> Failure {
    if error.is_connect() {
        Failure::Connect(error)
    } else {
        Failure::Broken(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_clear_only_this_machine_is_called() {
        for (address, called) in [
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
                may_be_called(&address.parse().unwrap()),
                called,
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
        fn no_address_that_is_called_in_the_clear_leads_away(
            address in prop_oneof![
                "http://[!-~]{0,30}", "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])[!-~]{0,12}", "[a-z]{0,6}://[!-~]{0,20}",
            ],
        ) {
            let Ok(uri) = address.parse::<Uri>() else { return Ok(()) };
            if !may_be_called(&uri) || uri.scheme_str() == Some("https") {
                return Ok(());
            }
            // Nor would it by the rules of browsers, which other programs follow.
            let host = url::Url::parse(&address).ok().and_then(|url| Some(url.host_str()?.to_owned()));
            assert!(matches!(host.as_deref(), None | Some("localhost" | "127.0.0.1" | "[::1]")), "{address}");
        }
    }
}
