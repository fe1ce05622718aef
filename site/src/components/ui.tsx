// Buttons, cards, dialogs, empty states, failures, and placeholders.

import { type ComponentChildren, createContext, type JSX } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import { busy, message } from "../tools/action.ts";
import { useStore } from "../tools/store.ts";
import { useCommon } from "./mount.tsx";

interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "onClick" | "size"> {
  kind?: "primary" | "soft" | "plain" | "quiet";
  size?: "small" | undefined;
  /** What a click starts. The button shows progress until the promise is settled. */
  onClick?: (event: Event) => unknown;
  /** Whether something runs for this button that its own click has not started. */
  isWorking?: boolean;
}

/** The form around a button while it is being sent, with the button that was pressed. */
export const SendingContext = createContext<{ submitter: HTMLElement | null } | null>(null);

/**
 * A button. While an action runs it does nothing, but keeps the focus, which a disabled
 * button would lose.
 */
export function Button({ kind = "primary", size, onClick, isWorking = false, type = "button", class: more, ...rest }: ButtonProps) {
  const isBusy = useStore(busy);
  const element = useRef<HTMLButtonElement>(null);
  const sending = useContext(SendingContext);
  // If the browser does not say which button was pressed, each of them shows the progress.
  const isSending = type === "submit" && sending !== null && (sending.submitter ?? element.current) === element.current;
  const [isRunning, setRunning] = useState(false);
  const classes = ["button", kind === "primary" ? "" : kind, size ?? "", more ?? ""].filter(Boolean).join(" ");
  const click = (event: Event) => {
    if (busy.value) return event.preventDefault();
    const work = onClick?.(event);
    if (!(work instanceof Promise)) return;
    setRunning(true);
    void work.finally(() => setRunning(false));
  };
  return (
    <button
      {...rest}
      ref={element}
      type={type}
      class={classes}
      aria-busy={isRunning || isSending || isWorking || undefined}
      aria-disabled={isBusy || undefined}
      onClick={click}
    />
  );
}

export function Card({ children, class: more = "" }: { children: ComponentChildren; class?: string }) {
  return <section class={`card ${more}`}>{children}</section>;
}

interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal dialog. Escape closes it, and the browser returns the focus. */
export function Dialog({ title, isOpen, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (isOpen && !dialog?.open) dialog?.showModal();
    if (!isOpen && dialog?.open) dialog.close();
  }, [isOpen]);
  return (
    <dialog ref={element} class="dialog" aria-labelledby={id} onClose={onClose}>
      {isOpen && (
        <>
          <h2 id={id}>{title}</h2>
          {children}
          <DialogProblem />
        </>
      )}
    </dialog>
  );
}

/** Repeats a failure in the dialog. What is outside of it is dimmed, and screen readers skip it. */
function DialogProblem() {
  const current = useStore(message);
  const [earlier] = useState(current);
  return (
    <p class="problem dialog-problem" role="alert">
      {current !== earlier && current.isProblem ? current.text : ""}
    </p>
  );
}

/** Leads the keyboard past what comes before an element. It is visible while it has the focus. */
export function SkipLink({ to, children }: { to: string; children: ComponentChildren }) {
  const skip = (event: Event) => {
    // Without a fragment in the address, which some pages read.
    event.preventDefault();
    document.getElementById(to)?.focus();
  };
  return (
    <a class="skip" href={`#${to}`} onClick={skip}>
      {children}
    </a>
  );
}

/** A sentence and the next step, where a list has no entries. */
export function Empty({ text, children }: { text: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{text}</p>
      {children && <p class="actions">{children}</p>}
    </div>
  );
}

/** A failure that keeps a part of a page from being shown. */
export function ErrorPanel({ text, requestId, onRetry }: { text: string; requestId?: string | null; onRetry: () => void }) {
  const t = useCommon();
  return (
    <div class="empty error-panel">
      <p>{text}</p>
      <p class="actions">
        <Button kind="plain" onClick={onRetry}>
          {t.tryAgain}
        </Button>
      </p>
      {requestId && <small>{t.request(requestId)}</small>}
    </div>
  );
}

/** Gray bars in place of what is loading. `height` is that of what will be there. */
export function Skeleton({ count = 3, height = "5rem" }: { count?: number; height?: string }) {
  const t = useCommon();
  return (
    <div class="skeletons" role="img" aria-label={t.loading}>
      {Array.from({ length: count }, (_, index) => (
        <div key={index} class="skeleton" style={{ height }} />
      ))}
    </div>
  );
}
