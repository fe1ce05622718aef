//! A function as Vercel runs it: the only file that knows `vercel_runtime`.

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

/// What `main` of a function returns.
pub type Exit = ExitCode;

/// Serves one function until the platform ends it. A configuration that cannot
/// be used ends it at once, with one line that names the variable.
///
/// Neither generic nor `async`, so that it is compiled once and not again in
/// every executable.
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
    // One thread serves more than the two that there are to be had, starts
    // sooner and holds a fifth of the memory; hashing has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Not the sentence that a caller would read, but what is behind it.
        let app = App::new(config)
            .map_err(|error| crate::store::postgres::chain(error.source().unwrap_or(&error)))?;
        let under_way = TaskTracker::new();
        let service = Function {
            path: Arc::from(routes.path()),
            router: router(app.clone(), vec![routes]),
            under_way: under_way.clone(),
        };
        tokio::spawn(end_when_told(app.clone()));
        let outcome = vercel_runtime::run(service).await;
        // SIGTERM ends the runtime's loop, not what has been asked before it.
        under_way.close();
        under_way.wait().await;
        app.close().await;
        outcome
    })
}

/// The runtime hears of SIGTERM as well, and waits for all that is under way:
/// a stream would hold the process for most of a minute.
async fn end_when_told(app: App) {
    match signal(SignalKind::terminate()) {
        Ok(mut told) => {
            told.recv().await;
            app.end();
        }
        Err(error) => tracing::warn!(%error, "SIGTERM is not heard"),
    }
}

/// The adapter: one request in, one answer out, nothing copied on the way.
#[derive(Clone)]
struct Function {
    path: Arc<str>,
    router: Router,
    under_way: TaskTracker,
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
        let under_way = self.under_way.token();
        Box::pin(async move {
            let wait_until: WaitUntil = Arc::new(move |work| state.wait_until(work));
            let request = background::scope(wait_until.clone(), router.oneshot(request));
            let answer = request
                .await
                .unwrap_or_else(|never: Infallible| match never {});
            Ok(answer.map(|body| pass_through(body, &wait_until, under_way)))
        })
    }
}

/// Whatever address the browser asked for, this function is what was meant:
/// after a rewrite it still sees the address from before. Only a dynamic
/// segment is taken from there, or from the query, where the platform repeats
/// it, when the path has it in brackets or not at all.
fn own_uri(asked: &Uri, own: &str) -> Uri {
    let query = asked.query().unwrap_or_default();
    let path = match own.split_once('{') {
        None => own.to_owned(),
        Some((before, rest)) => {
            let name = rest.trim_end_matches('}');
            let in_path = asked
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

/// An answer whose body is not ready at once is sent in two writes, and the
/// second waits for the first to be acknowledged: the body keeps its length,
/// and is there when it is first asked for.
///
/// The platform takes an invocation for ended when its handler has returned.
/// A body of unknown length is a stream, which goes on after that, and keeps
/// the invocation until it ends.
fn pass_through(body: Body, wait_until: &WaitUntil, under_way: TaskTrackerToken) -> ResponseBody {
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
        ended: http_body::Body::is_end_stream(&body),
        body: SyncWrapper::new(body),
        _until_taken: (under_way, stream),
    }))
}

/// A body that may be shared between threads, as the platform's crate demands,
/// although nobody does.
struct PassThrough {
    body: SyncWrapper<Body>,
    size: SizeHint,
    ended: bool,
    /// They tell of the end by being dropped.
    _until_taken: (TaskTrackerToken, Option<oneshot::Sender<()>>),
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
            let length = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref());
            let left = self
                .size
                .exact()
                .zip(length)
                .map(|(left, data)| left - data.len() as u64);
            self.ended = frame.is_none() || left == Some(0);
            self.size = left.map_or_else(SizeHint::default, SizeHint::with_exact);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(asked: &str, path: &str) -> String {
        own_uri(&asked.parse().unwrap(), path).to_string()
    }

    #[test]
    fn a_rewritten_address_becomes_the_functions_own_and_keeps_its_query() {
        assert_eq!(own("/signup", "/api/auth/register"), "/api/auth/register");
        assert_eq!(
            own("/signup?a=b", "/api/auth/register"),
            "/api/auth/register?a=b"
        );
        assert_eq!(
            own("/api/auth/register", "/api/auth/register"),
            "/api/auth/register"
        );
    }

    #[test]
    fn a_dynamic_segment_is_read_from_the_path_or_else_from_the_query() {
        let path = "/api/sessions/{id}";
        assert_eq!(own("/api/sessions/7?id=7", path), "/api/sessions/7?id=7");
        assert_eq!(own("/api/sessions/[id]?id=7", path), "/api/sessions/7?id=7");
        assert_eq!(
            own("/api/sessions/%5Bid%5D?id=7", path),
            "/api/sessions/7?id=7"
        );
        assert_eq!(own("/elsewhere?x=1&id=7", path), "/api/sessions/7?x=1&id=7");
        assert_eq!(own("/api/sessions/", path), "/api/sessions/-");
    }
}
