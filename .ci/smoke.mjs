// A walk through the functions: node smoke.mjs URL ENV_FILE.
// Each function is built when it is first asked for, so the first call is slow.

import { readFileSync } from "node:fs";

const [site, environment] = process.argv.slice(2);
const secret = /^CRON_SECRET=(.+)$/m.exec(readFileSync(environment, "utf8"))?.[1];
const email = `smoke-${Date.now()}@example.com`;
const password = "una contraseña larga";

const started = Date.now();

/** Calls, checks the status, and tells what was done and how long it took. */
async function call(what, method, path, status, { cookie, body, bearer } = {}) {
  const before = Date.now();
  // What the browser says of a page's own requests. Not `origin` alone: behind
  // `vercel dev` a function does not see the address that the page has.
  const headers = { origin: site, "sec-fetch-site": "same-origin" };
  if (cookie) headers.cookie = cookie;
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
  console.log(`${line} (${what})`);
  if (response.status !== status) throw new Error(`${what}: ${line}, not ${status}: ${text}`);
  const set = response.headers.getSetCookie()[0]?.split(";")[0];
  const type = response.headers.get("content-type") ?? "";
  const json = type.startsWith("application/json") ? JSON.parse(text) : undefined;
  return { headers: response.headers, text, json, cookie: set };
}

function expect(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

async function walk() {
  const health = await call("health", "GET", "/api/health", 200);
  expect(health.json.status === "healthy", `the stack is ${health.text}`);

  // Accounts, by the functions' own addresses and by the rewrites.
  const form = { email, password, name: "Ana Reyes" };
  const phone = await call("register", "POST", "/api/auth/register", 201, { body: form });
  expect(phone.cookie, "registering set no cookie");
  const taken = await call("a rewrite, and a taken address", "POST", "/signup?from=smoke", 409, { body: form });
  expect(taken.json.code === "email_taken", `another failure: ${taken.text}`);
  const login = { email, password };
  const laptop = await call("sign in", "POST", "/api/auth/login", 200, { body: login });
  await call("a wrong password", "POST", "/api/auth/login", 401, { body: { ...login, password: "wrong" } });
  const session = await call("who is signed in", "GET", "/api/auth/session", 200, laptop);
  expect(session.json.user.email === email, `somebody else is signed in: ${session.text}`);

  // Sessions.
  const list = await call("my sessions", "GET", "/api/sessions", 200, laptop);
  const other = list.json.items.find((item) => !item.current);
  expect(list.json.items.length === 2 && other, `two sessions were expected: ${list.text}`);
  await call("end one, by a dynamic segment", "DELETE", `/api/sessions/${other.id}`, 200, laptop);
  await call("the ended session", "GET", "/api/auth/session", 401, phone);
  await call("sign out, by a rewrite", "POST", "/logout", 200, { ...laptop, body: {} });
  await call("the session signed out of", "GET", "/api/auth/session", 401, laptop);

  // Operations.
  const cleaned = await call("clean up, as cron does", "GET", "/api/admin/cleanup-sessions", 200, { bearer: secret });
  expect(cleaned.json.success && cleaned.json.remaining === false, `not cleaned up: ${cleaned.text}`);

  // What is refused.
  const method = await call("a wrong method", "GET", "/api/auth/login", 405);
  expect(method.headers.get("allow")?.includes("POST"), "405 came without Allow");
  await call("no such function", "GET", "/api/nowhere", 404);
  await call("no such page", "GET", "/nowhere", 404);

  // The site, and nothing but the site.
  const shown = await call("a static page", "GET", "/", 200);
  expect(shown.headers.get("content-security-policy"), "/ has no Content-Security-Policy");
  const reference = await call("the API reference, by a rewrite", "GET", "/docs", 200);
  expect(reference.text.includes("API reference"), `/docs is not the reference: ${reference.text}`);
  for (const path of ["/Cargo.toml", "/migrations/0001_initial.up.sql", "/lib/src/lib.rs", "/.env"]) {
    const answer = await call("is not for everybody", "GET", path, 404);
    expect(!answer.text.includes("POSTGRES_URL="), `${path} shows secrets`);
  }
}

try {
  await walk();
  console.log(`The walk took ${((Date.now() - started) / 1000).toFixed(0)} s.`);
} catch (error) {
  console.error(error.cause ? `${error.message}: ${error.cause.message ?? error.cause}` : error.message);
  process.exitCode = 1;
}
