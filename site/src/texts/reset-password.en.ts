// The page that sets a new password, in English.

const texts = {
  title: "New password",
  choose: {
    title: "Choose a new password",
    label: "New password",
    hint: "At least 8 characters. Several words make a good password.",
    unlink: "Remove sign-in through other providers, such as Google",
    effect: "This signs you out on all devices, and your calendar links stop working.",
    button: "Set the password",
    confirmed: "Your e-mail address is confirmed. Now choose the password of your account.",
  },
  done: { title: "Your new password is set", text: "You have been signed out on all devices.", signIn: "Sign in" },
  ended: {
    title: "This link no longer works",
    text: "The link has been used, is older than an hour, or has been replaced by a newer one.",
  },
  missing: {
    title: "The link is missing",
    text: "Please open the complete link from our e-mail again. Reloading this page discards the link.",
  },
  request: "Request a new link",
};

export type ResetPasswordTexts = typeof texts;
export default texts;
