//! SQL about sessions that other statements share. The statements themselves
//! are in [`crate::session`].

/// Whether session `s` of user `u` is active: it has not expired, and it is
/// anonymous or belongs to an active member and to the member's current epoch.
macro_rules! session_alive {
    () => {
        "s.expires_at > now()
           and (s.user_id is null or (u.is_active and u.session_epoch = s.epoch))"
    };
}

pub(crate) use session_alive;
