// Who may open the console.

import { api, call } from "../api/client.ts";
import type { Session } from "../session.ts";
import { Store } from "../tools/store.ts";
import type { Access } from "./sections.ts";

export type StaffUser = Session["user"];

/** Whether the member teaches. Undefined while that is not known. It is not requested for staff. */
export const isInstructor = new Store<boolean | undefined>(undefined);

export async function loadInstructor(): Promise<void> {
  const { instructorId } = await call(api.GET("/api/auth/me"));
  isInstructor.set(instructorId !== null);
}

export function mayOpen(user: StaffUser, access: Access): boolean {
  const isOnlyInstructor = !user.isStaff && isInstructor.value === true;
  if (access === "instructor") return isOnlyInstructor;
  if (access === "team") return user.isStaff || isOnlyInstructor;
  return access === "admin" ? user.isAdmin : user.isStaff;
}
