//! Background work that continues after the response is sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

/// A boxed future. The functions that `api/` calls return it, because each
/// executable would compile the body of an `async fn` again.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A function that keeps the invocation alive until a future completes.
pub type WaitUntil = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

tokio::task_local! {
    static WAIT_UNTIL: WaitUntil;
}

/// Runs `request`. The tasks that it spawns keep the invocation alive through
/// `wait_until`.
pub async fn scope<T>(wait_until: WaitUntil, request: impl Future<Output = T>) -> T {
    WAIT_UNTIL.scope(wait_until, request).await
}

/// Spawns a task that runs `work` to completion, even if the caller disconnects. On
/// Vercel, the invocation stays alive until then.
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    match WAIT_UNTIL.try_with(Arc::clone) {
        Ok(wait_until) => wait_until(Box::pin(scope(wait_until.clone(), work))),
        Err(_) => drop(tokio::spawn(work)),
    }
}

/// Runs `work` as [`spawn`] does, and returns its result. Returns `None` if `work`
/// panics.
pub async fn run_to_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    spawn(async move {
        // The caller may have disconnected.
        let _ = sender.send(work.await);
    });
    receiver.await.ok()
}
