// A member's settings in English.

import calendar from "./calendar.en.ts";

const texts = {
  parts: "Parts of this page",
  saved: "Your changes are saved.",
  save: "Save",
  failed: "Your details could not be loaded.",
  profile: {
    title: "Your details",
    firstName: "First name",
    lastName: "Last name",
    phone: "Telephone",
    phoneHint: "With the country code, such as +1 303 555 0142.",
    dateOfBirth: "Date of birth",
    level: "How long have you danced?",
    levels: {
      beginner: "I am a beginner",
      intermediate: "I dance a whole song",
      advanced: "I dance every week",
    },
  },
  emergency: {
    title: "Emergencies and health",
    lead: "So that we can help if something happens in class. All of it is optional.",
    name: "Whom should we call?",
    phone: "Their telephone number",
    conditions: "Is there something that your teacher should know?",
    conditionsHint: "For example an injury, or a pregnancy. It is stored encrypted. Staff can read it only for a class that you have booked, and each time is recorded.",
    unreadable: "What you entered about your health can no longer be read. Please enter it again.",
  },
  mails: {
    title: "E-mail preferences",
    categories: {
      reminders: "Class reminders, a day before",
      bookings: "Booking confirmations",
      waitlist: "Waitlist updates and free spots",
      schedule: "Changes of time, room, or teacher",
      passes: "Passes that end within a week",
    },
    marketing: "News, parties, and offers",
    waitlist: "If you turn off waitlist e-mails, check “My bookings” to see whether you have a spot.",
    always: "We always write about payments and refunds, cancelled classes, and the security of your account.",
    categoryIsOn: (name: string) => `Turned on: ${name}.`,
    categoryIsOff: (name: string) => `Turned off: ${name}.`,
    isOn: "You will receive our news.",
    isOff: "You will not receive any news.",
  },
  language: {
    title: "Language",
    lead: "The language of this site, and of our e-mails to you.",
  },
  data: {
    title: "Your data",
    lead: "Download what we store about you: your details, bookings and what happened to them, sessions, and ways to sign in. The file is JSON, which people and programs can read.",
    button: "Download my data",
    progress: "Collecting your data",
    done: "Your data is in your downloads.",
    steps: {
      profile: "Your details",
      upcomingBookings: "Upcoming bookings",
      pastBookings: "Past bookings",
      membership: "Membership",
      passes: "Passes",
      credit: "Credit",
      mailPreferences: "E-mail preferences",
      events: "Events of your bookings",
      sessions: "Sessions",
      signInMethods: "Sign-in methods",
      twoFactor: "Two-factor authentication",
    },
  },
  close: {
    title: "Close the account",
    lead: "This cannot be undone.",
    losses: [
      "Your upcoming bookings are cancelled, and you lose your places on waitlists. You get money back only for classes that can still be cancelled free of charge.",
      "You lose your spots in courses, and nothing is refunded for them.",
      "Your passes and your membership end at once. No further payments are taken for the membership.",
      "You lose your credit. Use it before, or ask the studio to pay it out.",
      "Your name, telephone number, and all other personal details are erased.",
      "You are signed out on all devices, and your calendar links stop working.",
      "You can register again with the same address, but you start from the beginning.",
    ],
    word: "close",
    confirmation: "Confirmation",
    typeWord: (word: string) => `Type the word “${word}”.`,
    button: "Close my account",
    done: "Your account is closed. We have sent you an e-mail about it.",
    noPassword: "Your account has no password. Please sign in through your provider again. You then have ten minutes to close the account.",
  },
  calendar,
};

export type SettingsTexts = typeof texts;
export default texts;
