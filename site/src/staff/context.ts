// The texts that the parts of the console have in common.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { StaffTexts } from "../texts/staff.en.ts";

export const StaffTextsContext = createContext<StaffTexts | null>(null);

export function useStaffTexts(): StaffTexts {
  const texts = useContext(StaffTextsContext);
  if (!texts) throw new Error("the page was not shown by `mountStaff`");
  return texts;
}
