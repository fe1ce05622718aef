// The timetable in English.

import { plural } from "../tools/language.ts";
import classes from "./classes.en.ts";

const texts = {
  title: "Timetable",
  skip: "Skip to the classes",
  lead: "Book your spot now, and pay later.",
  earlier: "Earlier",
  later: "Later",
  week: "Week",
  filters: "Filter",
  level: "Level",
  allLevels: "Any level",
  style: "Style",
  allStyles: "Any style",
  teacher: "Teacher",
  allTeachers: "Any teacher",
  room: "Room",
  allRooms: "Any room",
  moreFilters: (active: number) => (active > 0 ? `More filters (${active})` : "More filters"),
  days: "Days",
  today: "Today",
  none: "No classes on this day.",
  started: (count: number) => plural("en", count, "# class has started", "# classes have started"),
  noneMatch: "No classes on these days match your filters.",
  clear: "Show all classes",
  noneAtAll: "There are no classes on these days.",
  nextDays: "Look at the next days",
  failed: "The timetable could not be loaded.",
  zone: (zone: string) => `All times are those of the studio (${zone}).`,
  classes,
};

export type TimetableTexts = typeof texts;
export default texts;
