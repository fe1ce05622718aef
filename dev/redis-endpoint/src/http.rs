//! The HTTP server: connections, requests, and what each mode does to them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::hold::HeldResponse;
use crate::mode::FaultMode;
use crate::protocol::{self, Commands};
use crate::reply::Encoding;
use crate::state::State;

/// Accepts connections until `stopped` resolves, then closes them all.
pub(crate) async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = state.connection_count.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(serve_connection(stream, number, Arc::clone(&state)));
                }
                // Probably out of file descriptors. Wait until some are closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, connection_number: u64, state: Arc<State>) {
    // Responses are single small writes. Delaying them saves no packets.
    _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(Arc::clone(&state), connection_number, request));
    // A failed connection affects only its client.
    _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Responds to one request. An error closes the connection without a response.
async fn respond(
    state: Arc<State>,
    connection_number: u64,
    request: Request<Incoming>,
) -> io::Result<Response<ResponseBody>> {
    let mode = state.mode();
    if !is_authorized(&state, &request) || mode == FaultMode::Unauthorized {
        return Ok(json(
            StatusCode::UNAUTHORIZED,
            protocol::render_error("Unauthorized"),
        ));
    }
    let encoding = match request.headers().get("upstash-encoding") {
        Some(value) if value.as_bytes() == b"base64" => Encoding::Base64,
        _ => Encoding::Text,
    };
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let Commands { kind, commands } = match Commands::parse(&head.method, &head.uri, &body) {
        Some(Ok(commands)) => commands,
        Some(Err(text)) => {
            return Ok(json(StatusCode::BAD_REQUEST, protocol::render_error(&text)));
        }
        None => {
            return Ok(json(
                StatusCode::NOT_FOUND,
                protocol::render_error("ERR no such path"),
            ));
        }
    };
    state
        .log()
        .add(connection_number, head.uri.path(), &commands);

    match mode {
        FaultMode::Silent => return std::future::pending().await,
        FaultMode::NotJson => return Ok(html_page()),
        _ => {}
    }
    let results = match state.try_hold(kind, &commands) {
        None => state.run(kind, &commands).await,
        Some(HeldResponse::Now(results)) => Ok(results),
        Some(HeldResponse::Later(results)) => results.await.map_err(io::Error::other)?,
        Some(HeldResponse::Disconnect) => {
            return Err(io::Error::other("connection closed by a hold"));
        }
    };
    let (status, body) = match results {
        Ok(results) => protocol::render(kind, &results, encoding),
        Err(text) => (StatusCode::BAD_REQUEST, protocol::render_error(&text)),
    };
    let mut response = json(status, body);
    match mode {
        FaultMode::Slow(time) => tokio::time::sleep(time).await,
        FaultMode::CutOff => response = response.map(ResponseBody::truncate),
        _ => {}
    }
    Ok(response)
}

fn is_authorized(state: &State, request: &Request<Incoming>) -> bool {
    match request.headers().get(AUTHORIZATION) {
        Some(value) => value.as_bytes() == state.authorization.as_bytes(),
        None => protocol::url_token(request.uri())
            .is_some_and(|token| format!("Bearer {token}") == state.authorization),
    }
}

fn json(status: StatusCode, body: String) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(Some(body.into())));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn html_page() -> Response<ResponseBody> {
    let html = Bytes::from_static(b"<html><body>Back soon</body></html>");
    let mut response = Response::new(ResponseBody::Whole(Some(html)));
    let content_type = HeaderValue::from_static("text/html");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A response body. A whole body is one frame, which hyper sends in one write with the
/// headers.
enum ResponseBody {
    Whole(Option<Bytes>),
    Cut(Cut),
}

/// The first half of a body whose `Content-Length` is `length`.
struct Cut {
    half: Option<Bytes>,
    length: u64,
    flushed: bool,
}

impl ResponseBody {
    /// Truncates the body to its first half.
    fn truncate(self) -> Self {
        let Self::Whole(Some(bytes)) = self else {
            return self;
        };
        Self::Cut(Cut {
            half: Some(bytes.slice(..bytes.len() / 2)),
            length: bytes.len() as u64,
            flushed: false,
        })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let cut = match &mut *self {
            Self::Whole(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Self::Cut(cut) => cut,
        };
        if let Some(half) = cut.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if cut.flushed {
            return Poll::Ready(Some(Err(io::Error::other("connection closed by the mode"))));
        }
        // While the body is pending, hyper writes the first half.
        cut.flushed = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, Bytes::len) as u64,
            Self::Cut(cut) => cut.length,
        })
    }
}
