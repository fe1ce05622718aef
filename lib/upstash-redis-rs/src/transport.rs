//! HTTP: connections, the deadline, and what each status means.
//!
//! Nothing here is generic: many executables link this crate, and generic or
//! `async fn` bodies would be compiled again in each of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::{Answering, Error, response};

/// How long a connection may lie idle and still be used. Upstash keeps one
/// longer; what lies between may close it earlier, and a new one costs little.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

type Connector = HttpsConnector<HttpConnector>;
type HttpClient = Client<Connector, Full<Bytes>>;

/// Which of the protocol's three paths a request goes to.
#[derive(Clone, Copy)]
pub(crate) enum Path {
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
}

/// The connections, and when one was last asked for.
struct Pool {
    client: HttpClient,
    asked: SystemTime,
    idle_limit: Duration,
}

impl Transport {
    pub(crate) fn new(url: &str, token: &str) -> Result<Self, Error> {
        let base: Uri = url.parse().map_err(|_| Error::InvalidUrl("is no URL"))?;
        let tls = match base.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => {
                return Err(Error::InvalidUrl(
                    "begins with neither https:// nor http://",
                ));
            }
        };
        // A password in the URL would be shown by `Debug`, and means nothing here.
        if base
            .authority()
            .is_none_or(|host| host.as_str().contains('@'))
            || base.query().is_some()
        {
            return Err(Error::InvalidUrl(
                "is more than a scheme, a host and a path",
            ));
        }
        let url = url.trim_end_matches('/').to_owned();
        let at = |path| {
            let uri = format!("{url}{path}").parse();
            uri.map_err(|_| Error::InvalidUrl("takes no path"))
        };

        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let mut authorization = bearer.map_err(|_| Error::InvalidToken)?;
        authorization.set_sensitive(true);

        let connector = connector(tls)?;
        Ok(Self {
            single: at("")?,
            pipeline: at("/pipeline")?,
            multi_exec: at("/multi-exec")?,
            pool: Mutex::new(Pool::new(&connector, IDLE_LIMIT)),
            url,
            authorization,
            connector,
        })
    }

    pub(crate) fn set_idle_limit(&self, limit: Duration) {
        *self.pool() = Pool::new(&self.connector, limit);
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends one request and gives the body of a good answer.
    ///
    /// Whether the deadline passes or the caller drops the future, the exchange
    /// is dropped with it, and hyper closes the connection that it was on.
    pub(crate) fn execute(
        self: Arc<Self>,
        path: Path,
        body: String,
        deadline: Duration,
    ) -> Answering<Bytes> {
        Box::pin(async move {
            tokio::time::timeout(deadline, self.exchange(path, body))
                .await
                .map_err(|_| Error::Deadline(deadline))?
        })
    }

    async fn exchange(&self, path: Path, body: String) -> Result<Bytes, Error> {
        let response = self.client().request(self.request(path, body)).await;
        let (head, body) = response.map_err(connection_error)?.into_parts();
        let body = read(body).await?;
        match head.status {
            StatusCode::OK => Ok(body),
            StatusCode::UNAUTHORIZED => Err(Error::Unauthorized),
            StatusCode::BAD_REQUEST => {
                response::one(&body)?;
                Err(Error::protocol("a result with HTTP status 400"))
            }
            other => Err(Error::Protocol(format!("HTTP status {}", other.as_u16()))),
        }
    }

    fn request(&self, path: Path, body: String) -> Request<Full<Bytes>> {
        let uri = match path {
            Path::Single => &self.single,
            Path::Pipeline => &self.pipeline,
            Path::MultiExec => &self.multi_exec,
        };
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// The client, with a fresh pool after a pause longer than the idle limit.
    ///
    /// The pool judges idleness too, each connection by itself, but by a clock
    /// that may stand still while the instance is frozen; and no freeze longer
    /// than the limit can fall between two requests without such a pause.
    fn client(&self) -> HttpClient {
        let now = SystemTime::now();
        let mut pool = self.pool();
        // A clock that was set back tells nothing: begin afresh.
        let pause = now.duration_since(pool.asked).unwrap_or(Duration::MAX);
        if pause > pool.idle_limit {
            *pool = Pool::new(&self.connector, pool.idle_limit);
        }
        pool.asked = now;
        pool.client.clone()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn new(connector: &Connector, idle_limit: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(idle_limit)
            .pool_timer(TokioTimer::new())
            // Only what was certainly not written goes out again.
            .retry_canceled_requests(true)
            .build(connector.clone());
        Self {
            client,
            asked: SystemTime::now(),
            idle_limit,
        }
    }
}

/// Public roots are loaded for https alone; plain http shares the type.
fn connector(tls: bool) -> Result<Connector, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Connect(error.into()))?;
    let config = if tls {
        config.with_webpki_roots()
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // A request is one small write, and nothing is gained by holding it back.
    tcp.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp))
}

async fn read(body: Incoming) -> Result<Bytes, Error> {
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::protocol("an answer of more than 16 MiB"))
        }
        Err(error) => Err(Error::Transport(error)),
    }
}

fn connection_error(error: hyper_util::client::legacy::Error) -> Error {
    if error.is_connect() {
        Error::Connect(error.into())
    } else {
        Error::Transport(error.into())
    }
}
