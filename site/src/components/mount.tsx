// Shows a page in its shell, in the chosen language.

import { type ComponentChildren, type ComponentType, createContext, render } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import "../styles/site.css";
import { setFailureTexts } from "../api/failure.ts";
import type { CommonTexts } from "../texts/common.en.ts";
import { report, setActionTexts } from "../tools/action.ts";
import { describePage } from "../tools/head.ts";
import { type Catalog, language, type Language, loadTexts } from "../tools/language.ts";
import { DEFAULT_NAME, studioName } from "../tools/studio.ts";
import { startWorker } from "../tools/worker.ts";
import { Shell } from "./shell.tsx";

/** What each page's texts begin with. */
interface PageTexts {
  title: string;
  /** Sentences for failures that only this page has, by `code`. */
  failures?: Readonly<Record<string, string>>;
}

/** What surrounds a page. */
export interface FrameProps<T> {
  language: Language;
  t: T;
  children: ComponentChildren;
}

export const CommonContext = createContext<CommonTexts | null>(null);

/** The texts that all pages have in common. */
export function useCommon(): CommonTexts {
  const texts = useContext(CommonContext);
  if (!texts) throw new Error("the page was not shown by `mount`");
  return texts;
}

const common: Catalog<CommonTexts> = { en: () => import("../texts/common.en.ts"), es: () => import("../texts/common.es.ts") };

interface Loaded<T> {
  code: Language;
  common: CommonTexts;
  page: T;
}

async function loadAll<T>(catalog: Catalog<T>, code: Language): Promise<Loaded<T>> {
  const [commonTexts, page] = await Promise.all([loadTexts(common, code), loadTexts(catalog, code)]);
  return { code, common: commonTexts, page };
}

function use<T extends PageTexts>({ code, common: commonTexts, page }: Loaded<T>): void {
  setFailureTexts(commonTexts.failures, page.failures ?? {});
  setActionTexts(commonTexts);
  document.documentElement.lang = code;
  document.title = page.title === DEFAULT_NAME ? studioName() : `${page.title} · ${studioName()}`;
}

/** Loads the texts of the page. */
async function loadFirst<T>(catalog: Catalog<T>): Promise<Loaded<T>> {
  try {
    return await loadAll(catalog, language.value);
  } catch {
    // The connection was lost, or a new version of the site has replaced a file. The texts in
    // the other language may be there.
    language.set(language.value === "en" ? "es" : "en");
    return loadAll(catalog, language.value);
  }
}

/** What is shown instead of a page whose texts cannot be loaded. */
function WithoutTexts() {
  return (
    <main class="narrow page">
      <h1 class="page-title">{document.title}</h1>
      <p lang="en">This page could not be loaded. Please check your connection.</p>
      <p lang="es">No se ha podido cargar esta página. Comprueba tu conexión.</p>
      <p class="actions">
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload · Recargar
        </button>
      </p>
    </main>
  );
}

interface Props<T> {
  catalog: Catalog<T>;
  first: Loaded<T>;
  Page: ComponentType<{ t: T }>;
  Frame: ComponentType<FrameProps<T>>;
}

/** Keeps the state of the page when the language changes. */
function Root<T extends PageTexts>({ catalog, first, Page, Frame }: Props<T>) {
  const [texts, setTexts] = useState(first);
  useEffect(() => {
    const change = async () => {
      const code = language.value;
      const loaded = await loadAll(catalog, code);
      // Another language was chosen meanwhile.
      if (language.value !== code) return;
      use(loaded);
      setTexts(loaded);
    };
    return language.follow(() => void change().catch(report));
  }, [catalog]);
  return (
    <CommonContext.Provider value={texts.common}>
      <Frame language={texts.code} t={texts.page}>
        <Page t={texts.page} />
      </Frame>
    </CommonContext.Provider>
  );
}

export async function mount<T extends PageTexts>(
  catalog: Catalog<T>,
  Page: ComponentType<{ t: T }>,
  Frame: ComponentType<FrameProps<T>> = Shell,
): Promise<void> {
  const root = document.getElementById("site");
  if (!root) throw new Error("the page has no element #site");
  const first = await loadFirst(catalog).catch(() => null);
  root.replaceChildren();
  if (!first) return render(<WithoutTexts />, root);
  use(first);
  describePage({ path: location.pathname });
  render(<Root catalog={catalog} first={first} Page={Page} Frame={Frame} />, root);
  startWorker();
}
