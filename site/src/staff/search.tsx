// A field that searches while the person types.

import { useEffect, useRef, useState } from "preact/hooks";
import { Search } from "lucide";
import { useStaffTexts } from "./context.ts";
import { Icon } from "./icon.tsx";

/** How long the person may pause between two letters. */
const PAUSE_MS = 250;

interface Props {
  /** What is searched, such as "Search members". */
  label: string;
  value: string;
  /** Gets the text after a pause, and at once after Enter or when the field is emptied. */
  onSearch: (text: string) => void;
  /** Searching in the page itself needs no pause. */
  isInstant?: boolean;
  /** Whether the field is in another form. HTML does not allow nested forms. */
  isNested?: boolean;
  /** Whether the field has the focus when it appears. */
  autofocus?: boolean;
}

export function SearchField({ label, value, onSearch, isInstant, isNested, autofocus }: Props) {
  const t = useStaffTexts();
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const input = useRef<HTMLInputElement>(null);
  const sent = useRef(value);

  useEffect(() => {
    // The attribute works only when a dialog opens, and this only later.
    if (autofocus) input.current?.focus();
    return () => clearTimeout(timer.current);
  }, []);
  // Going back in the history changes the search. What the field itself has sent must not replace
  // what was typed since.
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    // What was typed before going back must not be searched for.
    clearTimeout(timer.current);
    setText(value);
  }, [value]);

  const search = (next: string, isNow: boolean) => {
    setText(next);
    clearTimeout(timer.current);
    const send = () => {
      sent.current = next.trim();
      onSearch(sent.current);
    };
    if (isNow || isInstant || next === "") send();
    else timer.current = setTimeout(send, PAUSE_MS);
  };

  const fields = (
    <>
      <Icon of={Search} />
      <input
        ref={input}
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        autofocus={autofocus}
        autoComplete="off"
        spellcheck={false}
        enterkeyhint="search"
        onInput={(event) => search(event.currentTarget.value, false)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          search(text, true);
        }}
      />
      {text && (
        <button
          type="button"
          aria-label={t.clearSearch}
          onClick={() => {
            search("", true);
            input.current?.focus();
          }}
        >
          ×
        </button>
      )}
    </>
  );
  return isNested ? (
    <div class="search-field">{fields}</div>
  ) : (
    <search class="search-field">{fields}</search>
  );
}
