// A member for staff, in English.

import cancelBooking from "./cancel-booking.en.ts";
import full from "./full-class.en.ts";
import staff from "./staff.en.ts";
import till from "./till.en.ts";
import waive from "./waive-fee.en.ts";

const texts = {
  title: "Member",
  back: "All members",
  failed: "The member could not be loaded.",
  unknown: "No active member has this address. The account may be deactivated.",
  since: (day: string) => `Member since ${day}`,
  unconfirmed: "E-mail not confirmed",
  book: "Book a class",
  bookTitle: (name: string) => `Book a class for ${name}`,
  bookDay: "Day",
  bookClass: "Choose a class to book it",
  classesFailed: "The classes could not be loaded.",
  noClasses: "No class can be booked on this day.",
  spots: (count: number) => (count === 1 ? "1 spot" : `${count} spots`),
  fullClass: "full",
  booked: (title: string) => `${title} is booked.`,
  waiting: (title: string) => `${title}: on the waitlist.`,
  bookings: "Bookings",
  which: "Which bookings",
  upcoming: "Upcoming",
  past: "Past",
  bookingsFailed: "The bookings could not be loaded.",
  noUpcoming: "No class is booked.",
  noPast: "This member has not been here yet.",
  bookingColumns: { class: "Class", when: "When", status: "Booking", payment: "Payment" },
  statuses: { booked: "Booked", waitlisted: "On the waitlist", cancelled: "Cancelled", attended: "Attended", no_show: "Did not come" } as Readonly<Record<string, string>>,
  late: "late",
  owes: (amount: string) => `Owes ${amount}`,
  takePayment: "Take the payment",
  unpaid: (price: string) => `Unpaid ${price}`,
  given: "Given by the studio",
  /** The credit of a booking that was cancelled in time. */
  returnedTo: (pass: string) => `Returned to “${pass}”`,
  roster: "Open the roster",
  notes: "Read the medical notes",
  notesTitle: (name: string) => `Medical notes of ${name}`,
  notesText: "What a member wrote here is private. That you read it is recorded with your name.",
  notesAction: "Read them",
  noNotes: "There are no medical notes.",
  unreadableNotes: "There are medical notes that cannot be read any longer. Ask the member.",
  actionsOf: (title: string, when: string) => `More for ${title}, ${when}`,
  payments: "Payments",
  paymentsFailed: "The payments could not be loaded.",
  noPayments: "No payments.",
  paymentColumns: { class: "Class", date: "Created", amount: "Amount", status: "Status" },
  cancelBooking,
  full,
  staff,
  till,
  waive,
};

export type StaffMemberTexts = typeof texts;
export default texts;
