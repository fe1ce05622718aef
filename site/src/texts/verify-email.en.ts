// The page that confirms an e-mail address, in English.

const texts = {
  title: "Your e-mail address",
  confirm: {
    title: "Is this your address?",
    text: "Please confirm that you have received our message. If you did not request it, close this page, and nothing will change.",
    button: "Confirm my address",
  },
  done: {
    title: "Your address is confirmed",
    text: "Thank you. You can book classes now.",
    timetable: "See the timetable",
    book: (title: string) => `Book ${title}`,
    signIn: "Thank you. Sign in, and you can book classes.",
    signInButton: "Sign in",
    signInToBook: (title: string) => `Sign in and book ${title}`,
  },
  ended: {
    title: "This link no longer works",
    text: "It has been used, has expired, or was replaced by a newer link. If the studio invited you, use “Forgot your password?” on the sign-in page. If you are changing your address, request the change again in your account.",
    signInFirst: "Please sign in first to request a new link.",
  },
  missing: {
    title: "The link is missing",
    text: "Please open the complete link from our e-mail again. Reloading this page discards the link.",
  },
  account: "Go to your account",
};

export type VerifyEmailTexts = typeof texts;
export default texts;
