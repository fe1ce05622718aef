// The dialog that adds a member to a full class.

import type { Schema } from "../api/client.ts";
import { Field } from "../components/form.tsx";
import { Button, Dialog } from "../components/ui.tsx";
import type { FullClassTexts } from "../texts/full-class.en.ts";
import { attempt } from "../tools/action.ts";
import { studio } from "../tools/studio.ts";
import { bookFor } from "./bookings.ts";
import { DialogForm } from "./dialogs.tsx";

/**
 * Whether a free spot goes to the first in line by itself, and members can still join the line. In
 * the last hours before the class, staff decide.
 */
export function isWaitlistOpen({ startTime }: Schema<"Occurrence">): boolean {
  const cutoff = (studio.value?.waitlistCutoffHours ?? 0) * 60 * 60 * 1000;
  return Date.parse(startTime) - cutoff > Date.now();
}

interface Props {
  t: FullClassTexts;
  occurrence: Schema<"Occurrence">;
  userId: string;
  name: string;
  /** How many members are on the waitlist. */
  waiting: number;
  /** Whether the person is one of them. */
  isWaiting?: boolean;
  /** Whether the person can join the waitlist instead. */
  canWait?: boolean;
  /** What to say if the studio also gives the spot for free. */
  free?: { text: string; reasonHint: string } | undefined;
  /** The reason that was typed before the class was full. */
  reason?: string;
  onClose: () => void;
  onBook: (booking: Schema<"Booking">) => Promise<void>;
}

/** Asks why a full class gets one more member. The person can join the waitlist instead. */
export function FullDialog({ t, occurrence, userId, name, waiting, isWaiting = false, canWait = false, free, reason = "", onClose, onBook }: Props) {
  const others = isWaiting ? waiting - 1 : waiting;
  const book = async (reason: string) => onBook(await bookFor(userId, occurrence.id, { beyondCapacity: true, reason, give: free !== undefined }));
  const wait = () =>
    attempt(async () => {
      await onBook(await bookFor(userId, occurrence.id, { joinWaitlist: true }));
    });
  return (
    <Dialog title={t.title(name)} isOpen onClose={onClose}>
      <p>
        {t.text(occurrence.maxParticipants)} {others > 0 && (isWaiting ? t.alsoWait(others) : t.othersWait(others))} {free?.text}
      </p>
      {canWait && (
        <p>
          <Button kind="soft" onClick={wait}>
            {t.toWaitlist}
          </Button>
        </p>
      )}
      <DialogForm onClose={onClose} action={t.action} onSend={(values) => book(values.text("reason"))}>
        <Field name="reason" label={t.reason} hint={free?.reasonHint ?? t.reasonHint} required autofocus maxLength={500} autoComplete="off" defaultValue={reason} />
      </DialogForm>
    </Dialog>
  );
}
