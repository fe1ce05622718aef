// What became of check-ins, in English.

const texts = {
  notices: "What you should know",
  dismiss: "Got it",
  noticeAlready: (name: string, who: string, time: string) => `${name} had already been checked in by ${who} at ${time}.`,
  noticeNotUndone: (name: string, who: string, time: string) => `The check-in of ${name} was not undone: ${who} had made it at ${time}.`,
  noticeChanged: (name: string) => `The check-in of ${name} was not undone, because a colleague has changed it since.`,
  noticeNoPlace: (name: string) => `${name} could not be checked in, because the booking has no spot any longer.`,
  noticeNotOpen: (name: string) => `${name} could not be checked in, because check-in was not open yet.`,
  noticeClassCancelled: (name: string) => `${name} could not be checked in, because the class is cancelled.`,
  noticeRefused: (name: string) => `The check-in of ${name} was refused. Please try again.`,
  someone: "a colleague",
};

export type CheckInTexts = typeof texts;
export default texts;
