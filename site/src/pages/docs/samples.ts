// Commands and scripts that send the example of an operation.

import type { Endpoint } from "./description.ts";

/** Where samples are sent, and with whose account. */
export interface Sender {
  origin: string;
  /** The address of the member who is signed in. Scripts in the console use their session. */
  email: string | null;
}

interface Credentials {
  email: string;
  password: string;
}

/** How an operation is authorized. */
type Authorization = "none" | "member" | "staff" | "partner" | "cron";

/** The secret of the ticket shop of `cargo dev`. */
const DEMO_SECRET = `${"5ab012".repeat(10)}5ab0`;

const TAGS_OF_STAFF = ["administration", "operations"];

function isLocal(origin: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
}

function authorizationOf({ operation }: Endpoint): Authorization {
  const ways = (operation.security ?? []).flatMap((way) => Object.keys(way));
  if (ways.includes("accessToken")) return operation.tags.some((tag) => TAGS_OF_STAFF.includes(tag)) ? "staff" : "member";
  if (ways.includes("partner")) return "partner";
  return ways.includes("cron") ? "cron" : "none";
}

/** The demo accounts of `cargo dev`. Elsewhere, readers put in their own. */
function credentialsFor(authorization: Authorization, { origin, email }: Sender): Credentials {
  const isDemo = isLocal(origin) && (email === null || email.endsWith("@sabor.dev"));
  if (!isDemo) return { email: email ?? "YOUR_EMAIL", password: "YOUR_PASSWORD" };
  return { email: authorization === "staff" ? "admin@sabor.dev" : (email ?? "ana@sabor.dev"), password: "password123" };
}

/** The address of the request, with the required parameters. */
function addressOf({ path, operation }: Endpoint): string {
  const required = (operation.parameters ?? []).filter((parameter) => parameter.required);
  const value = (name: string) => encodeURIComponent(String(required.find((one) => one.name === name)?.example ?? name));
  const query = required.filter((parameter) => parameter.in === "query").map(({ name }) => `${name}=${value(name)}`);
  const address = path.replace(/\{(\w+)\}/g, (_, name: string) => value(name));
  return query.length > 0 ? `${address}?${query.join("&")}` : address;
}

function bodyOf({ operation }: Endpoint): unknown {
  return operation.requestBody?.content["application/json"]?.example;
}

/** Quotes a text for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Signs in and stores the access token in the variable `token`. */
function signInCommand(origin: string, credentials: Credentials): string {
  const body = JSON.stringify({ ...credentials, mode: "token" });
  return [
    `token=$(curl -s ${origin}/api/auth/login \\`,
    "  -H 'content-type: application/json' \\",
    `  -d ${quote(body)} |`,
    `  sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')`,
  ].join("\n");
}

/** A command for a shell. It signs in first if the operation needs that. */
export function curlSample(endpoint: Endpoint, sender: Sender): string {
  const { origin } = sender;
  const authorization = authorizationOf(endpoint);
  const body = bodyOf(endpoint);
  const method = endpoint.method.toUpperCase();
  const isImplied = method === "GET" || (method === "POST" && body !== undefined);
  const lines = [`curl ${isImplied ? "" : `-X ${method} `}${quote(origin + addressOf(endpoint))}`];
  if (authorization === "member" || authorization === "staff") lines.push('-H "authorization: Bearer $token"');
  if (authorization === "partner") lines.push(`-u ticket-shop:${isLocal(origin) ? DEMO_SECRET : "YOUR_SECRET"}`);
  if (authorization === "cron") lines.push('-H "authorization: Bearer $CRON_SECRET"');
  if (body !== undefined) lines.push("-H 'content-type: application/json'", `-d ${quote(JSON.stringify(body))}`);
  const command = lines.join(" \\\n  ");
  if (authorization !== "member" && authorization !== "staff") return command;
  return `${signInCommand(origin, credentialsFor(authorization, sender))}\n${command}`;
}

/**
 * A script for the console of this site or for Node. In the console it uses the session of
 * the page; without one it signs in first.
 */
export function scriptSample(endpoint: Endpoint, sender: Sender): string {
  const { origin, email } = sender;
  const authorization = authorizationOf(endpoint);
  const needsToken = email === null && (authorization === "member" || authorization === "staff");
  const body = bodyOf(endpoint);
  const headers = [
    ...(needsToken ? ["authorization: `Bearer ${accessToken}`"] : []),
    ...(authorization === "cron" ? ['authorization: "Bearer YOUR_CRON_SECRET"'] : []),
    ...(authorization === "partner"
      ? [`authorization: "Basic " + btoa("ticket-shop:${isLocal(origin) ? DEMO_SECRET : "YOUR_SECRET"}")`]
      : []),
    ...(body === undefined ? [] : ['"content-type": "application/json"']),
  ];
  const options = [
    ...(endpoint.method === "get" ? [] : [`  method: "${endpoint.method.toUpperCase()}",`]),
    ...(headers.length > 0 ? [`  headers: { ${headers.join(", ")} },`] : []),
    ...(body === undefined ? [] : [`  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),`]),
  ];
  const address = JSON.stringify(origin + addressOf(endpoint));
  const request = options.length > 0 ? `fetch(${address}, {\n${options.join("\n")}\n})` : `fetch(${address})`;
  const success = Object.entries(endpoint.operation.responses).find(([status]) => status.startsWith("2"))?.[1];
  const isJson = success?.content?.["application/json"] !== undefined;
  const script = `const response = await ${request};\nconsole.log(response.status, await response.${isJson ? "json" : "text"}());`;
  if (!needsToken) return script;
  const credentials = JSON.stringify({ ...credentialsFor(authorization, sender), mode: "token" }, null, 2);
  return [
    `const signIn = await fetch("${origin}/api/auth/login", {`,
    '  method: "POST",',
    '  headers: { "content-type": "application/json" },',
    `  body: JSON.stringify(${credentials.replaceAll("\n", "\n  ")}),`,
    "});",
    "const { accessToken } = await signIn.json();",
    script,
  ].join("\n");
}
