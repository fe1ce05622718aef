// Courses in the shop, in English.

import { plural } from "../tools/language.ts";

const texts = {
  title: "Courses",
  hint: "A course is several classes that you buy together. You get a spot in each class that is still to come. Nothing is refunded for a class that you miss or cancel. If the studio cancels a class, its part of the price is refunded.",
  weekly: (weekday: string, times: string) => `${weekday}s, ${times}`,
  fromTo: (first: string, last: string) => `${first} – ${last}`,
  with: (names: string) => `with ${names}`,
  count: (count: number) => plural("en", count, "# class", "# classes"),
  left: (count: number) => plural("en", count, "# is left", "# are left"),
  reduced: "You pay only for the classes that are still to come.",
  spots: (count: number) => plural("en", count, "# spot left", "# spots left"),
  full: "Full",
  dates: "All dates",
  datesOf: (course: string) => `All dates: ${course}`,
  cancelled: "cancelled",
  dropIn: "You can also book single classes.",
  atStudio: "You can buy this course at the studio.",
  owned: "You are in this course.",
  unpaid: "You have ordered this course. You lose your spots if it is not paid in time.",
  goOn: "Go on paying",
  goOnNamed: (course: string) => `Go on paying: ${course}`,
};

export type CoursesTexts = typeof texts;
export default texts;
