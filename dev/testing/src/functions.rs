//! All functions of `api/` in one process.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

// `build.rs` writes this file: a module for each file under `api/`, and `routes`.
include!(concat!(env!("OUT_DIR"), "/api.rs"));

/// Serves `router` until the returned future is dropped.
///
/// # Errors
///
/// Never fails in practice, because axum retries a failed `accept`.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await
}
