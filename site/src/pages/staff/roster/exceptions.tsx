// What staff do for a member as an exception, with a reason: a spot for free, or one beyond the
// capacity.

import type { Schema } from "../../../api/client.ts";
import { Field } from "../../../components/form.tsx";
import { Button, Dialog } from "../../../components/ui.tsx";
import { bookFor, changeBooking } from "../../../staff/bookings.ts";
import { DialogForm, FormDialog } from "../../../staff/dialogs.tsx";
import { attempt, say } from "../../../tools/action.ts";
import type { Occurrence } from "./data.ts";
import type { Texts } from "./rows.tsx";

interface GiveProps extends Texts {
  bookingId: string;
  name: string;
  onClose: () => void;
  /** Loads the roster again. */
  onChange: () => Promise<void>;
}

/** Asks why the studio gives the spot of a booking for free. */
export function GiveDialog({ t, bookingId, name, onClose, onChange }: GiveProps) {
  const give = async (reason: string) => {
    await changeBooking(bookingId, "give", { reason });
    await onChange();
    say(t.given(name));
  };
  return (
    <FormDialog title={t.giveTitle(name)} isOpen onClose={onClose} action={t.give} onSend={(values) => give(values.text("reason"))}>
      <p>{t.giveText}</p>
      <Field name="reason" label={t.reason} hint={t.giveReasonHint} required autofocus maxLength={500} autoComplete="off" />
    </FormDialog>
  );
}

interface FullProps extends Texts {
  occurrence: Occurrence;
  userId: string;
  name: string;
  /** How many are on the waitlist. */
  waiting: number;
  /** Whether the studio gives the spot for free, and why. */
  given?: string | null;
  /** Whether the person can join the waitlist instead. */
  canWait?: boolean;
  onClose: () => void;
  onBook: (booking: Schema<"Booking">) => Promise<void>;
}

/** Asks why a full class gets one more member. The person can join the waitlist instead. */
export function FullDialog({ t, occurrence, userId, name, waiting, given = null, canWait = false, onClose, onBook }: FullProps) {
  const book = async (reason: string) => onBook(await bookFor(userId, occurrence.id, { beyondCapacity: true, reason, give: given !== null }));
  const wait = () =>
    attempt(async () => {
      await onBook(await bookFor(userId, occurrence.id, { joinWaitlist: true }));
    });
  return (
    <Dialog title={t.fullTitle(name)} isOpen onClose={onClose}>
      <p>
        {t.fullText(occurrence.maxParticipants)} {waiting > 0 && t.othersWait(waiting)}
      </p>
      {canWait && (
        <p>
          <Button kind="soft" onClick={wait}>
            {t.toWaitlist}
          </Button>
        </p>
      )}
      <DialogForm onClose={onClose} action={t.beyond} onSend={(values) => book(values.text("reason"))}>
        <Field name="reason" label={t.reason} hint={given === null ? t.beyondReasonHint : t.giveReasonHint} required autofocus maxLength={500} autoComplete="off" defaultValue={given ?? ""} />
      </DialogForm>
    </Dialog>
  );
}
