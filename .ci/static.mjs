// Checks the static files that `vercel build` generated from the tree in the current folder:
// they are the built site and nothing else, and have their headers.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const files = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true }).filter((path) => statSync(join(folder, path)).isFile()).sort()
    : [];

const problems = [];
const built = files("site/dist");
const served = files(".vercel/output/static");
for (const page of ["index.html", "404.html", "offline.html", "openapi.json", "sw.js"]) {
  if (!served.includes(page)) problems.push(`${page} is not served`);
}
for (const path of served.filter((path) => !built.includes(path))) {
  problems.push(`${path} is served and is not part of the site`);
}
for (const path of built.filter((path) => !served.includes(path))) {
  problems.push(`${path} is part of the site and is not served`);
}

const { routes } = JSON.parse(readFileSync(".vercel/output/config.json", "utf8"));
/** The value of a header that the routes add to the responses for a path. */
const header = (path, name) => {
  const found = routes.filter(({ src, headers }) => headers && new RegExp(src).test(path));
  return found.flatMap(({ headers }) => Object.entries(headers)).find(([key]) => key.toLowerCase() === name)?.[1] ?? "";
};
for (const path of ["/", "/account", "/docs", "/nowhere"]) {
  if (!header(path, "content-security-policy").includes("require-trusted-types-for 'script'")) {
    problems.push(`${path} has no Content-Security-Policy that requires trusted types`);
  }
}
if (!header("/assets/app.js", "cache-control").includes("immutable")) problems.push("/assets/ is not cached as immutable");
if (header("/sw.js", "cache-control") !== "no-cache") problems.push("/sw.js can be cached, so a deployment would not take over at once");

// `vercel dev` ignores the conditions of rewrites, so they are checked here.
const previews = routes.filter(({ dest, has }) => has && dest === "/api/classes/preview?id=$1");
const messenger = previews.flatMap(({ has }) => has).find(({ type, key }) => type === "header" && key === "user-agent");
if (!new RegExp(`^${messenger?.value}$`).test("Mozilla/5.0 (compatible; Discordbot/2.0)")) problems.push("messengers get no preview of a class");
const text = previews.flatMap(({ has }) => has).find(({ type, key }) => type === "query" && key === "view");
if (text?.value !== "text") problems.push("/classes/:id?view=text is not rewritten to the page without scripts");

console.log(`${served.length} static files.`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
