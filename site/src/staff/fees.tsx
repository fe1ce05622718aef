// Waiving the fee for a late cancellation, or of a member who did not come.

import { Field } from "../components/form.tsx";
import type { WaiveFeeTexts } from "../texts/waive-fee.en.ts";
import { say } from "../tools/action.ts";
import { changeBooking } from "./bookings.ts";
import { FormDialog } from "./dialogs.tsx";

interface Props {
  t: WaiveFeeTexts;
  bookingId: string;
  /** The name of the member. */
  name: string;
  /** The fee, with its currency. */
  amount: string;
  onClose: () => void;
  onChange: () => unknown;
}

/** Asks before a fee is waived. */
export function WaiveDialog({ t, bookingId, name, amount, onClose, onChange }: Props) {
  return (
    <FormDialog
      title={t.title}
      isOpen
      onClose={onClose}
      action={t.action}
      onSend={async (values) => {
        const internalReason = values.optional("reason");
        await changeBooking(bookingId, "waiveFee", internalReason ? { internalReason } : {});
        await onChange();
        say(t.done(name));
      }}
    >
      <p>{t.text(name, amount)}</p>
      <Field name="reason" label={t.reason} hint={t.reasonHint} maxLength={500} />
    </FormDialog>
  );
}
