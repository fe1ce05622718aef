// The API reference in English. The description itself is English in every language.

const texts = {
  title: "API reference",
  find: "Find an operation",
  placeholder: "bookings, PATCH, email_taken …",
  found: (count: number) => (count === 1 ? "1 operation" : `${count} operations`),
  operations: "Operations",
  skip: "Skip the index",
  authentication: "Authentication",
  parameters: "Parameters",
  body: (type: string) => `Body (${type})`,
  tryIt: "Try it",
  command: "Command",
  responses: "Responses",
  headers: "Headers:",
  example: "Example",
  fields: "Fields",
  next: "Next:",
  required: "required",
  copy: "Copy",
  copied: "The command was copied.",
  openToAll: "Open to everybody.",
  requires: (ways: string) => `Requires ${ways}.`,
  or: " or ",
  ways: {
    session: "a session cookie",
    accessToken: "an access token",
    partner: "the name and secret of a partner application",
    cron: "the cron secret",
  } as Readonly<Record<string, string>>,
  link: "Link to this operation",
  download: "OpenAPI description:",
  failed: "The API reference could not be loaded.",
};

export type DocsTexts = typeof texts;
export default texts;
