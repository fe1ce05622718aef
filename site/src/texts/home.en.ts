// The home page in English.

import classes from "./classes.en.ts";

const texts = {
  title: "Sabor con Flow",
  headline: "Come for one song. Stay for the whole night.",
  lead: "Salsa, bachata and more. Small classes, patient teachers, and a floor full of people who were beginners once.",
  timetable: "See the timetable",
  forBeginners: "Classes for beginners",
  nextTitle: "Next in the studio",
  wholeTimetable: "The whole timetable",
  yourNext: "Your next class",
  yourBookings: "All my bookings",
  noneBooked: "You have not booked a class yet.",
  loading: "Loading …",
  bookingsFailed: "It could not be loaded.",
  signedOut: "You are signed out",
  signInText: "Sign in to see your bookings.",
  signIn: "Sign in",
  noClasses: "No classes are planned at the moment. Please look again soon.",
  failed: "The next classes could not be loaded.",
  levelsTitle: "Where do I start?",
  levels: [
    { level: "beginner", name: "Beginner", text: "You have never danced, or not for long. We begin with the basic step, and nobody needs a partner." },
    { level: "intermediate", name: "Intermediate", text: "You dance a whole song without counting aloud. We work on turns, timing, and leading and following." },
    { level: "advanced", name: "Advanced", text: "You dance every week. Fast combinations, styling, and musicality." },
    { level: "all-levels", name: "All levels", text: "For everybody, with or without experience." },
  ],
  dates: "See the dates",
  datesOf: (level: string) => `See the dates: ${level}`,
  visitTitle: "Your first visit",
  visit: [
    { name: "Book a spot", text: "Choose a class for beginners in the timetable. You can cancel it free of charge. Under “My bookings” you see until when." },
    { name: "Wear what you like", text: "Something you can move in, and shoes that turn easily and do not mark the floor." },
    { name: "Come ten minutes early", text: "We show you the room, and the teacher says hello. No partner needed." },
  ],
  beginnerDates: "See the dates for beginners",
  questions: "Is there anything else you would like to know?",
  contact: "Write to us",
  classes,
};

export type HomeTexts = typeof texts;
export default texts;
