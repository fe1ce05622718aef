// Icons, from the drawings of lucide.

import { h } from "preact";
import type { IconNode } from "lucide";

/** An icon in the color and size of the text. It says nothing to screen readers. */
export function Icon({ of }: { of: IconNode }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {of.map(([tag, attributes], index) => h(tag, { ...attributes, key: index }))}
    </svg>
  );
}
