// What the pages for developers have in common: their navigation.

import type { ComponentChildren } from "preact";
import type { DocsTexts } from "../../texts/docs.en.ts";
import "./docs.css";

interface Props {
  t: DocsTexts;
  children: ComponentChildren;
  /** More links below the current page. */
  sections?: ComponentChildren;
}

export function DocsLayout({ t, sections, children }: Props) {
  return (
    <div class="wide page docs">
      <nav class="docs-nav" aria-label={t.developers}>
        <ul class="plain-list">
          {t.pages.map(({ href, name }) => {
            const isCurrent = location.pathname === href;
            return (
              <li key={href}>
                <a href={href} aria-current={isCurrent ? "page" : undefined}>
                  {name}
                </a>
                {isCurrent && sections}
              </li>
            );
          })}
        </ul>
      </nav>
      <div class="docs-content">{children}</div>
    </div>
  );
}
