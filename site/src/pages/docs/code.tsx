// Code to copy.

import { useState } from "preact/hooks";
import { useCommon } from "../../components/mount.tsx";
import { Button } from "../../components/ui.tsx";
import { attempt, say } from "../../tools/action.ts";
import "./code.css";

export interface Variant {
  /** Such as "curl". */
  name: string;
  code: string;
}

interface Props {
  /** What the code does, for screen readers. */
  label: string;
  variants: Variant[];
}

/** One or more variants of a piece of code, with a button that copies the one shown. */
export function Code({ label, variants }: Props) {
  const t = useCommon();
  const [chosen, choose] = useState(0);
  const shown = variants[chosen] ?? variants[0];
  if (!shown) return null;
  const copy = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(shown.code);
      say(t.copied);
    });
  return (
    <div class="code">
      <div class="code-bar">
        {variants.length === 1 ? (
          <span class="code-name">{shown.name}</span>
        ) : (
          <div class="code-variants" role="group" aria-label={label}>
            {variants.map(({ name }, index) => (
              <button key={name} type="button" aria-pressed={name === shown.name} onClick={() => choose(index)}>
                {name}
              </button>
            ))}
          </div>
        )}
        <Button kind="quiet" size="small" aria-label={`${t.copy}: ${label}`} onClick={copy}>
          {t.copy}
        </Button>
      </div>
      {/* Wide code scrolls, so it must be focusable. */}
      <pre tabIndex={0} role="group" aria-label={`${label}, ${shown.name}`} lang="en">
        <code>{shown.code}</code>
      </pre>
    </div>
  );
}
