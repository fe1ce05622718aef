// The dialog that cancels a booking for a member.

import { TextArea } from "../components/form.tsx";
import type { CancelBookingTexts } from "../texts/cancel-booking.en.ts";
import { say } from "../tools/action.ts";
import { formatPrice } from "../tools/time.ts";
import { changeBooking } from "./bookings.ts";
import { FormDialog } from "./dialogs.tsx";

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
  /** The name of the course that the booking is part of. */
  courseName?: string | null | undefined;
  freeCancellationUntil: string | null;
  onClose: () => void;
  onCancel: () => unknown;
}

/** Cancels a booking. When it is late, or part of a course, staff choose by one tap what follows. */
export function CancelBookingDialog({ t, bookingId, name, what, isWaiting, isPaid, fee, currency, passName, courseName, freeCancellationUntil, onClose, onCancel }: Props) {
  const amount = formatPrice(fee, currency);
  const isLate = !isWaiting && freeCancellationUntil !== null && Date.parse(freeCancellationUntil) <= Date.now();
  const late = Number(fee) === 0 ? (passName ? t.latePass(passName) : t.lateFree) : isPaid ? t.latePaid(amount) : t.lateUnpaid(amount);
  const inTime = passName ? t.creditBack(passName) : isPaid ? t.refunded : "";
  const consequence = isWaiting ? [] : courseName ? [t.ofCourse(courseName)] : isLate ? [t.late, late] : [t.free, inTime];
  const choice = isWaiting ? undefined : courseName ? t.courseChoice : isLate ? t.lateChoice : undefined;
  return (
    <FormDialog
      title={isWaiting ? t.leaveTitle(name) : t.title(name)}
      isOpen
      onClose={onClose}
      action={isWaiting ? t.leave : (choice?.strict ?? t.action)}
      alternative={choice && { name: "lenient", text: choice.lenient }}
      isDangerous
      onSend={async (values) => {
        const reason = values.optional("reason");
        await changeBooking(bookingId, "cancel", { lenient: values.checked("lenient"), ...(reason ? { reason } : {}) });
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
