// A page that says one thing: how something went, and the next step.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The heading gets the focus, so that screen readers read what has changed. */
export function Result({ title, children }: { title: string; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [title]);
  return (
    <div class="narrow page">
      <h1 ref={heading} class="page-title" tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}
