// A guide for developers. The address says which.

import { mount } from "../components/mount.tsx";
import type { DocsTexts } from "../texts/docs.en.ts";
import type { Catalog, Loading } from "../tools/language.ts";
import { Code } from "./docs/code.tsx";
import { type GuideName, GUIDES, type GuideTexts } from "./docs/guides.ts";
import { DocsLayout } from "./docs/layout.tsx";
import { Inline, Prose } from "./docs/prose.tsx";

interface Texts extends GuideTexts {
  docs: DocsTexts;
  heading: string;
}

/** The page's title says that it is about the API: other pages are about signing in, too. */
async function withDocs(guides: Loading<Record<GuideName, GuideTexts>>, docs: Loading<DocsTexts>): Loading<Texts> {
  const guide = (await guides).default[name];
  return { default: { ...guide, docs: (await docs).default, heading: guide.title, title: `${guide.title} · API` } };
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
  en: () => withDocs(import("../texts/guides.en.ts"), import("../texts/docs.en.ts")),
  es: () => withDocs(import("../texts/guides.es.ts"), import("../texts/docs.es.ts")),
};
await mount(catalog, Guide);
