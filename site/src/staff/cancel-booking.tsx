// The dialog that cancels a booking for a member.

import { TextArea } from "../components/form.tsx";
import type { CancelBookingTexts } from "../texts/cancel-booking.en.ts";
import { say } from "../tools/action.ts";
import { formatPrice } from "../tools/time.ts";
import { changeBooking } from "./bookings.ts";
import { FormDialog } from "./dialogs.tsx";

interface CourseOfBooking {
  name: string;
  /** Whether its order is paid. */
  isPaid: boolean;
  /** Whether the studio has changed the class, so that its share is refunded in any case. */
  isRefundable: boolean;
  /** Whether nothing but the course pays for the spot. During a dispute, the member or a pass pays. */
  pays: boolean;
}

interface Props {
  t: CancelBookingTexts;
  bookingId: string;
  /** The name of the member. */
  name: string;
  /** The class and its time, where the page does not say it. */
  what?: string;
  isWaiting: boolean;
  isPaid: boolean;
  /** What a late cancellation costs. */
  fee: string;
  currency: string;
  /** The name of the pass that pays. */
  passName?: string | null | undefined;
  /** The course that the booking is part of. */
  course?: CourseOfBooking | null | undefined;
  freeCancellationUntil: string | null;
  onClose: () => void;
  onCancel: () => unknown;
}

/**
 * Cancels a booking. When it is late, staff choose by one tap what follows. If a paid course pays,
 * they choose whether its share is refunded, unless it is refunded in any case.
 */
export function CancelBookingDialog({ t, bookingId, name, what, isWaiting, isPaid, fee, currency, passName, course, freeCancellationUntil, onClose, onCancel }: Props) {
  const amount = formatPrice(fee, currency);
  const isLate = !isWaiting && freeCancellationUntil !== null && Date.parse(freeCancellationUntil) <= Date.now();
  const late = Number(fee) === 0 ? (passName ? t.latePass(passName) : t.lateFree) : isPaid ? t.latePaid(amount) : t.lateUnpaid(amount);
  const inTime = passName ? t.creditBack(passName) : isPaid ? t.refunded : "";
  const isCoursePaying = course?.isPaid && course.pays;
  const isRefunded = isCoursePaying && course.isRefundable && !isLate;
  const ofCourse = isCoursePaying ? [isRefunded ? t.ofChangedCourse(course.name) : t.ofCourse(course.name)] : null;
  const usual = [course && !course.isPaid && t.ofUnpaidCourse(course.name), ...(isLate ? [t.late, late] : [t.free, inTime])];
  const consequence = isWaiting ? [] : (ofCourse ?? usual);
  const choice = isWaiting || isRefunded ? undefined : isCoursePaying ? t.courseChoice : isLate ? t.lateChoice : undefined;
  // Without a choice, a booking of a course is cancelled free of charge, so its share is refunded.
  const isFree = course && !choice && !isWaiting;
  const action = isWaiting ? t.leave : isRefunded ? t.courseChoice.lenient : (choice?.strict ?? t.action);
  return (
    <FormDialog
      title={isWaiting ? t.leaveTitle(name) : t.title(name)}
      isOpen
      onClose={onClose}
      action={action}
      alternative={choice && { name: "lenient", text: choice.lenient }}
      isDangerous
      onSend={async (values) => {
        const reason = values.optional("reason");
        await changeBooking(bookingId, "cancel", { lenient: isFree || values.checked("lenient"), ...(reason ? { reason } : {}) });
        await onCancel();
        say(isWaiting ? t.left(name) : t.done(name));
      }}
    >
      {what && <p>{what}</p>}
      {consequence.length > 0 && <p>{consequence.filter(Boolean).join(" ")}</p>}
      <TextArea name="reason" label={t.reason} hint={t.reasonHint} maxLength={500} />
    </FormDialog>
  );
}
