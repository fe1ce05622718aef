// The pages for developers in English. The reference itself is English in every language.

const texts = {
  title: "API reference",
  developers: "For developers",
  pages: [
    { href: "/docs", name: "API reference" },
    { href: "/docs/sign-in", name: "Sign in" },
    { href: "/docs/book-a-class", name: "Book a class" },
    { href: "/docs/payments", name: "Payments" },
    { href: "/docs/partner-applications", name: "Partner applications" },
    { href: "/docs/errors", name: "Error codes" },
  ],
  lead: "All operations of the studio's API, with samples to copy. The button “Run” sends the request to this studio.",
  signedInAs: (name: string) => `Requests are sent with your session, as ${name}.`,
  signedOut: "You are not signed in. Operations for members return 401.",
  signIn: "Sign in",
  download: "OpenAPI description",
  find: "Find an operation",
  placeholder: "bookings, PATCH, email_taken …",
  found: (count: number) => (count === 1 ? "1 operation" : `${count} operations`),
  confirmTitle: "Send this request?",
  confirmText: (request: string) => `${request} deletes data of this studio. This cannot be undone.`,
  send: "Send the request",
  failed: "The API reference could not be loaded.",
};

export type DocsTexts = typeof texts;
export default texts;
