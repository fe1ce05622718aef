// A smoke test that calls functions of a running site: node smoke.mjs URL ENV_FILE.
// `vercel dev` builds each function at its first request, so first calls are slow.

import { readFileSync } from "node:fs";

const [site, environment] = process.argv.slice(2);
const secret = /^CRON_SECRET=(.+)$/m.exec(readFileSync(environment, "utf8"))?.[1];
const email = `smoke-${Date.now()}@example.com`;
const password = "una contraseña larga";

const started = Date.now();

/** Sends a request, checks the status, and logs the status and the duration. */
async function call(description, method, path, status, { cookie, body, bearer, accept } = {}) {
  const before = Date.now();
  // The headers that a browser sends with a page's own requests.
  const headers = { origin: site, "sec-fetch-site": "same-origin" };
  if (cookie) headers.cookie = cookie;
  if (accept) headers.accept = accept;
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  if (body) headers["content-type"] = "application/json";
  const response = await fetch(site + path, {
    method,
    headers,
    body: body && JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(300_000),
  });
  const text = await response.text();
  const line = `${method} ${path}: ${response.status}, ${((Date.now() - before) / 1000).toFixed(1)} s`;
  console.log(`${line} (${description})`);
  if (response.status !== status) throw new Error(`${description}: ${line}, expected ${status}: ${text}`);
  const firstCookie = response.headers.getSetCookie()[0]?.split(";")[0];
  const type = response.headers.get("content-type") ?? "";
  const json = type.startsWith("application/json") ? JSON.parse(text) : undefined;
  return { headers: response.headers, text, json, cookie: firstCookie };
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

async function run() {
  const health = await call("health", "GET", "/api/health", 200);
  expect(health.json.status === "healthy", `the stack is ${health.text}`);

  // Accounts, at the functions' own paths and through rewrites.
  const form = { email, password, name: "Ana Reyes" };
  const phone = await call("register", "POST", "/api/auth/register", 201, { body: form });
  expect(phone.cookie, "the registration set no cookie");
  // The address of a demo account, which is confirmed. An address that no account has
  // confirmed can be registered again.
  const again = { ...form, email: "ana@sabor.dev" };
  const taken = await call("register a taken address, through a rewrite", "POST", "/signup", 409, { body: again });
  expect(taken.json.code === "email_taken", `expected email_taken: ${taken.text}`);
  const unknown = await call("an unknown query parameter, through a rewrite", "POST", "/signup?from=smoke", 400, { body: again });
  expect(unknown.json.details?.from, `expected a problem of the parameter: ${unknown.text}`);
  const login = { email, password };
  const laptop = await call("sign in", "POST", "/api/auth/login", 200, { body: login });
  await call("sign in with a wrong password", "POST", "/api/auth/login", 401, { body: { ...login, password: "wrong" } });
  const session = await call("who is signed in", "GET", "/api/auth/session", 200, laptop);
  expect(session.json.user.email === email, `another member is signed in: ${session.text}`);

  // Sessions.
  const list = await call("list the sessions", "GET", "/api/sessions", 200, laptop);
  const other = list.json.items.find((item) => !item.current);
  expect(list.json.items.length === 2 && other, `expected two sessions: ${list.text}`);
  await call("end a session, through a dynamic segment", "DELETE", `/api/sessions/${other.id}`, 200, laptop);
  await call("use the ended session", "GET", "/api/auth/session", 401, phone);
  await call("sign out, through a rewrite", "POST", "/logout", 200, { ...laptop, body: {} });
  await call("use the session after signing out", "GET", "/api/auth/session", 401, laptop);

  // Pages without scripts, and files for search engines.
  const timetable = await call("the timetable as a page", "GET", "/api/classes/schedule", 200, { accept: "text/html" });
  expect(timetable.text.startsWith("<!doctype html>"), `the timetable is not a page: ${timetable.text}`);
  const robots = await call("the rules for search engines, through a rewrite", "GET", "/robots.txt", 200);
  expect(robots.text.includes("Disallow: /api/"), `unexpected rules: ${robots.text}`);
  const sitemap = await call("the sitemap, through a rewrite with a parameter", "GET", "/sitemap.xml?now=1", 200);
  expect(sitemap.text.includes("/timetable</loc>"), `unexpected sitemap: ${sitemap.text}`);

  // Operations.
  const cleaned = await call("run the clean-up, as cron does", "GET", "/api/admin/cleanup-sessions", 200, { bearer: secret });
  expect(cleaned.json.success && cleaned.json.remaining === false, `the clean-up is incomplete: ${cleaned.text}`);

  // Rejected requests.
  const method = await call("a wrong method", "GET", "/api/auth/login", 405);
  expect(method.headers.get("allow")?.includes("POST"), "the 405 response has no Allow header");
  await call("an unknown function", "GET", "/api/nowhere", 404);
  await call("an unknown page", "GET", "/nowhere", 404);

  // Pages are served, and files of the repository are not.
  const page = await call("a static page", "GET", "/", 200);
  expect(page.headers.get("content-security-policy"), "/ has no Content-Security-Policy");
  const reference = await call("a page at its clean URL", "GET", "/docs", 200);
  expect(reference.text.includes("API reference"), `/docs is not the API reference: ${reference.text}`);
  for (const path of ["/Cargo.toml", "/site/package.json", "/package.json", "/migrations/0001_initial.up.sql", "/lib/src/lib.rs", "/.env"]) {
    const response = await call("a file that must not be served", "GET", path, 404);
    expect(!response.text.includes("POSTGRES_URL="), `${path} shows secrets`);
  }
}

try {
  await run();
  console.log(`The smoke test took ${((Date.now() - started) / 1000).toFixed(0)} s.`);
} catch (error) {
  console.error(error.cause ? `${error.message}: ${error.cause.message ?? error.cause}` : error.message);
  process.exitCode = 1;
}
