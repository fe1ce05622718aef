// Dialogs that ask before something is done, and those with a form.

import type { ComponentChildren } from "preact";
import { Failure } from "../api/failure.ts";
import { Field, Form, type FormValues } from "../components/form.tsx";
import { Button, Dialog } from "../components/ui.tsx";
import { attempt } from "../tools/action.ts";
import { useStaffTexts } from "./context.ts";

interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children?: ComponentChildren;
}

interface ConfirmProps extends DialogProps {
  /** The verb of the button, such as "Cancel the class". */
  action: string;
  /** Does it. The dialog closes when it has succeeded, and the message says what failed. */
  onConfirm: () => Promise<void>;
  isDangerous?: boolean;
}

/** Asks before an action. The focus is on the button that does nothing. */
export function ConfirmDialog({ title, isOpen, onClose, children, action, onConfirm, isDangerous }: ConfirmProps) {
  const t = useStaffTexts();
  const confirm = async () => {
    if (await attempt(onConfirm)) onClose();
  };
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      {children}
      <p class="actions">
        <Button class={isDangerous ? "danger" : ""} onClick={() => void confirm()}>
          {action}
        </Button>
        <Button kind="quiet" autofocus onClick={onClose}>
          {t.close}
        </Button>
      </p>
    </Dialog>
  );
}

interface FormDialogProps extends DialogProps {
  /** The verb of the button; "Save" by default. */
  action?: string;
  /** A second button that sends the form. Its name is then among the values. */
  alternative?: { name: string; text: string } | undefined;
  /** Sends the form. The dialog closes when it has succeeded. */
  onSend: (values: FormValues) => Promise<void>;
  isDangerous?: boolean;
}

/**
 * A form in a dialog. Failures are shown next to the fields that they name. Before something
 * dangerous, the focus is on the button that does nothing.
 */
export function FormDialog({ title, isOpen, onClose, children, action, alternative, onSend, isDangerous }: FormDialogProps) {
  const t = useStaffTexts();
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <Form
        onSend={async (values) => {
          await onSend(values);
          onClose();
        }}
      >
        {children}
        <p class="actions">
          <Button type="submit" class={isDangerous ? "danger" : ""}>
            {action ?? t.save}
          </Button>
          {alternative && (
            <Button type="submit" name={alternative.name} value="yes" class={isDangerous ? "danger" : ""}>
              {alternative.text}
            </Button>
          )}
          <Button kind="quiet" autofocus={isDangerous} onClick={onClose}>
            {t.close}
          </Button>
        </p>
      </Form>
    </Dialog>
  );
}

/** Asks to type a name before something that cannot be undone. */
export function TypeNameDialog({ name, children, onConfirm, ...dialog }: ConfirmProps & { name: string }) {
  const t = useStaffTexts();
  const send = async (values: FormValues) => {
    if (values.text("name").trim() !== name.trim()) {
      throw new Failure(t.wrongNameSentence, { problems: { name: [t.wrongName] } });
    }
    await onConfirm();
  };
  return (
    <FormDialog {...dialog} isDangerous onSend={send}>
      {children}
      <Field name="name" label={t.confirmName(name)} required autofocus autoComplete="off" autoCapitalize="none" spellcheck={false} />
    </FormDialog>
  );
}
