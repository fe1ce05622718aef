// Who may open the console.

import type { Session } from "../session.ts";
import type { Access } from "./sections.ts";

export type StaffUser = Session["user"];

export function mayOpen(user: StaffUser, access: Access): boolean {
  if (access === "admin") return user.isAdmin;
  return user.isStaff;
}
