// User accounts for administrators, in English.

import staff from "./staff.en.ts";

const texts = {
  title: "Users",
  hint: "All accounts, newest first",
  search: "Search by name or e-mail address",
  failed: "The accounts could not be loaded.",
  none: "There are no accounts.",
  role: "Role",
  everyRole: "All roles",
  roles: { member: "Member", staff: "Staff", admin: "Administrator" } as Readonly<Record<string, string>>,
  columns: { name: "Name", email: "E-mail", role: "Role", state: "State", sessions: "Sessions" },
  you: "you",
  active: "Active",
  deactivated: "Deactivated",
  closed: "Closed by the member",
  locked: (until: string) => `Sign-in blocked until ${until}`,
  unconfirmed: "E-mail not confirmed",
  actionsOf: (name: string) => `More for ${name}`,
  changeRole: "Change the role",
  changeRoleTitle: (name: string) => `The role of ${name}`,
  roleHint: "Staff see members, bookings, and payments. Administrators also see accounts, applications, and the security log.",
  yourPassword: "Your own password",
  yourPasswordHint: "Needed to give the role of staff or administrator. Leave it empty if you sign in with a provider.",
  isRole: (name: string, role: string) => `The role of ${name} is now: ${role}.`,
  unlock: "Unblock sign-in",
  isUnlocked: (name: string) => `${name} can sign in again.`,
  endSessions: "End all sessions",
  endSessionsTitle: (name: string) => `Sign ${name} out everywhere?`,
  endSessionsText: "All devices are signed out. The account stays as it is.",
  sessionsEnded: (name: string) => `${name} is signed out everywhere.`,
  removeSecondFactor: "Remove two-step sign-in",
  removeSecondFactorTitle: (name: string) => `Remove two-step sign-in from ${name}?`,
  removeSecondFactorText: "Do this only if you are sure who asks: for example, in person at the studio. After it, the password alone is enough to sign in.",
  secondFactorRemoved: (name: string) => `Two-step sign-in is removed from ${name}.`,
  deactivate: "Deactivate",
  deactivateTitle: (name: string) => `Deactivate the account of ${name}?`,
  deactivateText: "The member is signed out everywhere and cannot sign in. Upcoming bookings are cancelled. You can activate the account again, but the bookings stay cancelled.",
  isDeactivated: (name: string) => `The account of ${name} is deactivated.`,
  activate: "Activate again",
  isActivated: (name: string) => `The account of ${name} is active again.`,
  history: "See what the security log says",
  staff,
};

export type AdminUsersTexts = typeof texts;
export default texts;
