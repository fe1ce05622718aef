//! Serves a router on a local port.

use std::net::Ipv4Addr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server in this process, which stops when dropped.
pub struct LocalServer {
    pub url: String,
    task: JoinHandle<()>,
}

impl LocalServer {
    /// Serves a router on a free port.
    pub async fn start(router: Router) -> Self {
        let (listener, url) = Self::bind().await;
        Self::serve(listener, url, router)
    }

    /// Binds a free port, for a router that depends on the URL.
    pub async fn bind() -> (TcpListener, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    /// Serves a router on the result of [`LocalServer::bind`].
    pub fn serve(listener: TcpListener, url: String, router: Router) -> Self {
        let task = tokio::spawn(async move {
            sabor_testing::functions::serve(listener, router)
                .await
                .unwrap();
        });
        Self { url, task }
    }

    /// Stops the server.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.stop();
    }
}
