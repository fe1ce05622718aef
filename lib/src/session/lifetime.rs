//! How long sessions last: the idle timeout and the absolute timeout.

use std::time::Duration;

/// How long a session lasts.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetime {
    /// How long it lasts without use.
    pub idle: Duration,
    /// How long it lasts in total.
    pub absolute: Duration,
}

const DAY: u64 = 24 * 60 * 60;

impl SessionLifetime {
    /// 24 hours without use, 7 days in total.
    pub const DEFAULT: Self = Self {
        idle: Duration::from_secs(DAY),
        absolute: Duration::from_secs(7 * DAY),
    };
    /// 7 days without use, 30 days in total.
    pub const REMEMBERED: Self = Self {
        idle: Duration::from_secs(7 * DAY),
        absolute: Duration::from_secs(30 * DAY),
    };

    /// 30 days, with or without use. For sessions with a refresh token.
    pub const REFRESHED: Self = Self {
        idle: Duration::from_secs(30 * DAY),
        absolute: Duration::from_secs(30 * DAY),
    };

    /// Returns the lifetime of a cookie session.
    pub(crate) fn of_cookie(remembered: bool) -> Self {
        if remembered {
            Self::REMEMBERED
        } else {
            Self::DEFAULT
        }
    }
}
