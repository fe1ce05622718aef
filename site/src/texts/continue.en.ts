// The page that continues to a partner application, in English.

const texts = {
  title: "Continue",
  to: (app: string) => `Continue to ${app}`,
  signedInAs: "You are signed in as",
  receives: (host: string) =>
    `${host} will receive your profile: name, e-mail address, phone number, level, language, role at the studio, the date of your registration, and the organization that you act for.`,
  onBehalfOf: "On behalf of",
  myself: "myself",
  button: "Continue",
  signInTitle: "Please sign in first",
  signInText: "After the sign-in you come back to this page.",
  signIn: "Sign in",
  missingTitle: "The link is incomplete",
  missingText: "It must name an application and an address to return to. Please start again from the application.",
  account: "Go to your account",
  failedTitle: "We cannot continue right now",
  unknownApp: (app: string) => `${app} is not a known application.`,
  wrongAddress: (app: string) => `${app} does not accept this return address. Please start again from the application.`,
};

export type ContinueTexts = typeof texts;
export default texts;
