// The dialog that gives a spot for free.

import { Field } from "../../../components/form.tsx";
import { FormDialog } from "../../../staff/dialogs.tsx";
import type { Texts } from "./rows.tsx";

interface Props extends Texts {
  name: string;
  onClose: () => void;
  onGive: (reason: string) => Promise<void>;
}

/** Asks why the studio gives a spot for free. */
export function GiveDialog({ t, name, onClose, onGive }: Props) {
  return (
    <FormDialog title={t.giveTitle(name)} isOpen onClose={onClose} action={t.give} onSend={(values) => onGive(values.text("reason"))}>
      <p>{t.giveText}</p>
      <Field name="reason" label={t.full.reason} hint={t.giveReasonHint} required autofocus maxLength={500} autoComplete="off" />
    </FormDialog>
  );
}
