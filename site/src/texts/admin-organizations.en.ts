// Organizations for administrators, in English.

import staff from "./staff.en.ts";

const texts = {
  title: "Organizations",
  hint: "Groups that members can act for at partner applications",
  failed: "The organizations could not be loaded.",
  none: "There are no organizations yet.",
  columns: { name: "Name", slug: "Short name", members: "Members", since: "Created" },
  add: "Create an organization",
  name: "Name",
  slug: "Short name",
  slugHint: "Lowercase letters, digits, and hyphens, such as latin-night",
  created: (name: string) => `${name} is created.`,
  saved: (name: string) => `${name} is saved.`,
  actionsOf: (name: string) => `More for ${name}`,
  edit: "Rename",
  editTitle: (name: string) => `Rename ${name}`,
  people: "Members",
  peopleTitle: (name: string) => `Members of ${name}`,
  noPeople: "Nobody belongs to this organization.",
  roles: { owner: "Owner", admin: "Administrator", member: "Member" } as Readonly<Record<string, string>>,
  remove: (email: string) => `Remove ${email}`,
  removed: (email: string, name: string) => `${email} no longer belongs to ${name}.`,
  search: "Find somebody to add",
  addMember: (name: string) => `Add ${name}`,
  added: (member: string, name: string) => `${member} belongs to ${name} now.`,
  roleOf: (email: string) => `Role of ${email}`,
  staff,
};

export type AdminOrganizationsTexts = typeof texts;
export default texts;
