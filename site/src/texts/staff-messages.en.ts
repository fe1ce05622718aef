// Messages from the contact form, in English.

import staff from "./staff.en.ts";

const texts = {
  title: "Messages",
  hint: "From the contact form, newest first",
  which: "Which messages",
  open: "To answer",
  processed: "Answered",
  all: "All",
  failed: "The messages could not be loaded.",
  noneOpen: "No message waits for an answer.",
  none: "Nobody has written yet.",
  reply: "Reply by e-mail",
  /** The subject of a reply. */
  replySubject: (subject: string) => `Re: ${subject}`,
  /** The line above the quoted message. */
  wrote: (name: string, when: string) => `${name} wrote on ${when}:`,
  call: (phone: string) => `Call ${phone}`,
  markProcessed: "Mark as answered",
  markOpen: "Move back to “To answer”",
  isProcessed: (name: string) => `The message of ${name} is marked as answered.`,
  isOpen: (name: string) => `The message of ${name} is to be answered.`,
  answeredOn: (when: string) => `Answered on ${when}`,
  staff,
};

export type StaffMessagesTexts = typeof texts;
export default texts;
