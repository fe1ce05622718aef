// Who may open the console, and who was here last, for the time without a connection.

import { type Session, session } from "../session.ts";
import type { Access } from "./sections.ts";

export type StaffUser = Pick<Session["user"], "id" | "firstName" | "isStaff" | "isAdmin">;

export function mayOpen(user: StaffUser, access: Access): boolean {
  if (access === "admin") return user.isAdmin;
  return user.isStaff;
}

const STORED = "staff-user";

/** Keeps who uses the console, so that it opens without a connection. */
export function rememberUser({ id, firstName, isStaff, isAdmin }: StaffUser): void {
  try {
    localStorage.setItem(STORED, JSON.stringify({ id, firstName, isStaff, isAdmin }));
  } catch {
    // The console then needs a connection to open.
  }
}

/** Returns who has used the console in this browser and has not signed out. */
export function rememberedUser(): StaffUser | null {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "null") as StaffUser | null;
  } catch {
    return null;
  }
}

// Another person may use the device next.
session.follow(() => {
  if (session.value !== null) return;
  try {
    localStorage.removeItem(STORED);
  } catch {
    // Nothing was stored.
  }
});
