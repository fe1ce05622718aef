// Forms and their fields. The server checks all values. Only empty fields, and those whose text the
// browser cannot read, are checked here.

import { type ComponentChildren, createContext, type JSX } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import { Failure, fieldProblem, type Problems } from "../api/failure.ts";
import { attempt } from "../tools/action.ts";
import { useCommon } from "./mount.tsx";
import { SendingContext } from "./ui.tsx";

/** The values of a form that is sent. */
export class FormValues {
  readonly #data: FormData;

  /** `submitter` is the button that was pressed. Its name and value are among the values. */
  constructor(
    readonly form: HTMLFormElement,
    submitter: HTMLElement | null = null,
  ) {
    this.#data = new FormData(form, submitter);
  }

  text(name: string): string {
    const value = this.#data.get(name);
    return typeof value === "string" ? value : "";
  }

  /** The text of a field, or undefined if it is empty or not there. */
  optional(name: string): string | undefined {
    return this.text(name) || undefined;
  }

  checked(name: string): boolean {
    return this.#data.has(name);
  }
}

const ProblemsContext = createContext<Problems>({});

interface FormProps {
  /** Sends the form. A thrown `Failure` is shown next to the fields that it names. */
  onSend: (values: FormValues) => Promise<void>;
  children: ComponentChildren;
}

export function Form({ onSend, children }: FormProps) {
  const [problems, setProblems] = useState<Problems>({});
  const [sending, setSending] = useState<{ submitter: HTMLElement | null } | null>(null);
  const form = useRef<HTMLFormElement>(null);

  useEffect(() => {
    form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [problems]);

  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const element = form.current;
    const { submitter } = event;
    if (!element) return;
    void attempt(async () => {
      setProblems({});
      setSending({ submitter });
      try {
        const fields = [...element.elements].filter((field) => field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement);
        const invalid = fields.filter(({ validity }) => validity.valueMissing || validity.badInput);
        if (invalid.length > 0) throw Failure.invalidFields(invalid);
        await onSend(new FormValues(element, submitter));
      } catch (failure) {
        if (failure instanceof Failure) {
          setProblems({ ...failure.problems });
          if (failure.code === "invalid_credentials") element.querySelector<HTMLElement>("[name=password]")?.focus();
        }
        throw failure;
      } finally {
        setSending(null);
      }
    });
  };

  return (
    <ProblemsContext.Provider value={problems}>
      <form ref={form} method="post" noValidate onSubmit={send}>
        <SendingContext.Provider value={sending}>{children}</SendingContext.Provider>
      </form>
    </ProblemsContext.Provider>
  );
}

/** A field with what the form says about it. */
interface LabeledField {
  id: string;
  name: string;
  label: string;
  hint: string | undefined;
  problems: string[] | undefined;
}

function useField(name: string, label: string, hint?: string): LabeledField {
  return { id: useId(), name, label, hint, problems: useContext(ProblemsContext)[name] };
}

/** The attributes that connect a control with its label, its problem and its hint. */
function controlOf({ id, name, hint, problems }: LabeledField) {
  return { id, name, "aria-invalid": problems ? true : undefined, "aria-describedby": `${id}-problem${hint ? ` ${id}-hint` : ""}` };
}

/** A control with its label, its problem and its hint. */
function Labeled({ id, label, hint, problems, children }: LabeledField & { children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      <span class="problem" id={`${id}-problem`}>
        {problems ? fieldProblem(label, problems) : ""}
      </span>
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

type AutoComplete = "email" | "username" | "current-password" | "new-password" | "one-time-code" | "given-name" | "family-name" | "name" | "tel" | "bday" | "off";

interface InputProps {
  autoCapitalize?: "none";
  autoComplete?: AutoComplete;
  autofocus?: boolean;
  checked?: boolean;
  defaultValue?: string;
  inputMode?: "decimal" | "numeric" | "text";
  max?: string;
  maxLength?: number;
  min?: string;
  onChange?: (event: Event) => void;
  onInput?: (event: Event) => void;
  required?: boolean;
  spellcheck?: boolean;
  step?: string;
}

export interface FieldProps extends InputProps {
  name: string;
  type?: "text" | "date" | "email" | "number" | "password" | "search" | "tel" | "time" | "url";
  label: string;
  hint?: string | undefined;
}

/** A labeled input with its hint and its problem. */
export function Field({ name, label, hint, type = "text", ...input }: FieldProps) {
  const t = useCommon();
  const field = useField(name, label, hint);
  const [isShown, show] = useState(false);
  const isPassword = type === "password";
  // Preact's types want one element for each `type`.
  const attributes = { ...input, type: isPassword && isShown ? "text" : type } as JSX.IntrinsicElements["input"];
  return (
    <Labeled {...field}>
      <div class={isPassword ? "with-button" : undefined}>
        <input {...attributes} {...controlOf(field)} />
        {isPassword && (
          <button type="button" class="reveal" aria-pressed={isShown} aria-label={`${t.showPassword}: ${label}`} onClick={() => show(!isShown)}>
            {isShown ? t.hidePassword : t.showPassword}
          </button>
        )}
      </div>
    </Labeled>
  );
}

interface SelectProps {
  name: string;
  label: string;
  defaultValue?: string | undefined;
  onChange?: (value: string) => void;
  options: ReadonlyArray<readonly [value: string, text: string]>;
}

export function Select({ name, label, defaultValue, onChange, options }: SelectProps) {
  const field = useField(name, label);
  return (
    <Labeled {...field}>
      <select {...controlOf(field)} onChange={(event) => onChange?.(event.currentTarget.value)}>
        {options.map(([value, text]) => (
          <option key={value} value={value} selected={value === defaultValue}>
            {text}
          </option>
        ))}
      </select>
    </Labeled>
  );
}

interface AreaProps extends Omit<JSX.IntrinsicElements["textarea"], "id" | "name" | "ref"> {
  name: string;
  label: string;
  hint?: string;
}

export function TextArea({ name, label, hint, ...area }: AreaProps) {
  const field = useField(name, label, hint);
  return (
    <Labeled {...field}>
      <textarea {...area} {...controlOf(field)} />
    </Labeled>
  );
}

interface CheckProps extends InputProps {
  name?: string;
  label: string;
}

export function Check({ label, name, ...input }: CheckProps) {
  return (
    <label class="check">
      <input {...input} {...(name ? { name } : {})} type="checkbox" />
      <span>{label}</span>
    </label>
  );
}

/** The code of a second factor. Phones show digits, but recovery codes have letters. */
export function CodeField({ label, hint, recoveryLabel }: { label: string; hint: string; recoveryLabel?: string }) {
  const [isRecovery, setRecovery] = useState(false);
  return (
    <>
      <Field
        name="code"
        label={label}
        hint={hint}
        required
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellcheck={false}
        inputMode={isRecovery ? "text" : "numeric"}
      />
      {recoveryLabel && (
        <Check label={recoveryLabel} checked={isRecovery} onChange={(event: Event) => setRecovery((event.target as HTMLInputElement).checked)} />
      )}
    </>
  );
}
