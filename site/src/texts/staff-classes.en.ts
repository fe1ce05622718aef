// Class types in English.

import staff from "./staff.en.ts";
import list from "./studio-list.en.ts";

const texts = {
  title: "Class types",
  hint: "What the studio teaches. Dates are planned in the schedule.",
  failed: "The class types could not be loaded.",
  none: "There is no class type yet.",
  add: "Add a class type",
  columns: { name: "Name", level: "Level", duration: "Length", spots: "Spots", price: "Price" },
  minutes: (count: number) => `${count} min`,
  name: "Name",
  description: "Description",
  descriptionHint: "What people learn, and what they should bring",
  level: "Level",
  styles: "Styles",
  stylesHint: "Separated by commas, such as salsa, mambo",
  duration: "Length in minutes",
  spots: "Spots",
  price: "Price of one class",
  image: "Picture",
  imageHint: "An address: a picture of this site, such as /img/classes/salsa.svg, or one that begins with https://",
  list,
  staff,
};

export type StaffClassesTexts = typeof texts;
export default texts;
