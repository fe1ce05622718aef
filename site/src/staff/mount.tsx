// Shows a page of the console to those who may open it.

import type { ComponentType } from "preact";
import { mount } from "../components/mount.tsx";
import type { StaffTexts } from "../texts/staff.en.ts";
import type { Catalog } from "../tools/language.ts";
import type { StaffUser } from "./access.ts";
import { StaffTextsContext } from "./context.ts";
import { makeFrame } from "./frame.tsx";
import { Guard } from "./guard.tsx";
import type { Access, SectionName } from "./sections.ts";
import "./staff.css";

/** What the texts of each page of the console have. */
export interface StaffPageTexts {
  title: string;
  staff: StaffTexts;
}

interface StaffPage<T> {
  catalog: Catalog<T>;
  /** The section that the navigation marks. */
  section: SectionName;
  /** Who may open the page; staff by default. */
  access?: Access;
  Page: ComponentType<{ t: T; user: StaffUser }>;
}

export function mountStaff<T extends StaffPageTexts>({ catalog, section, access = "staff", Page }: StaffPage<T>): Promise<void> {
  const GuardedPage = ({ t }: { t: T }) => (
    <StaffTextsContext.Provider value={t.staff}>
      <Guard t={t.staff} access={access}>
        {(user) => <Page key={user.id} t={t} user={user} />}
      </Guard>
    </StaffTextsContext.Provider>
  );
  return mount(withFailures(catalog), GuardedPage, makeFrame<T>(section));
}

/** Adds the sentences for the failures of the console to the texts of a page. */
function withFailures<T extends StaffPageTexts>({ en, es }: Catalog<T>): Catalog<T> {
  const add = ({ default: texts }: { default: T }) => ({ default: { ...texts, failures: texts.staff.failures } });
  return { en: async () => add(await en()), es: async () => add(await es()) };
}
