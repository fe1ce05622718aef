//! Mail to members and to the studio.
//!
//! A mail is written into the outbox in the transaction that causes it, and is sent
//! after the commit.

mod account;
mod booking;
mod contact;
mod delivery;
mod message;
mod notice;
mod policy;
mod send_queue;
mod transport;

pub use self::delivery::{SendSummary, send_due, send_due_soon};
pub use self::notice::{
    Access, Link, Notice, NoticeKind, notify, notify_account_exists, notify_address, send_link,
};
pub(crate) use self::send_queue::SendQueue;
