// Teachers in English.

import staff from "./staff.en.ts";
import list from "./studio-list.en.ts";

const texts = {
  title: "Teachers",
  hint: "Who teaches at the studio",
  failed: "The teachers could not be loaded.",
  none: "There is no teacher yet. Each class needs one.",
  add: "Add a teacher",
  columns: { name: "Name", styles: "Styles", account: "Account" },
  linked: "Sees their own classes",
  notLinked: "No account",
  name: "Name",
  bio: "About",
  styles: "Styles",
  stylesHint: "Separated by commas, such as salsa, bachata",
  experience: "Years of experience",
  image: "Portrait",
  imageHint: "An address: a picture of this site, such as /img/people/ana.svg, or one that begins with https://",
  rate: "Pay for an hour",
  rateHint: "Only staff see it.",
  account: "Member account",
  accountHint: "With a linked account, the teacher sees the rosters of their own classes and checks members in.",
  list,
  staff,
};

export type StaffInstructorsTexts = typeof texts;
export default texts;
