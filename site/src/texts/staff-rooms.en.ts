// Rooms in English.

import staff from "./staff.en.ts";
import list from "./studio-list.en.ts";

const texts = {
  title: "Rooms",
  hint: "Classes in the same room cannot overlap.",
  failed: "The rooms could not be loaded.",
  none: "There is no room yet. Each class needs one.",
  add: "Add a room",
  name: "Name",
  nameHint: "All classes in the room show it.",
  list,
  staff,
};

export type StaffRoomsTexts = typeof texts;
export default texts;
