// Lists the executables that `vercel build` generated from the tree in the current
// folder. Fails when a file under api/ has none, or one is too large.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

// The platform loads an executable at each cold start. A cold start must take at most 8 ms
// until the first response.
const MAX_BYTES = 10_000_000;
const OUTPUT = ".vercel/output/functions";

const files = (folder, suffix) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(suffix)).sort()
    : [];

const executables = files(OUTPUT, ".func/.vc-config.json").map((path) => {
  const config = JSON.parse(readFileSync(join(OUTPUT, path), "utf8"));
  const mapped = config.filePathMap?.[config.handler];
  const executable = mapped ? resolve(mapped) : join(OUTPUT, dirname(path), config.handler);
  const { size, mtimeMs } = statSync(executable);
  return { name: dirname(path).replace(/\.func$/, ""), size, mtimeMs };
});

// They are built one after another, so each took the time since the one before was written.
executables.sort((a, b) => a.mtimeMs - b.mtimeMs);
let before = statSync(".vercel/project.json").mtimeMs;
console.log("   bytes  seconds  function");
for (const { name, size, mtimeMs } of executables) {
  const seconds = ((mtimeMs - before) / 1000).toFixed(1);
  console.log(`${String(size).padStart(8)} ${seconds.padStart(8)}  ${name}`);
  before = mtimeMs;
}

const problems = [];
const built = new Set(executables.map(({ name }) => name));
for (const path of files("api", ".rs")) {
  const name = `api/${path.replace(/\.rs$/, "")}`;
  if (!path.split("/").some((part) => /^[_.]/.test(part)) && !built.has(name)) {
    problems.push(`${name}.rs has no executable: is there a [[bin]] for it in Cargo.toml?`);
  }
}
for (const { name, size } of executables) {
  if (size > MAX_BYTES) problems.push(`${name} has ${size} bytes, more than ${MAX_BYTES}`);
}
const largest = Math.max(0, ...executables.map(({ size }) => size));
console.log(`The largest of ${executables.length} has ${largest} bytes; ${MAX_BYTES} are allowed.`);
if (built.size === 0) problems.push("no function was built at all");
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
