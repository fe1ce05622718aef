// The first steps of a new studio, in English.

import staff from "./staff.en.ts";
import classes from "./staff-classes.en.ts";
import sales from "./staff-sales.en.ts";
import schedule from "./staff-schedule.en.ts";

const texts = {
  title: "Setup",
  hint: "From an empty studio to the first class in the timetable",
  failed: "The setup could not be loaded.",
  progress: (done: number, all: number) => `${done} of ${all} steps are done.`,
  done: "Done",
  toDo: "To do",
  steps: {
    studio: { title: "The studio", text: "Its name, time zone, and currency" },
    room: { title: "A room", text: "Where classes take place. Two classes cannot be in the same room at the same time." },
    instructor: { title: "A teacher", text: "Who teaches. The name is shown with each class." },
    classType: { title: "A class type", text: "What is taught: its level, length, spots, and price" },
    weekly: { title: "A weekly class", text: "When it takes place. Its dates are made eight weeks ahead, and more are added by themselves." },
    pass: { title: "A pass", text: "What members can buy in advance, such as ten classes. A studio can also work without passes." },
    payment: { title: "Payment", text: "How members pay" },
  },
  studioFacts: (name: string, zone: string, currency: string) => `${name}, ${zone}, ${currency}.`,
  studioHow: "These are the settings STUDIO_NAME, STUDIO_TIMEZONE, and STUDIO_CURRENCY of the deployment.",
  cardsOn: "Members pay by card, or at the desk.",
  cardsOff: "Members pay at the desk. For cards, set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET in the deployment.",
  add: { room: "Add a room", instructor: "Add a teacher", classType: "Add a class type", weekly: "Add a weekly class", pass: "Add a pass" },
  more: "See all",
  name: "Name",
  added: (name: string) => `${name} is added.`,
  finished: "Everything is ready: visitors can book your classes.",
  toTimetable: "See the timetable",
  classes,
  sales,
  schedule,
  staff,
};

export type StaffSetupTexts = typeof texts;
export default texts;
