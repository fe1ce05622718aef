// Shows a page in its shell, in the chosen language.

import { type ComponentType, createContext, render } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import "../styles/site.css";
import { setFailureTexts } from "../api/failure.ts";
import commonEnglish, { type CommonTexts } from "../texts/common.en.ts";
import failuresEnglish from "../texts/failures.en.ts";
import { setActionTexts } from "../tools/action.ts";
import { describePage } from "../tools/head.ts";
import { type Catalog, language, type Language, loadTexts } from "../tools/language.ts";
import { DEFAULT_NAME, studioName } from "../tools/studio.ts";
import { Shell } from "./shell.tsx";

/** What each page's texts begin with. */
export interface PageTexts {
  title: string;
}

const CommonContext = createContext<CommonTexts>(commonEnglish);

/** The texts that all pages have in common. */
export function useCommon(): CommonTexts {
  return useContext(CommonContext);
}

const common: Catalog<CommonTexts> = { en: commonEnglish, es: () => import("../texts/common.es.ts") };
const failures = { en: failuresEnglish, es: () => import("../texts/failures.es.ts") };

interface Loaded<T> {
  code: Language;
  common: CommonTexts;
  page: T;
}

async function loadAll<T extends PageTexts>(catalog: Catalog<T>, code: Language): Promise<Loaded<T>> {
  const [commonTexts, failureTexts, page] = await Promise.all([
    loadTexts(common, code),
    loadTexts(failures, code),
    loadTexts(catalog, code),
  ]);
  setFailureTexts(failureTexts);
  setActionTexts(commonTexts);
  document.documentElement.lang = code;
  document.title = page.title === DEFAULT_NAME ? studioName() : `${page.title} · ${studioName()}`;
  return { code, common: commonTexts, page };
}

interface Props<T> {
  catalog: Catalog<T>;
  first: Loaded<T>;
  Page: ComponentType<{ t: T }>;
}

/** Keeps the state of the page when the language changes. */
function Root<T extends PageTexts>({ catalog, first, Page }: Props<T>) {
  const [texts, setTexts] = useState(first);
  useEffect(() => language.follow(() => void loadAll(catalog, language.value).then(setTexts)), [catalog]);
  return (
    <CommonContext.Provider value={texts.common}>
      <Shell language={texts.code}>
        <Page t={texts.page} />
      </Shell>
    </CommonContext.Provider>
  );
}

export async function mount<T extends PageTexts>(catalog: Catalog<T>, Page: ComponentType<{ t: T }>): Promise<void> {
  const first = await loadAll(catalog, language.value);
  const root = document.getElementById("site");
  if (!root) throw new Error("the page has no element #site");
  describePage({ path: location.pathname });
  root.replaceChildren();
  render(<Root catalog={catalog} first={first} Page={Page} />, root);
}
