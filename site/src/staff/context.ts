// The texts that the parts of the console have in common.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import english, { type StaffTexts } from "../texts/staff.en.ts";

export const StaffTextsContext = createContext<StaffTexts>(english);

export function useStaffTexts(): StaffTexts {
  return useContext(StaffTextsContext);
}
