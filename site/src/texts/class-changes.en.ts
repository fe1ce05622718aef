// Dialogs that change a class, in English.

const texts = {
  cancelTitle: (title: string) => `Cancel ${title}?`,
  cancelText: (when: string) => `The class of ${when} will not take place. This cannot be undone.`,
  told: (members: number) =>
    members === 0 ? "Nobody has booked it, so nobody gets an e-mail." : members === 1 ? "1 member gets an e-mail." : `${members} members get an e-mail.`,
  refunded: "Payments become due for refund.",
  reason: "Message to the members",
  reasonHint: "It is part of the e-mail.",
  cancelAction: "Cancel the class",
  cancelled: (title: string) => `${title} is cancelled.`,
  substituteTitle: (title: string) => `Who teaches ${title}?`,
  substituteText: (when: string) => `Choose a substitute for ${when}. The other dates stay as they are.`,
  /** The list of those who can teach the class. */
  substitute: "Choose who teaches",
  substitutesFailed: "The teachers could not be loaded.",
  busy: (title: string, time: string) => `Teaches ${title} at ${time}`,
  substituted: (name: string, title: string) => `${name} teaches ${title}.`,
  counting: "Checking who will be told …",
  noSubstitute: "There is no other teacher. Add one under Teachers first.",
};

export type ClassChangesTexts = typeof texts;
export default texts;
