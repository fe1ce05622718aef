// What all pages have in common, in English.

const texts = {
  skip: "Skip to the content",
  menu: "Menu",
  main: "Main",
  language: "Language",
  timetable: "Timetable",
  classes: "Classes",
  contact: "Contact",
  bookings: "My bookings",
  account: "Account",
  accountOf: (name: string) => `Account of ${name}`,
  signIn: "Sign in",
  signOut: "Sign out",
  signedOut: "You are signed out.",
  signedOutElsewhere: "You have signed out in another window.",
  home: "Home page",
  tryAgain: "Try again",
  close: "Close",
  cancel: "Cancel",
  showPassword: "Show",
  hidePassword: "Hide",
  passwordShown: "The password is shown",
  request: (id: string) => `Request ${id}`,
  sessionEnded: "Your session has ended. Please sign in again.",
  pageFailed: "Something went wrong on this page. Please reload it.",
  footer: "Salsa, bachata and more, for every level.",
  forDevelopers: "API for developers",
  licenses: "Licenses",
  loading: "Loading …",
};

export type CommonTexts = typeof texts;
export default texts;
