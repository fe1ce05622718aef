// Dialogs that ask before something is done, those with a form, and those with a list to choose from.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import { Field, Form, type FormValues } from "../components/form.tsx";
import { Button, Dialog, Skeleton } from "../components/ui.tsx";
import { attempt } from "../tools/action.ts";
import { useStaffTexts } from "./context.ts";
import { FailurePanel } from "./failure-panel.tsx";
import { type Choice, Choices } from "./parts.tsx";

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

/** Asks before an action. The focus is on the button that closes the dialog. */
export function ConfirmDialog({ title, isOpen, onClose, children, action, onConfirm, isDangerous }: ConfirmProps) {
  const t = useStaffTexts();
  const closeThis = useCloseThis(onClose);
  const confirm = async () => {
    if (await attempt(onConfirm)) closeThis();
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
 * dangerous, the focus is on the button that closes the dialog, unless a field has it.
 */
export function FormDialog({ title, isOpen, onClose, ...form }: FormDialogProps) {
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <DialogForm {...form} onClose={onClose} />
    </Dialog>
  );
}

/** The form of such a dialog, for one that shows something else before. */
export function DialogForm({ onClose, children, action, alternative, onSend, isDangerous }: Omit<FormDialogProps, "title" | "isOpen">) {
  const t = useStaffTexts();
  const place = useRef<HTMLParagraphElement>(null);
  const closeThis = useCloseThis(onClose);
  useEffect(() => {
    // What had the focus is gone, if the form replaces it.
    if (document.activeElement === document.body) place.current?.querySelector<HTMLElement>("button:last-child")?.focus();
  }, []);
  return (
    <Form
      onSend={async (values) => {
        await onSend(values);
        closeThis();
      }}
    >
      {children}
      <p class="actions" ref={place}>
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
  );
}

/**
 * Returns a function that closes the dialog after an action. If the person has closed it
 * meanwhile, it does nothing, because another one may be open.
 */
export function useCloseThis(onClose: () => void): () => void {
  const isHere = useRef(true);
  useEffect(
    () => () => {
      isHere.current = false;
    },
    [],
  );
  return () => {
    if (isHere.current) onClose();
  };
}

/** Asks the person to type a name before something that cannot be undone. */
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

interface ChoiceProps extends DialogProps {
  /** What the list is for, such as "Choose a date". */
  label: string;
  /** Nothing while they are loading. */
  choices: ReadonlyArray<Choice> | undefined;
  /** A sentence if there is nothing to choose from. */
  empty: string;
  /** What is shown above the list when there is one. */
  note?: ComponentChildren;
  /** A sentence if the choices could not be loaded, and why they could not. */
  failed: string;
  failure: Failure | null;
  onRetry: () => void;
}

/** A list that is loaded when the dialog opens. A tap on an entry does what the dialog is for. */
export function ChoiceDialog({ title, isOpen, onClose, children, label, choices, empty, note, failed, failure, onRetry }: ChoiceProps) {
  const t = useStaffTexts();
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      {children}
      {failure ? (
        <FailurePanel text={failed} failure={failure} onRetry={onRetry} />
      ) : !choices ? (
        <Skeleton count={3} height="3rem" />
      ) : choices.length === 0 ? (
        <p role="status">{empty}</p>
      ) : (
        <>
          {note}
          <Choices label={label} choices={choices} />
        </>
      )}
      <p class="actions">
        <Button kind="quiet" autofocus onClick={onClose}>
          {t.close}
        </Button>
      </p>
    </Dialog>
  );
}
