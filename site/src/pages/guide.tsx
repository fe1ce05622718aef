// A guide for developers. The address says which.

import { mount } from "../components/mount.tsx";
import docsInEnglish, { type DocsTexts } from "../texts/docs.en.ts";
import guides from "../texts/guides.en.ts";
import type { Catalog } from "../tools/language.ts";
import { Code } from "./docs/code.tsx";
import { type GuideName, GUIDES, type GuideTexts } from "./docs/guides.ts";
import { DocsLayout } from "./docs/layout.tsx";
import { Inline, Prose } from "./docs/prose.tsx";

interface Texts extends GuideTexts {
  docs: DocsTexts;
  heading: string;
}

/** The page's title says that it is about the API: other pages are about signing in, too. */
function withDocs(guide: GuideTexts, docs: DocsTexts): Texts {
  return { ...guide, docs, heading: guide.title, title: `${guide.title} · API` };
}

const ADDRESSES: Readonly<Record<string, GuideName>> = {
  "book-a-class": "bookAClass",
  payments: "payments",
  "partner-applications": "partnerApplications",
};

const name = ADDRESSES[location.pathname.split("/").at(-1) ?? ""] ?? "signIn";

function Guide({ t }: { t: Texts }) {
  return (
    <DocsLayout t={t.docs}>
      <article class="docs-reading">
        <h1>{t.heading}</h1>
        <p class="lead">
          <Inline text={t.lead} />
        </p>
        {Object.entries(GUIDES[name]).map(([id, sample]) => {
          const section = t.sections[id];
          if (!section) return null;
          return (
            <section key={id} id={id}>
              <h2>{section.heading}</h2>
              <Prose text={section.text} />
              {sample && <Code label={section.heading} variants={sample(location.origin)} />}
            </section>
          );
        })}
      </article>
    </DocsLayout>
  );
}

const catalog: Catalog<Texts> = {
  en: withDocs(guides[name], docsInEnglish),
  es: async () => {
    const [guidesInSpanish, docsInSpanish] = await Promise.all([import("../texts/guides.es.ts"), import("../texts/docs.es.ts")]);
    return { default: withDocs(guidesInSpanish.default[name], docsInSpanish.default) };
  },
};
await mount(catalog, Guide);
