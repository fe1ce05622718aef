//! The HTTP server: connections, requests, and the modes' part in answering.

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
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::endpoint::Shared;
use crate::faults::{Fate, Mode};
use crate::protocol::{self, Path};

/// Accepts connections until `stopped`; then they have all ended, too.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(converse(stream, number, Arc::clone(&shared)));
                }
                // Out of file descriptors: some come back with time.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn converse(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    // An answer is one small write, and nothing is gained by holding it back.
    _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), number, request));
    // However it ends, there is nobody to tell.
    _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Answers one request. An error ends the connection without an answer.
async fn answer(
    shared: Arc<Shared>,
    connection: u64,
    request: Request<Incoming>,
) -> io::Result<Response<Answer>> {
    let mode = shared.mode();
    let authorization = request.headers().get(AUTHORIZATION);
    let known =
        authorization.is_some_and(|value| value.as_bytes() == shared.authorization.as_bytes());
    if !known || mode == Mode::Unauthorized {
        return Ok(json(
            StatusCode::UNAUTHORIZED,
            protocol::error("Unauthorized"),
        ));
    }
    let Some(path) = Path::parse(request.uri().path()).filter(|_| request.method() == Method::POST)
    else {
        return Ok(json(
            StatusCode::NOT_FOUND,
            protocol::error("ERR no such path"),
        ));
    };
    let name = request.uri().path().to_owned();
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?;
    let commands = match protocol::parse(path, &body.to_bytes()) {
        Ok(commands) => commands,
        Err(text) => return Ok(json(StatusCode::BAD_REQUEST, protocol::error(&text))),
    };
    shared.log().add(connection, &name, &commands);

    match mode {
        Mode::Silent => return std::future::pending().await,
        Mode::NotJson => return Ok(page()),
        _ => {}
    }
    let replies = match shared.catch(path, &commands) {
        None => shared.run(path, &commands).await,
        Some(Fate::Now(replies)) => Ok(replies),
        Some(Fate::Later(replies)) => replies.await.map_err(io::Error::other)?,
        Some(Fate::CutOff) => return Err(io::Error::other("cut off")),
    };
    let (status, body) = match replies {
        Ok(replies) => protocol::render(path, &replies),
        Err(text) => (StatusCode::BAD_REQUEST, protocol::error(&text)),
    };
    let mut response = json(status, body);
    match mode {
        Mode::Slow(time) => tokio::time::sleep(time).await,
        Mode::CutOff => response = response.map(Answer::cut),
        _ => {}
    }
    Ok(response)
}

fn json(status: StatusCode, body: String) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(Some(body.into())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn page() -> Response<Answer> {
    let html = Bytes::from_static(b"<html><body>Back soon</body></html>");
    let mut response = Response::new(Answer::Whole(Some(html)));
    let html = HeaderValue::from_static("text/html");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// A body in one frame, which goes out in one write with its head.
enum Answer {
    Whole(Option<Bytes>),
    Cut(Cut),
}

/// The first half of a body that was announced as `length` bytes.
struct Cut {
    half: Option<Bytes>,
    length: u64,
    flushed: bool,
}

impl Answer {
    fn cut(self) -> Self {
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

impl Body for Answer {
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
            return Poll::Ready(Some(Err(io::Error::other("cut off"))));
        }
        // hyper writes out what it has before it asks again.
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
