//! The layer around the routes, which every request passes.
//!
//! It is one service, because each layer of axum boxes its future and clones the services
//! within it, for every request.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::Method;
use http::header::ORIGIN;
use tower::{Layer, Service};

use super::error_response::panic_response;
use super::origin::{self, Cors};
use super::response::RequestInfo;
use super::routes::Routes;
use crate::App;
use crate::error::Error;
use crate::runtime::background::{self, BoxFuture};

/// Wraps routes in a [`RequestService`].
#[derive(Clone)]
pub(super) struct RequestLayer {
    app: App,
    cors: Arc<Cors>,
    /// The paths that accept requests from every origin.
    any_origin_paths: Arc<[String]>,
}

impl RequestLayer {
    pub(super) fn new(app: App, routes: &[Routes]) -> Self {
        let cors = Arc::new(Cors::new(app.config()));
        let any_origin_paths = origin::any_origin_paths(routes);
        Self {
            app,
            cors,
            any_origin_paths,
        }
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, routes: S) -> RequestService<S> {
        RequestService {
            layer: self.clone(),
            routes,
        }
    }
}

/// Answers a request through its route, and completes the response.
#[derive(Clone)]
pub(super) struct RequestService<S> {
    layer: RequestLayer,
    routes: S,
}

impl<S> Service<Request> for RequestService<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>,
    S: Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.routes.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The routes of this service are ready, and those of its clone may not be.
        let clone = self.clone();
        let service = std::mem::replace(self, clone);
        Box::pin(async move {
            if request.method().is_safe() {
                return Ok(service.handle(request).await);
            }
            // A request that may change data is completed even if the caller disconnects. A
            // password change or a revocation must not stop halfway.
            let response = background::run_to_end(service.handle(request)).await;
            Ok(response.unwrap_or_else(|| Error::internal("a request panicked").into_response()))
        })
    }
}

impl<S> RequestService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    /// Returns the complete response, and logs it.
    async fn handle(self, request: Request) -> Response {
        let Self { layer, routes } = self;
        let info = RequestInfo::of(&request);
        let origin = request.headers().get(ORIGIN).cloned();
        let mut response = if request.method() == Method::OPTIONS {
            layer.cors.preflight(origin)
        } else {
            let mut response = layer.respond(routes, request).await;
            layer.cors.add_headers(origin, response.headers_mut());
            response
        };
        let error = info.complete(&mut response);
        layer.app.counters().write_when_due();
        info.log(response.status(), error.as_deref());
        response
    }
}

impl RequestLayer {
    /// Returns the response of the route, unless the request comes from a foreign origin.
    async fn respond<S>(&self, mut routes: S, request: Request) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        let response = AssertUnwindSafe(async move {
            match origin::check(&self.app, &self.any_origin_paths, &request) {
                Ok(()) => routes.call(request).await,
                Err(error) => Ok(error.into_response()),
            }
        });
        match response.catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(cause) => panic_response(cause),
        }
    }
}
