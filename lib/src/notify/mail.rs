//! E-mails to members and to the studio.
//!
//! An e-mail that reports a change is queued in the outbox in the same transaction as the
//! change, and is sent after the commit.

mod account;
mod booking;
mod contact;
mod delivery;
mod english;
mod membership;
mod message;
mod notice;
mod order;
mod pass;
mod policy;
mod receipt;
mod refund;
mod send_queue;
mod spanish;
mod texts;
mod transport;
mod unsubscribe;

pub use self::delivery::{SendSummary, send_due, send_due_in_background};
pub use self::notice::{
    Access, AccessWay, Link, Notice, NoticeKind, notify, notify_account_exists, notify_address,
    send_link,
};
pub(crate) use self::send_queue::SendQueue;
pub use self::unsubscribe::{unsubscribe, unsubscribe_page_url};
