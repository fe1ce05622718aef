import { defineConfig, devices, type PlaywrightTestConfig } from "@playwright/test";

/** How to start the whole browser. */
export const wholeBrowser = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] };

export const base: PlaywrightTestConfig = {
  testDir: "tests",
  globalSetup: "./tests/stack.ts",
  outputDir: "test-results",
  forbidOnly: true,
  fullyParallel: true,
  // Two browsers share the stack and the processor.
  workers: 2,
  // A test that fails once and then passes is reported as flaky.
  retries: 1,
  // On a busy machine, a page can take many seconds.
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    ...devices["Desktop Chrome"],
    // Without a limit, a click on a button that is not there takes the whole time of the test.
    actionTimeout: 60_000,
    launchOptions: {
      ...wholeBrowser,
      // Chromium without windows, which takes half the processor time of `chromium --headless`.
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium-headless-shell",
    },
    locale: "en-US",
    // The service worker would load the whole site in each test. Tests of the worker allow it.
    serviceWorkers: "block",
    timezoneId: "America/Denver",
    // Tracing each test would take a fifth of the processor time.
    trace: "on-first-retry",
  },
};

export default defineConfig(base);
