// Failures in English. The API's own messages are in English, so `byCode` has only those that
// people would not understand.

export interface FailureTexts {
  unreachable: string;
  tooSlow: string;
  missingFields: string;
  invalidFields: string;
  unexpected: (status: number) => string;
  retryAfter: (seconds: number) => string;
  /** Loads the sentences by the `code` of a response. */
  byCode: () => Promise<Readonly<Record<string, string>>>;
  /** What is wrong with a field. `problems` are the API's English phrases. */
  field: (label: string, problems: string[]) => string;
}

function duration(seconds: number): string {
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutes`;
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

const texts: FailureTexts = {
  unreachable: "The server cannot be reached. Please check your connection and try again.",
  tooSlow: "The server took too long to respond. Please try again.",
  missingFields: "Please fill in the highlighted fields.",
  invalidFields: "Please check the highlighted fields.",
  unexpected: (status) => `The server sent an unexpected response (${status}). Please try again.`,
  retryAfter: (seconds) => `You can try again in ${duration(seconds)}.`,
  byCode: async () => ({
    email_not_verified: "Please confirm your e-mail address first. Open the link that we have e-mailed to you.",
    invalid_credentials: "The e-mail address or the password is wrong.",
  }),
  field: (label, problems) => `${label}: ${problems.join(", ")}.`,
};

export default texts;
