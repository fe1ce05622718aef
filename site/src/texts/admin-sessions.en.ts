// The sessions of all members and visitors, in English.

import staff from "./staff.en.ts";

const texts = {
  title: "Sessions",
  hint: "Of members and visitors, newest first",
  failed: "The sessions could not be loaded.",
  none: "There are no sessions.",
  facts: "Sessions at a glance",
  active: "Active sessions",
  users: "Members signed in",
  anonymous: "Visitors who are not signed in",
  perUser: "Sessions per member",
  columns: { member: "Member", device: "Device", ip: "IP address", active: "Last active", since: "Started" },
  anonymousMember: "A visitor",
  current: "this browser",
  endAll: "Sign everybody out",
  endAllTitle: "Sign everybody out?",
  endAllText: "Every session ends, also yours. Use this if session tokens may have been stolen.",
  /** What must be typed to sign everybody out. */
  endAllName: "everybody",
  staff,
};

export type AdminSessionsTexts = typeof texts;
export default texts;
