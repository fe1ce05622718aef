//! Bookings: a member's spot in an occurrence, or on its waitlist.
//!
//! A transaction that changes the status of a booking or its payment locks the
//! occurrence first, and then the booking or the payment. Transactions for the same
//! occurrence therefore run one after another.

mod attendance;
mod cancellation;
mod creation;
mod errors;
mod moving;
mod pass_locks;
mod roster;
mod row;
mod waitlist;

pub use self::attendance::{
    Attendance, CheckInAuthor, CheckInOutcome, CheckInRejection, CheckInResult, CheckInToUndo,
    check_in_all, lock_for_check_in, record_attendance, undo_all_check_ins,
};
pub(in crate::models) use self::attendance::{CHECK_IN_OPENS, undo_check_ins};
pub use self::cancellation::{Cancellation, CancelledBy, cancel, cancel_all_of};
pub use self::creation::{CreatedBooking, NewBooking, PayWith, create};
pub(in crate::models) use self::creation::{OVERLAPPING_BOOKING, TOO_MANY_UNPAID_BOOKINGS};
pub(in crate::models) use self::errors::{
    CLASS_CANCELLED, CLASS_OVER, CLASS_STARTED, PASS_NOT_USABLE,
};
pub use self::moving::move_to;
pub(in crate::models) use self::pass_locks::lock_passes;
pub use self::roster::{
    MedicalNotes, RosterEntry, SpotCoverage, Today, find_medical_notes, list_roster,
};
pub use self::row::{
    Booking, BookingCourse, BookingFilter, BookingPass, BookingStatus, LastPayment, find,
    late_cancellation_fee, list_earliest_first, list_past,
};
pub(in crate::models) use self::row::{amount_due, course_refund, lock_occurrence, owes_fee};
pub use self::waitlist::promote;
