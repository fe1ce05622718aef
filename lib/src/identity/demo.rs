//! The development account that needs no store: it signs in when Postgres and
//! Redis are down, looks at what every member may look at, and changes nothing.

use crate::App;
use crate::http::{CookiePurpose, SetCookie};
use crate::identity::sign_in::{Login, Welcome};
use crate::session::demo::{LIFE, user};

pub use crate::session::demo::EMAIL;

/// The password of the demo account.
pub const PASSWORD: &str = "password123";

/// Signs in as it, if that is what somebody wants and may here; else `None`.
///
/// Its record is good for fifteen minutes from now: `demo.<end>.<signature>`. A
/// session's cookie has one dot and hex before it, so neither can be taken for
/// the other.
pub fn sign_in(app: &App, login: &Login) -> Option<Welcome> {
    if !app.config().demo_account || !login.is_of(EMAIL, PASSWORD) {
        return None;
    }
    let ends_ms = app.clock().now_ms() + LIFE.as_millis() as i64;
    let record = format!("demo.{ends_ms}");
    let value = format!("{record}.{}", app.demo_signer().sign(&record));
    let cookie = SetCookie::new(app, CookiePurpose::Session, &value, LIFE);
    Some(Welcome::with_cookie(cookie, user(app.clock().now())))
}
