// Measurements and screenshots of the built site. One at a time, so that they do not disturb
// each other, and in the whole browser.

import { defineConfig } from "@playwright/test";
import { base, wholeBrowser } from "./playwright.config.ts";

export default defineConfig({
  ...base,
  testDir: "gates",
  fullyParallel: false,
  workers: 1,
  timeout: 300_000,
  use: {
    ...base.use,
    launchOptions: wholeBrowser,
  },
});
