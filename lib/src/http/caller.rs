//! The extractor for [`Caller`].

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::HeaderMap;
use http::header::USER_AGENT;
use http::request::Parts;

use super::accept::accepted_locale;
use crate::App;
use crate::values::caller::Caller;

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .map(|text| text.chars().filter(|c| !c.is_control()).take(512).collect());
        Ok(Self {
            address: address(parts, app.config().on_vercel),
            user_agent,
            locale: accepted_locale(&parts.headers),
        })
    }
}

/// Returns the caller's address. Vercel's headers are trusted only on Vercel, which
/// overwrites them. Elsewhere, a caller could set them to evade the rate limit.
fn address(parts: &Parts, on_vercel: bool) -> IpAddr {
    let forwarded = on_vercel.then(|| forwarded(&parts.headers)).flatten();
    let socket = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    forwarded
        .or(socket.map(|ConnectInfo(socket)| socket.ip()))
        // A function's executable outside Vercel has neither. It listens only on the loopback
        // address.
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let first_address = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?;
        text.split(',').next()?.trim().parse().ok()
    };
    first_address("x-real-ip").or_else(|| first_address("x-forwarded-for"))
}

#[cfg(test)]
mod properties {
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::header_value;

    fn request_parts(headers: &[(&'static str, &HeaderValue)], socket: IpAddr) -> Parts {
        let mut parts = Request::new(()).into_parts().0;
        for (name, value) in headers {
            parts.headers.append(*name, (*value).clone());
        }
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::new(socket, 1)));
        parts
    }

    proptest! {
        #[test]
        fn outside_vercel_no_header_changes_the_address(
            value in header_value(), ip in any::<IpAddr>(), socket in any::<IpAddr>(),
        ) {
            let valid = HeaderValue::from_str(&ip.to_string()).unwrap();
            for value in [&value, &valid] {
                let parts = request_parts(&[("x-real-ip", value), ("x-forwarded-for", value)], socket);
                assert_eq!(address(&parts, false), socket);
            }
        }

        #[test]
        fn on_vercel_the_first_forwarded_address_is_used(
            value in header_value(), ip in any::<IpAddr>(), next in any::<IpAddr>(), socket in any::<IpAddr>(),
        ) {
            let forwarded_for = HeaderValue::from_str(&format!(" {ip} , {next}")).unwrap();
            let real_ip = HeaderValue::from_str(&next.to_string()).unwrap();
            let parts = request_parts(&[("x-forwarded-for", &forwarded_for)], socket);
            assert_eq!(address(&parts, true), ip);
            let parts = request_parts(&[("x-forwarded-for", &forwarded_for), ("x-real-ip", &real_ip)], socket);
            assert_eq!(address(&parts, true), next);
            let is_invalid = value.to_str().is_ok_and(|text| text.parse::<IpAddr>().is_err());
            if is_invalid && !value.as_bytes().contains(&b',') {
                let parts = request_parts(&[("x-forwarded-for", &value), ("x-real-ip", &value)], socket);
                assert_eq!(address(&parts, true), socket);
            }
        }
    }
}
