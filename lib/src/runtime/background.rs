//! Work that goes on when the answer has been given, or the caller has gone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that can be moved to another task, its type hidden. The entry
/// points of this crate return it: an `async fn` would be compiled again in
/// each of the executables that call it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whatever keeps the invocation alive until a future is done.
pub type WaitUntil = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

tokio::task_local! {
    static WAIT_UNTIL: WaitUntil;
}

/// Runs `request` with `wait_until` at hand for all that it spawns.
pub async fn scope<T>(wait_until: WaitUntil, request: impl Future<Output = T>) -> T {
    WAIT_UNTIL.scope(wait_until, request).await
}

/// Runs `work` in a task of its own, to its end, whether or not the request
/// that began it still has a caller. On Vercel the invocation counts as
/// running until then.
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    match WAIT_UNTIL.try_with(Arc::clone) {
        Ok(wait_until) => wait_until(Box::pin(scope(wait_until.clone(), work))),
        Err(_) => drop(tokio::spawn(work)),
    }
}
