// Dialogs that change a class, in English.

const texts = {
  cancelTitle: (title: string) => `Cancel ${title}?`,
  cancelText: (when: string) => `The class of ${when} will not take place. This cannot be undone.`,
  told: (members: number) =>
    members === 0 ? "Nobody has booked it, so nobody gets an e-mail." : members === 1 ? "1 member gets an e-mail." : `${members} members get an e-mail.`,
  refunded: "Payments become due for refund.",
  reason: "Message to the members",
  reasonHint: "It is part of the e-mail. You can leave it empty.",
  cancelAction: "Cancel the class",
  cancelled: (title: string) => `${title} is cancelled.`,
  substituteTitle: (title: string) => `Who teaches ${title}?`,
  substituteText: (when: string) => `The substitute teaches on ${when} only.`,
  substitute: "Substitute",
  substituteAction: "Save the substitute",
  substituted: (name: string) => `${name} teaches this class.`,
  counting: "Checking who will be told …",
  noSubstitute: "There is no other teacher. Add one under Teachers first.",
};

export type ClassChangesTexts = typeof texts;
export default texts;
