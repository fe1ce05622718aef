//! The SQL condition for an active session, which statements in several modules share.

/// The SQL condition that session `s` is active: it has not expired, and it is
/// anonymous or belongs to an active member and has the member's current
/// `session_epoch`. `u` is the session's row of `users`, joined with a left join.
macro_rules! session_is_active {
    () => {
        "s.expires_at > now()
           and (s.user_id is null or (u.is_active and u.session_epoch = s.epoch))"
    };
}

pub(crate) use session_is_active;
