// Lists of what a studio has, such as rooms, in English.

const texts = {
  which: "Which entries",
  active: "In use",
  retired: "Retired",
  actionsOf: (name: string) => `More for ${name}`,
  edit: "Change",
  editTitle: (name: string) => `Change ${name}`,
  added: (name: string) => `${name} is added.`,
  saved: (name: string) => `${name} is saved.`,
  retire: "Retire",
  retireTitle: (name: string) => `Retire ${name}?`,
  retireText: "Nothing new can be planned with it. What is planned stays, and you can bring it back.",
  /** After the retirement of something that classes still use. */
  stillUsed: (name: string, weekly: number, coming: number) => `${name} is retired. Still planned with it: ${weekly} weekly classes and ${coming} coming dates.`,
  retiredNow: (name: string) => `${name} is retired.`,
  reactivate: "Bring back",
  reactivated: (name: string) => `${name} is in use again.`,
  noneRetired: "Nothing is retired.",
};

export type StudioListTexts = typeof texts;
export default texts;
