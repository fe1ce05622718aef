// The page that switches e-mails off, in English.

const texts = {
  title: "Your e-mails",
  /** By the category in the link, as the object of a sentence. */
  categories: {
    reminders: "reminders of your classes",
    bookings: "confirmations of your bookings",
    waitlist: "e-mails about waitlists",
    schedule: "e-mails about changed classes",
    passes: "e-mails about passes that end soon",
  } as Readonly<Record<string, string>>,
  otherCategory: "these e-mails",
  confirm: {
    title: "Fewer e-mails?",
    text: (name: string) => `We then no longer send you ${name}.`,
    hint: "We still write about payments and refunds, cancelled classes, and the security of your account.",
    button: "Stop these e-mails",
  },
  done: {
    title: "Done",
    text: (name: string) => `We no longer send you ${name}. You can change this in your account at any time.`,
  },
  ended: {
    title: "This link does not work",
    text: "It is not complete, or it is very old. You can choose your e-mails in your account.",
  },
  missing: {
    title: "The link is missing",
    text: "Please open the complete link from our e-mail again, or choose your e-mails in your account.",
  },
  account: "Choose in your account",
};

export type UnsubscribeTexts = typeof texts;
export default texts;
