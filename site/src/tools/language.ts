// The languages of the site, and the texts of a page in each.

import { Store } from "./store.ts";

export type Language = "en" | "es";

/** Texts that are being loaded. */
export type Loading<T> = Promise<{ default: T }>;

/** The texts of a part of the site. */
export type Catalog<T> = Record<Language, () => Loading<T>>;

const STORED = "language";

/** Set while a choice that was made in this browser is not stored for a member. */
const UNSAVED = "language-unsaved";

export const LANGUAGES: ReadonlyArray<{ code: Language; name: string }> = [
  { code: "en", name: "English" },
  { code: "es", name: "Español" },
];

/** The language in which the page begins. `start.js` has chosen it, and loads its texts. */
export const language = new Store<Language>(document.documentElement.lang === "es" ? "es" : "en");

/** The language that was chosen last in this browser, perhaps in another window. */
export function chosenLanguage(): Language {
  return chosen() ?? language.value;
}

function chosen(): Language | null {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "en" || stored === "es" ? stored : null;
  } catch {
    // The browser may forbid storage.
    return null;
  }
}

/** Shows the language that the person has chosen, until it is stored for the member. */
export function chooseLanguage(code: Language): void {
  show(code, true);
}

/** Shows the language that a member has chosen, perhaps on another device. */
export function followMember(code: Language): void {
  show(code, false);
}

function show(code: Language, isUnsaved: boolean): void {
  try {
    localStorage.setItem(STORED, code);
  } catch {
    // The choice then lasts as long as the page.
  }
  markUnsaved(isUnsaved);
  if (code !== language.value) language.set(code);
}

let isUnsavedHere = false;

function markUnsaved(isUnsaved: boolean): void {
  isUnsavedHere = isUnsaved;
  try {
    if (isUnsaved) localStorage.setItem(UNSAVED, "yes");
    else localStorage.removeItem(UNSAVED);
  } catch {
    // This page still knows.
  }
}

/** Whether a choice that was made in this browser is not stored for a member. */
export function hasUnsavedChoice(): boolean {
  try {
    return localStorage.getItem(UNSAVED) !== null;
  } catch {
    return isUnsavedHere;
  }
}

export async function loadTexts<T>(catalog: Catalog<T>, code: Language): Promise<T> {
  return (await catalog[code]()).default;
}

const rules = { en: new Intl.PluralRules("en"), es: new Intl.PluralRules("es") };

/** Returns the form of a noun phrase for a number. */
export function plural(code: Language, count: number, one: string, other: string): string {
  const form = rules[code].select(count) === "one" ? one : other;
  return form.replace("#", count.toLocaleString(code));
}

/** The names of things as a list in a sentence. */
export function namesOf(things: ReadonlyArray<{ name: string }>): string {
  return new Intl.ListFormat(language.value).format(things.map(({ name }) => name));
}

/** Formats a moment in the browser's time zone. */
export function formatMoment(text: string): string {
  return new Date(text).toLocaleString(language.value, { dateStyle: "medium", timeStyle: "short" });
}
