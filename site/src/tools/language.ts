// The languages of the site, and the texts of a page in each.

import { Store } from "./store.ts";

export type Language = "en" | "es";

/** The texts of a part of the site: English at once, Spanish when it is needed. */
export interface Catalog<T> {
  en: T;
  es: () => Promise<{ default: T }>;
}

const STORED = "language";

/** The language of the member, as it was last seen in this browser. */
const STORED_OF_MEMBER = "member-language";

export const LANGUAGES: ReadonlyArray<{ code: Language; name: string }> = [
  { code: "en", name: "English" },
  { code: "es", name: "Español" },
];

export const language = new Store<Language>(chosen() ?? preferred());

function chosen(): Language | null {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "en" || stored === "es" ? stored : null;
  } catch {
    // The browser may forbid storage.
    return null;
  }
}

function preferred(): Language {
  for (const tag of navigator.languages) {
    const [code] = tag.split("-");
    if (code === "en" || code === "es") return code;
  }
  return "en";
}

export function chooseLanguage(code: Language): void {
  try {
    localStorage.setItem(STORED, code);
  } catch {
    // The choice then lasts as long as the page.
  }
  language.set(code);
}

/** Shows the member's language, unless another was chosen since it was last seen. */
export function followMember(code: Language): void {
  try {
    if (localStorage.getItem(STORED_OF_MEMBER) === code) return;
    localStorage.setItem(STORED_OF_MEMBER, code);
  } catch {
    // Without storage it is followed on each page.
  }
  if (code !== language.value) chooseLanguage(code);
}

/** Forgets the language of a member who has signed out. */
export function forgetMember(): void {
  try {
    localStorage.removeItem(STORED_OF_MEMBER);
  } catch {
    // Without storage there is nothing to forget.
  }
}

export async function loadTexts<T>(catalog: Catalog<T>, code: Language): Promise<T> {
  return code === "en" ? catalog.en : (await catalog.es()).default;
}

const rules = { en: new Intl.PluralRules("en"), es: new Intl.PluralRules("es") };

/** Returns the form of a noun phrase for a number. */
export function plural(code: Language, count: number, one: string, other: string): string {
  const form = rules[code].select(count) === "one" ? one : other;
  return form.replace("#", count.toLocaleString(code));
}

/** Formats a moment in the browser's time zone. */
export function formatMoment(text: string): string {
  return new Date(text).toLocaleString(language.value, { dateStyle: "medium", timeStyle: "short" });
}
