//! Sign-in with the demo account. It works while Postgres and Redis are down, because its
//! cookie contains the session. The account can read what every member may read, except the
//! state of a second factor, and cannot change anything.

use crate::App;
use crate::http::{CookiePurpose, SetCookie};
use crate::identity::sign_in::{Login, SignInBody, SignInResponse};
use crate::session::demo::{LIFETIME, user};

pub use crate::session::demo::EMAIL;

/// The password of the demo account.
pub const PASSWORD: &str = "password123";

/// Signs in with the demo account. Returns `None` if the credentials are not those of the
/// demo account, or if it is not enabled.
///
/// The session lasts fifteen minutes. Its cookie contains `demo.<end>.<signature>`. The
/// cookie of a stored session contains `<hex>.<signature>`, so the two cannot be confused.
pub fn sign_in(app: &App, login: &Login) -> Option<SignInResponse> {
    if !app.config().demo_account || !login.matches(EMAIL, PASSWORD) {
        return None;
    }
    let ends_ms = app.clock().now_ms() + LIFETIME.as_millis() as i64;
    let record = format!("demo.{ends_ms}");
    let value = format!("{record}.{}", app.demo_signer().sign(&record));
    let cookie = SetCookie::new(app, CookiePurpose::Session, &value, None);
    let body = SignInBody::new(user(app.clock().now()), None);
    Some(SignInResponse::new(vec![cookie], body))
}
