//! The proof that a member has authenticated.

use uuid::Uuid;

/// The proof that a member has authenticated. It becomes invalid when the member's
/// `session_epoch` changes.
#[derive(Clone, Debug)]
pub struct AuthenticationProof {
    /// The member.
    pub user_id: Uuid,
    /// The member's `session_epoch` at the time of the proof.
    pub epoch: i32,
    /// How the member authenticated: `password`, or the name of a provider.
    pub method: String,
}

impl AuthenticationProof {
    /// Creates the proof of a member whose account was just created.
    pub fn for_new_member(user_id: Uuid, method: &str) -> Self {
        Self {
            user_id,
            epoch: 0,
            method: method.to_owned(),
        }
    }
}
