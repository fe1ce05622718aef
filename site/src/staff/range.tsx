// A range of days: in the address of a page, and as two fields.

import { Field } from "../components/form.tsx";
import { parseDay } from "../tools/time.ts";

export interface Range {
  from: string;
  to: string;
}

/** The range in the address, if there is one. */
export function readRange(): Range | null {
  const query = new URLSearchParams(location.search);
  const [from, to] = [parseDay(query.get("from")), parseDay(query.get("to"))];
  return from && to && from <= to ? { from, to } : null;
}

export function daysIn({ from, to }: Range): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1;
}

interface Props {
  t: { from: string; to: string };
  range: Range;
  onChange: (range: Range) => void;
}

/** The first and the last day of a range. */
export function RangeFields({ t, range, onChange }: Props) {
  const valueOf = (event: Event) => parseDay((event.currentTarget as HTMLInputElement).value);
  return (
    <>
      <Field
        name="from"
        type="date"
        label={t.from}
        max={range.to}
        defaultValue={range.from}
        onChange={(event) => {
          const from = valueOf(event);
          if (from && from <= range.to) onChange({ ...range, from });
        }}
      />
      <Field
        name="to"
        type="date"
        label={t.to}
        min={range.from}
        defaultValue={range.to}
        onChange={(event) => {
          const to = valueOf(event);
          if (to && to >= range.from) onChange({ ...range, to });
        }}
      />
    </>
  );
}
