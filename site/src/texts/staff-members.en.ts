// Members for staff, in English.

import staff from "./staff.en.ts";

const texts = {
  title: "Members",
  hint: "Active accounts, newest first",
  search: "Search by name or e-mail address",
  failed: "The members could not be loaded.",
  none: "There are no members yet.",
  columns: { name: "Name", email: "E-mail", phone: "Telephone", level: "Level", visit: "Last visit", since: "Member since" },
  noVisit: "none yet",
  quietSince: (day: string) => `Members who used to come, but not since ${day}`,
  showAll: "Show all members",
  unconfirmed: "not confirmed",
  add: "Add a member",
  addTitle: "Add a member",
  addText: "For somebody who comes without an account. They get an e-mail with a link to choose a password, and you can book for them at once.",
  firstName: "First name",
  lastName: "Last name",
  email: "E-mail address",
  phone: "Telephone",
  phoneHint: "Optional, with the country, such as +1 303 555 0142",
  level: "Level",
  language: "Language of the invitation",
  languages: { en: "English", es: "Spanish" },
  send: "Add and invite",
  added: (name: string) => `${name} is a member now, and gets an invitation.`,
  staff,
};

export type StaffMembersTexts = typeof texts;
export default texts;
