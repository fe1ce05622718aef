//! Courses: several classes that a member buys together.
//!
//! A course is a product. Its classes are the occurrences that carry its id, and a spot in it is a
//! booking of each class that is upcoming when it is bought. An order says what was paid, and each
//! booking has its share of that.

mod booking;
mod classes;
mod dispute;
mod list;
mod locks;
mod refund;
mod release;
mod shares;
mod single_payments;

pub(crate) use self::booking::has_upcoming;
pub(in crate::models) use self::booking::{book, price_now};
pub use self::classes::{CLASSES_MAX, CourseClasses, set_classes};
pub(in crate::models) use self::dispute::{make_paid, make_unpaid};
pub use self::list::{Course, CourseClass, CourseMember, find, list_members, list_upcoming};
pub(in crate::models) use self::locks::{lock_for_purchase, lock_of_orders};
pub use self::refund::{find_unrefunded, refund_cancelled_classes};
pub(in crate::models) use self::refund::{refund_cancelled_bookings, refund_shares_of_orders};
pub(in crate::models) use self::release::{ReleasedSpots, release_lines, release_unpaid};
