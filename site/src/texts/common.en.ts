// What all pages have in common, in English.

import failures from "./failures.en.ts";

const texts = {
  skip: "Skip to the content",
  main: "Main",
  language: "Language",
  timetable: "Timetable",
  classes: "Classes",
  instructors: "Teachers",
  passes: "Passes",
  contact: "Contact",
  bookings: "My bookings",
  account: "Account",
  staff: "Staff console",
  accountOf: (name: string) => `Account of ${name}`,
  signIn: "Sign in",
  signOut: "Sign out",
  signedOut: "You are signed out.",
  signedOutElsewhere: "You have signed out in another window.",
  home: "Home page",
  tryAgain: "Try again",
  close: "Close",
  copy: "Copy",
  copied: "Copied.",
  cancel: "Cancel",
  showPassword: "Show",
  hidePassword: "Hide",
  request: (id: string) => `Request ${id}`,
  sessionEnded: "Your session has ended. Please sign in again.",
  pageFailed: "Something went wrong on this page. Please reload it.",
  offline: "You are offline. Nothing can be booked until the connection is back.",
  offlineSince: (time: string) => `You are offline. You see what was loaded at ${time}.`,
  online: "You are online again.",
  footer: "Salsa, bachata and more, for every level.",
  map: "Show on the map",
  forDevelopers: "API for developers",
  loading: "Loading …",
  sendLink: "Send a new link",
  sendingLink: "Sending a new link …",
  linkSent: "A new link was sent to your e-mail address. Earlier links no longer work.",
  addressConfirmed: "Your e-mail address is confirmed. Please try again.",
  slow: "This is taking longer than usual. Please keep this page open.",
  failures,
};

export type CommonTexts = typeof texts;
export default texts;
