// Takes the picture in README: the home page, with the demo member signed in. `npm run
// picture` does so while `cargo dev` runs on fresh data.

import { chromium } from "@playwright/test";

const url = process.env.SABOR_URL ?? "http://localhost:3000";
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ baseURL: url, colorScheme: "light", locale: "en-US", viewport: { width: 1200, height: 980 } });
const signedIn = await page.request.post("/api/auth/login", {
  data: { email: "ana@sabor.dev", password: "password123" },
  headers: { origin: url },
});
if (!signedIn.ok()) throw new Error(await signedIn.text());
await page.goto("/");
await page.locator(".next-grid .class-card").first().waitFor();
await page.evaluate(() => document.fonts.ready);
await page.screenshot({ path: new URL("../../docs/images/site.png", import.meta.url).pathname });
await browser.close();
