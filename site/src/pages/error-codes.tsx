// All error codes, with an anchor each.

import { useEffect, useState } from "preact/hooks";
import found from "virtual:error-codes";
import { mount } from "../components/mount.tsx";
import type { DocsTexts } from "../texts/docs.en.ts";
import type { Catalog, Loading } from "../tools/language.ts";
import { Code } from "./docs/code.tsx";
import type { ErrorCodesTexts } from "./docs/errors.ts";
import { DocsLayout } from "./docs/layout.tsx";
import { Inline } from "./docs/prose.tsx";

interface Texts extends ErrorCodesTexts {
  docs: DocsTexts;
}

const EXAMPLE = `{
  "error": "This class is full",
  "code": "class_full",
  "requestId": "iad1::8xk2p-1773514800000-0198c1a04b1e"
}`;

function ErrorCodes({ t }: { t: Texts }) {
  const [search, setSearch] = useState("");
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = found.filter(({ code }) => {
    const text = `${code} ${t.codes[code].join(" ")}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });

  useEffect(() => {
    // Shows the code in the address, which did not exist when the browser looked for it.
    const follow = () => {
      setSearch("");
      requestAnimationFrame(() => document.getElementById(location.hash.slice(1))?.scrollIntoView());
    };
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  return (
    <DocsLayout t={t.docs}>
      <div class="docs-reading">
        <h1>{t.title}</h1>
        <p>
          <Inline text={t.lead} />
        </p>
        <Code label={t.body} variants={[{ name: "JSON", code: EXAMPLE }]} />
        <div class="field docs-search">
          <label for="find">{t.find}</label>
          <input
            id="find"
            type="search"
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            placeholder="class_full"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <span class="hint" role="status">
            {words.length > 0 ? t.found(shown.length) : ""}
          </span>
        </div>
        <div class="error-codes">
          {shown.map(({ code, statuses, operations }) => {
            const [meaning, action] = t.codes[code];
            return (
              <section key={code} id={code}>
                <h2>
                  <a href={`#${code}`} aria-label={t.link(code)}>
                    <code>{code}</code>
                  </a>
                  {statuses.map((status) => (
                    <span key={status} class="tag">
                      {status}
                    </span>
                  ))}
                </h2>
                <p>
                  <Inline text={`${meaning} ${action}`} />
                </p>
                {operations.length === 0 ? (
                  <p class="hint">{t.everywhere}</p>
                ) : (
                  <p class="hint">
                    {t.returnedBy}{" "}
                    {operations.map((id, index) => (
                      <span key={id}>
                        {index > 0 && ", "}
                        <a href={`/docs#${id}`}>{id}</a>
                      </span>
                    ))}
                  </p>
                )}
              </section>
            );
          })}
        </div>
      </div>
    </DocsLayout>
  );
}

const catalog: Catalog<Texts> = {
  en: () => withDocs(import("../texts/error-codes.en.ts"), import("../texts/docs.en.ts")),
  es: () => withDocs(import("../texts/error-codes.es.ts"), import("../texts/docs.es.ts")),
};
await mount(catalog, ErrorCodes);

async function withDocs(codes: Loading<ErrorCodesTexts>, docs: Loading<DocsTexts>): Loading<Texts> {
  return { default: { ...(await codes).default, docs: (await docs).default } };
}
