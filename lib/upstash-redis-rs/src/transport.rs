//! HTTP: connections, timeouts, and the meaning of each status.
//!
//! The functions that other modules call are neither generic nor `async`, because each
//! executable that links this crate would compile such functions again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::batch::Turn;
use crate::{Error, ReplyFuture, reply};

/// How long a connection may be idle and still be reused. Upstash keeps connections
/// longer, but a proxy in between may not, and a new connection costs little.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The maximum size of the response to a command, in bytes.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

type Connector = HttpsConnector<HttpConnector>;
type HttpClient = Client<Connector, Full<Bytes>>;

/// The kind of a request, which determines its path.
#[derive(Clone, Copy)]
pub(crate) enum RequestKind {
    Single,
    Pipeline,
    MultiExec,
}

pub(crate) struct Transport {
    url: String,
    single: Uri,
    pipeline: Uri,
    multi_exec: Uri,
    authorization: HeaderValue,
    connector: Connector,
    pool: Mutex<Pool>,
    turn: Turn,
}

/// The connections, and when one was last used.
struct Pool {
    client: HttpClient,
    last_used: SystemTime,
    idle_timeout: Duration,
}

impl Transport {
    pub(crate) fn new(url: &str, token: &str) -> Result<Self, Error> {
        let base: Uri = url.parse().map_err(|_| Error::InvalidUrl("is invalid"))?;
        if !matches!(base.scheme_str(), Some("https" | "http")) {
            return Err(Error::InvalidUrl("must begin with https:// or http://"));
        }
        // `Debug` shows the URL, so it must not contain a password.
        if base
            .authority()
            .is_none_or(|host| host.as_str().contains('@'))
            || base.query().is_some()
        {
            return Err(Error::InvalidUrl(
                "may have only a scheme, a host and a path",
            ));
        }
        let url = url.trim_end_matches('/').to_owned();
        let with_path = |path| {
            let uri = format!("{url}{path}").parse();
            uri.map_err(|_| Error::InvalidUrl("cannot be extended with a path"))
        };

        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let mut authorization = bearer.map_err(|_| Error::InvalidToken)?;
        authorization.set_sensitive(true);

        let connector = build_connector()?;
        Ok(Self {
            single: with_path("")?,
            pipeline: with_path("/pipeline")?,
            multi_exec: with_path("/multi-exec")?,
            pool: Mutex::new(Pool::new(&connector, IDLE_TIMEOUT)),
            url,
            authorization,
            connector,
            turn: Turn::ended(),
        })
    }

    pub(crate) fn set_idle_timeout(&self, timeout: Duration) {
        *self.pool() = Pool::new(&self.connector, timeout);
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the turn that a command joins.
    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Sends one request and returns the body of a successful response.
    ///
    /// When the timeout expires or the caller drops the future, hyper closes the
    /// connection.
    pub(crate) fn execute(
        self: Arc<Self>,
        kind: RequestKind,
        body: String,
        timeout: Duration,
    ) -> ReplyFuture<Bytes> {
        Box::pin(async move {
            tokio::time::timeout(timeout, self.exchange(kind, body, 1))
                .await
                .map_err(|_| Error::Timeout(timeout))?
        })
    }

    /// Sends one request, without a timeout. When the future is dropped, hyper closes the
    /// connection.
    pub(crate) async fn exchange(
        &self,
        kind: RequestKind,
        body: String,
        commands: usize,
    ) -> Result<Bytes, Error> {
        let response = self.client().request(self.request(kind, body)).await;
        let (head, body) = response.map_err(connection_error)?.into_parts();
        let body = read_body(body, MAX_RESPONSE_BYTES * commands).await?;
        match head.status {
            StatusCode::OK => Ok(body),
            StatusCode::UNAUTHORIZED => Err(Error::Unauthorized),
            StatusCode::BAD_REQUEST => {
                reply::parse(&body)?;
                Err(Error::protocol("a result with HTTP status 400"))
            }
            other => Err(Error::Protocol(format!("HTTP status {}", other.as_u16()))),
        }
    }

    fn request(&self, kind: RequestKind, body: String) -> Request<Full<Bytes>> {
        let uri = match kind {
            RequestKind::Single => &self.single,
            RequestKind::Pipeline => &self.pipeline,
            RequestKind::MultiExec => &self.multi_exec,
        };
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// Returns the client, with a new pool after a pause longer than the idle timeout.
    ///
    /// The pool also measures how long each connection was idle, but by a clock that
    /// may stop while the instance is frozen. The system clock shows such a pause.
    fn client(&self) -> HttpClient {
        let now = SystemTime::now();
        let mut pool = self.pool();
        // If the clock was set back, the pause is unknown, so a new pool is used.
        let pause = now.duration_since(pool.last_used).unwrap_or(Duration::MAX);
        if pause > pool.idle_timeout {
            *pool = Pool::new(&self.connector, pool.idle_timeout);
        }
        pool.last_used = now;
        pool.client.clone()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn new(connector: &Connector, idle_timeout: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(idle_timeout)
            .pool_timer(TokioTimer::new())
            // Retries only requests that were certainly not written.
            .retry_canceled_requests(true)
            .build(connector.clone());
        Self {
            client,
            last_used: SystemTime::now(),
            idle_timeout,
        }
    }
}

fn build_connector() -> Result<Connector, Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // Requests are single small writes. Delaying them saves no packets.
    tcp.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| Error::Connect(Arc::new(error)))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp))
}

async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::protocol(
            "the response is larger than 16 MiB for each command",
        )),
        Err(error) => Err(Error::Transport(error.into())),
    }
}

fn connection_error(error: hyper_util::client::legacy::Error) -> Error {
    if error.is_connect() {
        Error::Connect(Arc::new(error))
    } else {
        Error::Transport(Arc::new(error))
    }
}
