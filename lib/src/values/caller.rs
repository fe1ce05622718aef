//! The caller of a request.

use std::net::{IpAddr, Ipv4Addr};

use super::locale::Locale;

/// The client that sends a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its IP address.
    pub address: IpAddr,
    /// Its `User-Agent`, cut to 512 characters.
    pub user_agent: Option<String>,
    /// The language of the site that it prefers (`Accept-Language`). `None` if it prefers none.
    pub locale: Option<Locale>,
}

impl Caller {
    /// Creates the caller of work that no request started, such as the scheduled cleanup.
    /// Its address is `127.0.0.1`.
    pub fn internal() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            user_agent: None,
            locale: None,
        }
    }
}
