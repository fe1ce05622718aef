// The build that `cargo dev` keeps running.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

const SCRIPT = join(import.meta.dirname, "../scripts/watch.mjs");

let folder = "";
let build: ChildProcessWithoutNullStreams;
let output = "";
let errors = "";

test.beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sabor-watch-"));
  writeFileSync(join(folder, "index.html"), '<script type="module" src="/main.ts"></script>');
  writeFileSync(join(folder, "main.ts"), 'document.title = "first" as string;');
  output = "";
  errors = "";
  build = spawn("node", [SCRIPT], { cwd: folder });
  build.stdout.on("data", (data) => (output += String(data)));
  build.stderr.on("data", (data) => (errors += String(data)));
});

test.afterEach(() => {
  build.kill();
  rmSync(folder, { recursive: true, force: true });
});

test("a build that fails says why once, keeps the last build, and is repeated after a change", async () => {
  await expect.poll(() => output).toBe("built\n");
  // The folder is emptied at the start of a build.
  const assets = join(folder, "dist/assets");
  const script = () => (existsSync(assets) ? readdirSync(assets).join() : "");
  const first = script();

  writeFileSync(join(folder, "main.ts"), "const broken = ;");
  await expect.poll(() => output).toBe("built\nfailed\n");
  expect(errors.match(/main\.ts:1/g)).toHaveLength(1);
  expect(script()).toBe(first);

  writeFileSync(join(folder, "main.ts"), 'document.title = "second" as string;');
  await expect.poll(() => output).toMatch(/^built\nfailed\n(built\n)+$/);
  await expect.poll(script).toMatch(/\.js$/);
  expect(script()).not.toBe(first);
});

test("the site of the local stack leads to its e-mails", async () => {
  await expect.poll(() => output).toBe("built\n");
  writeFileSync(join(folder, "main.ts"), "document.title = import.meta.env.VITE_LOCAL_MAIL;");
  const assets = join(folder, "dist/assets");
  const script = () => {
    const [name] = existsSync(assets) ? readdirSync(assets) : [];
    return name ? readFileSync(join(assets, name), "utf8") : "";
  };
  await expect.poll(script).toContain("/dev/mail");
});

test("it ends with the program that started it", async () => {
  await expect.poll(() => output).toBe("built\n");
  expect(existsSync(join(folder, "dist/index.html"))).toBe(true);
  const ended = new Promise((resolve) => build.on("exit", resolve));
  build.stdin.end();
  await ended;
});
