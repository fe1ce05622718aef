// Small parts of the pages of the console.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { ChevronLeft, ChevronRight, Download, EllipsisVertical, type IconNode } from "lucide";
import { Field, type FieldProps, type FormValues } from "../components/form.tsx";
import { Button } from "../components/ui.tsx";
import { useMenu } from "../tools/menu.ts";
import { useStore } from "../tools/store.ts";
import { studio, studioName } from "../tools/studio.ts";
import { addDays, dayOf, formatDay, formatPrice } from "../tools/time.ts";
import { useStaffTexts } from "./context.ts";
import { Icon } from "./icon.tsx";

interface HeadProps {
  title: string;
  /** What the page is about, such as a day. */
  hint?: ComponentChildren;
  /** Buttons beside the title. */
  children?: ComponentChildren;
}

/** The heading of a page. The title of the window follows it. */
export function PageHead({ title, hint, children }: HeadProps) {
  const t = useStaffTexts();
  const current = useStore(studio);
  useEffect(() => {
    document.title = `${title} · ${t.console} · ${studioName()}`;
  }, [title, t, current]);
  return (
    <div class="page-head">
      <div>
        <h1>{title}</h1>
        {hint && <p class="hint">{hint}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}

interface SegmentsProps<Value extends string> {
  /** What is chosen, for screen readers. */
  label: string;
  value: Value;
  options: ReadonlyArray<readonly [value: Value, text: ComponentChildren]>;
  onChange: (value: Value) => void;
}

/** Two or more views of which one is shown. */
export function Segments<Value extends string>({ label, value, options, onChange }: SegmentsProps<Value>) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onChange(option)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/** A link that downloads a table as CSV. `href` is an address of the API with `format=csv`. */
export function CsvLink({ href, name }: { href: string; name: string }) {
  const t = useStaffTexts();
  return (
    <a class="button quiet small" href={href} download={`${name}.csv`}>
      <Icon of={Download} />
      {t.csv}
    </a>
  );
}

/** A price, or a range of cells with numbers, in the format of the language. */
export function Money({ amount, currency }: { amount: string; currency: string }) {
  return <span class="money">{formatPrice(amount, currency)}</span>;
}

/** A field for an amount such as `18.00`, in the studio's currency. The API gets the text. */
export function MoneyField({ label, ...field }: Omit<FieldProps, "type" | "inputMode">) {
  const currency = useStore(studio)?.currency;
  return <Field {...field} label={currency ? `${label} (${currency})` : label} inputMode="decimal" autoComplete="off" />;
}

/** The rate of the tax that a price includes, in percent. */
export function TaxRateField({ rate }: { rate: string | undefined }) {
  const t = useStaffTexts();
  return <Field name="taxRate" label={t.taxRate} hint={t.taxRateHint} required inputMode="decimal" autoComplete="off" defaultValue={rate ?? "0"} />;
}

/** The rate, as the API takes it. */
export function readTaxRate(values: FormValues): string {
  return values.text("taxRate").replace(",", ".");
}

/** The studio's current day, or the browser's until the studio's time zone is known. */
export function useToday(): string {
  return dayOf(new Date(), useStore(studio)?.timeZone);
}

/** Chooses a day: the one before, the one after, a date, or today. */
export function DayPicker({ day, onChange }: { day: string; onChange: (day: string) => void }) {
  const t = useStaffTexts();
  const today = useToday();
  return (
    <div class="day-picker" role="group" aria-label={t.date}>
      <button type="button" class="icon-button" aria-label={t.previousDay} onClick={() => onChange(addDays(day, -1))}>
        <Icon of={ChevronLeft} />
      </button>
      <label class="day-field">
        <span aria-hidden="true">{formatDay(day, { weekday: "short", month: "short", day: "numeric" })}</span>
        <input
          type="date"
          aria-label={t.date}
          value={day}
          required
          onClick={(event) => openPicker(event.currentTarget)}
          onChange={({ currentTarget }) => currentTarget.value && onChange(currentTarget.value)}
        />
      </label>
      <button type="button" class="icon-button" aria-label={t.nextDay} onClick={() => onChange(addDays(day, 1))}>
        <Icon of={ChevronRight} />
      </button>
      <button type="button" class="button quiet small" disabled={day === today} onClick={() => onChange(today)}>
        {t.today}
      </button>
    </div>
  );
}

/** Opens the calendar of a field whose text is hidden. */
function openPicker(field: HTMLInputElement): void {
  try {
    field.showPicker();
  } catch {
    // The browser lets the person type a date.
  }
}

export interface Choice {
  key: string;
  text: string;
  /** What helps to choose, or why it cannot be chosen. */
  hint?: string | undefined;
  isDisabled?: boolean;
  onChoose: () => unknown;
}

/** A list in a dialog. A tap on an entry chooses it, and does what the dialog is for. */
export function Choices({ label, choices }: { label: string; choices: ReadonlyArray<Choice> }) {
  return (
    <ul class="plain-list choices" aria-label={label}>
      {choices.map(({ key, text, hint, isDisabled, onChoose }) => (
        <li key={key}>
          <Button kind="quiet" data-key={key} disabled={isDisabled} onClick={onChoose}>
            {text}
            {hint && <small>{hint}</small>}
          </Button>
        </li>
      ))}
    </ul>
  );
}

interface MenuItem {
  text: string;
  icon: IconNode;
  onClick: () => void;
  isDangerous?: boolean;
}

/** A button that opens a list of actions. Escape and a click elsewhere close it. */
export function ActionMenu({ label, items }: { label: string; items: ReadonlyArray<MenuItem> }) {
  const menu = useMenu();
  const choose = ({ onClick }: MenuItem) => {
    if (menu.current) {
      menu.current.open = false;
      menu.current.querySelector("summary")?.focus();
    }
    onClick();
  };
  return (
    <details class="action-menu" ref={menu}>
      <summary class="icon-button" aria-label={label}>
        <Icon of={EllipsisVertical} />
      </summary>
      <ul class="plain-list">
        {items.map((item) => (
          <li key={item.text}>
            <button type="button" class={item.isDangerous ? "bad" : undefined} onClick={() => choose(item)}>
              <Icon of={item.icon} />
              {item.text}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
