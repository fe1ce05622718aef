// The page that switches e-mails off, in English.

const texts = {
  title: "E-mail preferences",
  /** By the category in the link, as the object of a sentence. */
  categories: {
    reminders: "reminders of your classes",
    bookings: "confirmations of your bookings",
    waitlist: "waitlist updates",
    schedule: "e-mails about changed classes",
    passes: "e-mails about passes that end soon",
  } as Readonly<Record<string, string>>,
  otherCategory: "these e-mails",
  confirm: {
    title: "Unsubscribe?",
    text: (name: string) => `You will no longer receive ${name}.`,
    waitlist: "We may give you a spot without an e-mail. Check “My bookings” to see it.",
    hint: "We still write about payments and refunds, cancelled classes, and the security of your account.",
    button: "Unsubscribe",
  },
  done: {
    title: "You are unsubscribed",
    text: (name: string) => `You will no longer receive ${name}. You can turn them on again in your account.`,
  },
  ended: {
    title: "This link does not work",
    text: "The link is incomplete or too old. You can change your e-mail preferences in your account.",
  },
  missing: {
    title: "The link is missing",
    text: "Please open the complete link from our e-mail again, or change your e-mail preferences in your account.",
  },
  account: "E-mail preferences",
};

export type UnsubscribeTexts = typeof texts;
export default texts;
