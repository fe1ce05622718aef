// Stories of people who lose the connection, and of the service worker that helps them.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as sendRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import type { BrowserContext, Page } from "@playwright/test";
import { buildWorker } from "../sw.config.ts";
import { bookFor, expect, expectAccessible, newMember, open } from "./site.ts";
import { test } from "./studio.ts";

// What the browser says about requests without a connection.
test.use({ serviceWorkers: "allow", expectedErrors: ["net::ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED"] });

/** Opens a page, and waits until the worker has copied the site and shows its pages. */
async function openWithWorker(page: Page, path: string): Promise<void> {
  await open(page, path);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (navigator.serviceWorker.controller) return;
    await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
  });
}

/** The addresses of all answers that the browser has kept about members. */
function answersAboutMembers(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith("answers-of-"));
    const found = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)));
    return found.flat().sort();
  });
}

async function loseConnection(context: BrowserContext, page: Page): Promise<void> {
  await context.setOffline(true);
  await expect(page.getByText(/^You are offline\./)).toBeVisible();
}

test("without a connection, a page opens again with its classes, says from when they are, and is up to date afterwards", async ({ context, page, staff }) => {
  const coming = await staff.newClass();
  const { timetable, title } = coming;
  await openWithWorker(page, timetable);
  await expect(page.getByRole("article").getByText(title)).toBeVisible();
  await loseConnection(context, page);
  await page.reload();
  await expect(page.getByRole("article").getByText(title)).toBeVisible();
  await expect(page.getByText(/^You are offline\. You see what was loaded at \d+:\d\d [AP]M\./)).toBeVisible();
  await expectAccessible(page);

  // The kept answer has the old time, and a refresh of the free spots does not change it.
  await staff.move(coming, "19:30");
  await context.setOffline(false);
  await expect(page.getByText("You are online again.")).toBeVisible();
  await expect(page.getByRole("article").filter({ hasText: title }).getByText("7:30 PM")).toBeVisible();
  await expect(page.getByText(/You see what was loaded at/)).toBeHidden();
});

test("without a connection, a member reads the bookings on a page that was not open before", async ({ context, page, staff }) => {
  const { id, title, timetable } = await staff.newClass();
  await newMember(page);
  await bookFor(page, id);
  await openWithWorker(page, timetable);
  await expect(page.getByRole("link", { name: /^Booked: / })).toBeVisible();
  await expect.poll(() => answersAboutMembers(page)).toContain("/api/bookings/list");
  await loseConnection(context, page);
  await page.goto("/bookings");
  await expect(page.getByRole("heading", { name: title })).toBeVisible();
  await expect(page.getByLabel("Account of Marta")).toBeVisible();
  // The page of the timetable also knows what is booked.
  await page.goto(timetable);
  await expect(page.getByRole("link", { name: /^Booked: / })).toBeVisible();
});

test("without a connection, the page of one class opens, and others in the chosen language", async ({ context, page, staff }) => {
  const { page: path, title } = await staff.newClass();
  await openWithWorker(page, path);
  await page.getByRole("button", { name: "Español" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "es");
  await context.setOffline(true);
  await page.goto(path);
  await expect(page.getByRole("heading", { name: title, level: 1 })).toBeVisible();
  await expect(page.getByText(/^No tienes conexión\./)).toBeVisible();
  await page.goto("/contact");
  await expect(page.getByRole("button", { name: "Enviar" })).toBeVisible();
});

test("without a connection, an address that was not kept says so, and opens when the connection is back", async ({ context, page }) => {
  await openWithWorker(page, "/contact");
  await loseConnection(context, page);
  await page.goto("/docs/payments");
  await expect(page.getByRole("heading", { name: "This page needs a connection" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("main").getByRole("link", { name: "Classes" }).click();
  await expect(page).toHaveURL("/classes");
  await expect(page.getByRole("heading", { name: "Classes" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "This page needs a connection" })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByRole("heading", { name: "Payments", level: 1 })).toBeVisible();
});

test("without a connection, a visitor who books stays on the timetable", async ({ context, page }) => {
  await openWithWorker(page, "/timetable");
  await loseConnection(context, page);
  await page.getByRole("button", { name: /^Book: / }).last().click();
  await expect(page.locator("#message")).toContainText("You are offline. Nothing can be booked");
  await expect(page).toHaveURL("/timetable");
});

test.describe("with an expected rejection", () => {
  // The bookings that a page asks for when the connection is back may be refused after the sign-out.
  test.use({ expectedErrors: ["net::ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED", "status of 401"] });

  test("the kept bookings of a member are gone after a sign-out, and after another member has signed in", async ({ context, page, staff }) => {
    const { id, title } = await staff.newClass();
    await newMember(page);
    await bookFor(page, id);
    await openWithWorker(page, "/bookings");
    await expect.poll(() => answersAboutMembers(page)).toEqual(["/api/auth/session", "/api/bookings/list", "/api/bookings/list", "/api/shop/membership", "/api/shop/passes"]);

    await newMember(page);
    await openWithWorker(page, "/bookings");
    await expect(page.getByText(title)).toHaveCount(0);
    await loseConnection(context, page);
    await page.reload();
    await expect(page.getByRole("heading", { name: "My bookings" })).toBeVisible();
    await expect(page.getByText(title)).toHaveCount(0);
    await context.setOffline(false);
    await expect(page.getByText("You are online again.")).toBeVisible();

    await page.getByLabel("Account of Marta").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect(page.getByText("You are signed out.")).toBeVisible();
    await expect.poll(() => answersAboutMembers(page)).toEqual([]);
    await loseConnection(context, page);
    await page.reload();
    await expect(page.getByRole("main").getByRole("link", { name: "Sign in" })).toBeVisible();
  });
});

test("with a connection, pages come from the server, and nothing private is kept for everybody", async ({ page, request }) => {
  // The browser asks for a new worker at each visit.
  expect((await request.get("/sw.js")).headers()["cache-control"]).toBe("no-cache");
  await newMember(page);
  await openWithWorker(page, "/bookings");
  const kept = await page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => !name.startsWith("answers-of-"));
    const found = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)));
    return found.flat();
  });
  expect(kept).toContain("/bookings");
  expect(kept.filter((path) => path.startsWith("/api/") && !/^\/api\/(studio|classes|instructors)/.test(path))).toEqual([]);

  await page.evaluate(async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("site-")) await (await caches.open(name)).put("/contact", new Response("An old page"));
    }
  });
  await open(page, "/contact");
  await expect(page.getByRole("heading", { name: "Write to us" })).toBeVisible();
});

/**
 * Serves the folder of each path as the platform does. Requests to the API go to the stack. While
 * there is no folder, nothing is served, although the browser has a network.
 */
async function serve(folderOf: (path: string) => string | null): Promise<Server> {
  const types: Record<string, string> = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const folder = folderOf(pathname);
    if (folder === null) return void request.socket.destroy();
    if (pathname.startsWith("/api/")) {
      const { port } = new URL(process.env.SITE ?? "");
      const forward = sendRequest({ port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      return void request.pipe(forward);
    }
    const name = pathname === "/" ? "/index.html" : extname(pathname) ? pathname : `${pathname}.html`;
    try {
      const content = readFileSync(join(folder, name));
      response.writeHead(200, { "content-type": types[extname(name)] ?? "application/octet-stream", "cache-control": "no-cache" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/**
 * Makes a later deployment of a built site. The contact page says something else, and its script
 * and its texts have other names.
 */
async function deployAgain(first: string, folder: string): Promise<void> {
  cpSync(first, folder, { recursive: true });
  const assets = join(folder, "assets");
  const old = readdirSync(assets).filter((name) => /^contact(\.e[ns])?-.*\.js$/.test(name));
  const rename = (text: string) => old.reduce((renamed, name) => renamed.replaceAll(name, laterName(name)), text);
  for (const name of old) {
    const text = readFileSync(join(assets, name), "utf8").replace("Write to us", "Write to the studio");
    rmSync(join(assets, name));
    writeFileSync(join(assets, laterName(name)), rename(text));
  }
  const page = join(folder, "contact.html");
  writeFileSync(page, rename(readFileSync(page, "utf8")));
  await buildWorker(folder);
}

/** The name of a file in the later deployment. */
function laterName(name: string): string {
  return name.replace(/-.*\.js$/, "-second01.js");
}

test.describe("on a deployment of its own", () => {
  let folder = "";
  let server: Server;
  /** The folders of the pages, and of the worker with the assets of its deployment. */
  let deployed = "";
  let worker = "";
  let isReachable = true;

  test.beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sabor-deployments-"));
    deployed = worker = join(folder, "first");
    cpSync(join(import.meta.dirname, "../dist"), deployed, { recursive: true });
    await deployAgain(deployed, join(folder, "second"));
    isReachable = true;
    server = await serve((path) => {
      if (!isReachable) return null;
      return path === "/sw.js" || path.startsWith("/assets/") ? worker : deployed;
    });
  });

  test.afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a new deployment takes over at once, and the scripts of a page that is open stay", async ({ browser }) => {
    const { port } = server.address() as AddressInfo;
    const context = await browser.newContext({ baseURL: `http://localhost:${port}`, locale: "en-US" });
    const page = await context.newPage();
    await openWithWorker(page, "/contact");
    const before = await context.newPage();
    await open(before, "/contact");

    deployed = worker = join(folder, "second");
    await open(page, "/contact");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Write to the studio");
    // The new worker copies the new deployment.
    const scripts = () =>
      page.evaluate(async () => {
        const names = (await caches.keys()).filter((name) => name.startsWith("site-"));
        const latest = await caches.open(names.at(-1) ?? "");
        return (await latest.keys()).map(({ url }) => new URL(url).pathname).filter((path) => /contact-.*\.js/.test(path));
      });
    await expect.poll(scripts).toEqual(["/assets/contact-second01.js"]);
    const isActive = () =>
      page.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration();
        return !registration?.installing && !registration?.waiting && registration?.active?.state === "activated";
      });
    await expect.poll(isActive).toBe(true);
    // The page of before loads Spanish, and its script is the one of before.
    await before.getByRole("button", { name: "Español" }).click();
    await expect(before.locator("html")).toHaveAttribute("lang", "es");

    await loseConnection(context, page);
    await page.goto("/contact");
    await expect(page.locator('script[src="/assets/contact-second01.js"]')).toBeAttached();
    await context.close();
  });

  test("a worker whose deployment was replaced meanwhile is not installed, because its pages need other scripts", async ({ browser }) => {
    deployed = join(folder, "second");
    const { port } = server.address() as AddressInfo;
    const context = await browser.newContext({ baseURL: `http://localhost:${port}`, locale: "en-US" });
    const page = await context.newPage();
    await page.goto("/icon.svg");
    const state = await page.evaluate(async () => {
      const { installing } = await navigator.serviceWorker.register("/sw.js");
      if (!installing) return "redundant";
      return new Promise((resolve) => installing.addEventListener("statechange", () => resolve(installing.state)));
    });
    expect(state).toBe("redundant");
    await context.close();
  });

  test("a page opens as soon as the server can be reached, although the browser had a network before", async ({ browser }) => {
    const { port } = server.address() as AddressInfo;
    const context = await browser.newContext({ baseURL: `http://localhost:${port}`, locale: "en-US" });
    const page = await context.newPage();
    await openWithWorker(page, "/classes");
    isReachable = false;
    await page.goto("/docs/payments");
    await expect(page.getByRole("heading", { name: "This page needs a connection" })).toBeVisible();
    isReachable = true;
    await expect(page.getByRole("heading", { name: "Payments", level: 1 })).toBeVisible();

    isReachable = false;
    await page.goto("/classes");
    await expect(page.getByText(/^You are offline\. You see what was loaded at/)).toBeVisible();
    isReachable = true;
    await expect(page.getByText("You are online again.")).toBeVisible();
    await expect(page.getByText(/You see what was loaded at/)).toBeHidden();
    await context.close();
  });
});
