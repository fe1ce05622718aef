//! The adapter between a function's routes and Vercel's Rust runtime.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use http::Uri;
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Frame, SizeHint};
use sync_wrapper::SyncWrapper;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::{Service, ServiceExt};
use vercel_runtime::{AppState, Request, Response, ResponseBody};

use crate::http::{Routes, router};
use crate::runtime::background;
use crate::runtime::background::{BoxFuture, WaitUntil};
use crate::runtime::log;
use crate::{App, Config};

/// The return type of a function's `main`.
pub type Exit = ExitCode;

/// Serves a function until the platform stops it. If the configuration is invalid, it
/// exits at once and prints one line that names the variable.
///
/// It is neither generic nor `async`, so that it is compiled once and not in every
/// executable.
pub fn serve(routes: Routes) -> Exit {
    match run(routes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sabor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(routes: Routes) -> Result<(), vercel_runtime::Error> {
    let config = Config::from_env()?;
    log::start(config.development);
    // One thread is faster than two here, starts sooner, and needs a fifth of the
    // memory. Password hashing runs on other threads.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // The message of the error itself is for callers, and leaves out the cause.
        let app = App::new(config)
            .map_err(|error| crate::error::chain(error.source().unwrap_or(&error)))?;
        let in_progress = TaskTracker::new();
        let service = Function {
            path: Arc::from(routes.path()),
            router: router(app.clone(), vec![routes]),
            in_progress: in_progress.clone(),
        };
        tokio::spawn(shut_down_on_sigterm(app.clone()));
        let outcome = vercel_runtime::run(service).await;
        // After SIGTERM, the runtime does not wait for background tasks that the
        // remaining requests spawn, so they are awaited here.
        in_progress.close();
        in_progress.wait().await;
        app.close().await;
        outcome
    })
}

/// Ends event streams on SIGTERM. The runtime waits for requests in progress, and
/// a stream would delay the exit by up to a minute.
async fn shut_down_on_sigterm(app: App) {
    match signal(SignalKind::terminate()) {
        Ok(mut sigterm) => {
            sigterm.recv().await;
            app.shut_down();
        }
        Err(error) => tracing::warn!(%error, "failed to listen for SIGTERM"),
    }
}

/// The adapter from Vercel's request and response types to the router's.
#[derive(Clone)]
struct Function {
    path: Arc<str>,
    router: Router,
    in_progress: TaskTracker,
}

impl Service<(AppState, Request)> for Function {
    type Response = Response<ResponseBody>;
    type Error = vercel_runtime::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (state, request): (AppState, Request)) -> Self::Future {
        let router = self.router.clone();
        let (mut parts, body) = request.into_parts();
        parts.uri = own_uri(&parts.uri, &self.path);
        let request = http::Request::from_parts(parts, Body::new(body));
        let request_token = self.in_progress.token();
        let in_progress = self.in_progress.clone();
        Box::pin(async move {
            let wait_until: WaitUntil =
                Arc::new(move |work| state.wait_until(in_progress.track_future(work)));
            let response = background::scope(wait_until.clone(), router.oneshot(request))
                .await
                .unwrap_or_else(|never: Infallible| match never {});
            Ok(response.map(|body| pass_through(body, &wait_until, request_token)))
        })
    }
}

/// Returns the URI of a request with the function's own path. After a rewrite, a request
/// still has the path that the client has requested. The dynamic segment is read from this
/// path. If the path does not contain the segment, or contains the name of the segment in
/// brackets, the segment is read from the query, where the platform repeats it. A missing
/// segment becomes `-`.
fn own_uri(requested: &Uri, own_path: &str) -> Uri {
    // Most requests have this path already.
    if requested.path() == own_path && requested.authority().is_none() {
        return requested.clone();
    }
    let query = requested.query().unwrap_or_default();
    let path = match own_path.split_once('{') {
        None => own_path.to_owned(),
        Some((before, rest)) => {
            let name = rest.trim_end_matches('}');
            let in_path = requested
                .path()
                .strip_prefix(before)
                .filter(|segment| !segment.is_empty() && !segment.contains(['/', '[']))
                .filter(|segment| !segment.starts_with("%5B"));
            let in_query = || {
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
            };
            let segment = in_path.or_else(in_query).unwrap_or("-");
            format!("{before}{segment}")
        }
    };
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{path}{separator}{query}")
        .parse()
        .unwrap_or_else(|_| Uri::from_static("/"))
}

/// Wraps the body of a response and keeps its length. The wrapped body is ready as early as
/// the body itself. If it were ready later, it would be sent in a second write, which would
/// wait for an acknowledgment of the first write.
///
/// The platform ends an invocation when the handler returns. A body of unknown
/// length is a stream, and keeps the invocation alive until the stream ends.
fn pass_through(
    body: Body,
    wait_until: &WaitUntil,
    request_token: TaskTrackerToken,
) -> ResponseBody {
    let size = http_body::Body::size_hint(&body);
    let stream = size.exact().is_none().then(|| {
        let (sender, ended) = oneshot::channel();
        wait_until(Box::pin(async move {
            let _ = ended.await;
        }));
        sender
    });
    ResponseBody(BoxBody::new(PassThrough {
        size,
        has_ended: http_body::Body::is_end_stream(&body),
        body: SyncWrapper::new(body),
        _until_consumed: (request_token, stream),
    }))
}

/// A body that is `Sync`, as `vercel_runtime` requires.
struct PassThrough {
    body: SyncWrapper<Body>,
    size: SizeHint,
    has_ended: bool,
    /// Dropped when the body is consumed, which marks the request as completed.
    _until_consumed: (TaskTrackerToken, Option<oneshot::Sender<()>>),
}

impl http_body::Body for PassThrough {
    type Data = Bytes;
    type Error = vercel_runtime::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let body = Pin::new(self.body.get_mut());
        let polled = http_body::Body::poll_frame(body, context).map_err(Into::into);
        if let Poll::Ready(frame) = &polled {
            let data = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref());
            let remaining = self
                .size
                .exact()
                .zip(data)
                .map(|(size, data)| size - data.len() as u64);
            self.has_ended = frame.is_none() || remaining == Some(0);
            self.size = remaining.map_or_else(SizeHint::default, SizeHint::with_exact);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(requested: &str, path: &str) -> String {
        own_uri(&requested.parse().unwrap(), path).to_string()
    }

    #[test]
    fn a_rewritten_request_gets_the_path_of_the_function_and_keeps_its_query() {
        assert_eq!(
            resolve("/signup", "/api/auth/register"),
            "/api/auth/register"
        );
        assert_eq!(
            resolve("/signup?a=b", "/api/auth/register"),
            "/api/auth/register?a=b"
        );
        assert_eq!(
            resolve("/api/auth/register", "/api/auth/register"),
            "/api/auth/register"
        );
    }

    #[test]
    fn a_dynamic_segment_is_read_from_the_path_or_the_query() {
        let path = "/api/sessions/{id}";
        assert_eq!(
            resolve("/api/sessions/7?id=7", path),
            "/api/sessions/7?id=7"
        );
        assert_eq!(
            resolve("/api/sessions/[id]?id=7", path),
            "/api/sessions/7?id=7"
        );
        assert_eq!(
            resolve("/api/sessions/%5Bid%5D?id=7", path),
            "/api/sessions/7?id=7"
        );
        assert_eq!(
            resolve("/elsewhere?x=1&id=7", path),
            "/api/sessions/7?x=1&id=7"
        );
        assert_eq!(resolve("/api/sessions/", path), "/api/sessions/-");
    }
}
