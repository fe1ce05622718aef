// Starts a stack for the tests: `cargo dev` on a free port, with data of its own.

import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = join(import.meta.dirname, "../..");

export default async function start(): Promise<() => Promise<void>> {
  if (!existsSync(join(REPOSITORY, "site/dist/index.html"))) throw new Error("run `npm run build` first");
  const folder = mkdtempSync(join(tmpdir(), "sabor-site-"));
  // If root runs the tests, another account runs Postgres and must enter the folder.
  chmodSync(folder, 0o755);
  const home = join(folder, ".sabor");

  const built = process.env.SABOR_DEV;
  const [command, first] = built ? [built, []] : ["cargo", ["run", "--quiet", "--package", "sabor-dev", "--"]];
  // The leader of a process group, because cargo does not pass signals on.
  const stack = spawn(command, [...first, "--port", "0", "--no-build"], {
    cwd: REPOSITORY,
    detached: true,
    env: { ...process.env, SABOR_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  const stopped = new Promise<void>((resolve) => stack.on("exit", () => resolve()));
  createInterface({ input: stack.stderr }).on("line", (line) => log.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: stack.stdout }).on("line", (line) => {
      const [, found] = /is up: (\S+)/.exec(line) ?? [];
      if (found) resolve(found);
    });
    void stopped.then(() => reject(new Error(`the stack ended:\n${log.join("\n")}`)));
  });
  process.env.SITE = url;
  process.env.MAIL = join(home, "mail");

  return async () => {
    if (stack.pid) process.kill(-stack.pid, "SIGTERM");
    await stopped;
    rmSync(folder, { recursive: true, force: true });
  };
}
