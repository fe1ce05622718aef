// A studio where each cancellation is late.

import { type Stack, startStack } from "./stack.ts";
import { test as base, withStaff } from "./studio.ts";

/** A test at a stack of its own. The process runs only tests of this stack. */
export const test = base.extend<object, { stack: Stack }>({
  stack: [
    async ({}, use) => {
      const stack = await startStack({ CANCELLATION_WINDOW_HOURS: "720", FREE_CANCELLATION_GRACE_MINUTES: "0" });
      process.env.SITE = stack.url;
      process.env.MAIL = stack.mail;
      await use(stack);
      await stack.stop();
    },
    // On a busy machine, a stack takes a while to start.
    { scope: "worker", timeout: 300_000 },
  ],
  baseURL: async ({ stack }, use) => use(stack.url),
  staff: [
    async ({ stack }, use) => {
      if (process.env.SITE !== stack.url) throw new Error("The tests of another stack run in this process.");
      await withStaff(use);
    },
    { scope: "worker" },
  ],
});
