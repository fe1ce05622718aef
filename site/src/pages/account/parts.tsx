// The parts of the settings. A wide window has a list of links beside them. In a narrow one,
// the parts themselves are the list, and each of them opens.

import type { ComponentChildren, Ref } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useCurrent } from "../../tools/current.ts";
import { useStore } from "../../tools/store.ts";
import { isWide } from "../../tools/viewport.ts";

interface PartProps {
  id: string;
  title: string;
  heading?: Ref<HTMLHeadingElement>;
  children: ComponentChildren;
}

/** One part. It stays in the page while it is closed, so that a form keeps what was entered. */
export function Part({ id, title, heading = null, children }: PartProps) {
  const wide = useStore(isWide);
  const [isOpen, setOpen] = useState(isAddressed(id));

  useEffect(() => {
    const follow = () => isAddressed(id) && setOpen(true);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [id]);

  return (
    <section class="card part" id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`} ref={heading} tabIndex={-1}>
        {wide ? (
          title
        ) : (
          <button type="button" aria-expanded={isOpen} aria-controls={`${id}-content`} onClick={() => setOpen(!isOpen)}>
            {title}
          </button>
        )}
      </h2>
      <div class="part-content" id={`${id}-content`} hidden={!wide && !isOpen}>
        {children}
      </div>
    </section>
  );
}

function isAddressed(id: string): boolean {
  return location.hash === `#${id}`;
}

interface NavProps {
  label: string;
  parts: ReadonlyArray<readonly [id: string, title: string]>;
}

/** The links to the parts. The one that is being read is marked. */
export function PartNav({ label, parts }: NavProps) {
  const wide = useStore(isWide);
  const current = useCurrent(parts.map(([id]) => id));
  if (!wide) return null;
  return (
    <nav class="part-nav" aria-label={label}>
      <ul class="plain-list">
        {parts.map(([id, title]) => (
          <li key={id}>
            <a href={`#${id}`} aria-current={id === current ? "true" : undefined}>
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** A section that opens. Closing it moves the focus to its heading. */
export function Section({ title, children }: { title: string; children: (close: () => void) => ComponentChildren }) {
  const element = useRef<HTMLDetailsElement>(null);
  const [round, setRound] = useState(0);
  const close = () => {
    // The forms are shown empty the next time.
    setRound((number) => number + 1);
    if (!element.current) return;
    element.current.open = false;
    element.current.querySelector("summary")?.focus();
  };
  return (
    <details ref={element} class="setting">
      <summary>{title}</summary>
      <div key={round}>{children(close)}</div>
    </details>
  );
}
