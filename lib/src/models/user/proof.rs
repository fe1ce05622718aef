//! The proof of who somebody is.

use uuid::Uuid;

/// A proof of who somebody is, made under an epoch: when that has passed, the
/// proof is worth nothing any more.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Who it is.
    pub user_id: Uuid,
    /// The member's `session_epoch` when it was proved.
    pub epoch: i32,
    /// How it was proved: `password`, or a provider's name.
    pub method: String,
}

impl Proof {
    /// Of somebody whose account has been made just now.
    pub fn of_new(user_id: Uuid, method: &str) -> Self {
        Self {
            user_id,
            epoch: 0,
            method: method.to_owned(),
        }
    }
}
