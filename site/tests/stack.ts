// Starts a stack for the tests: `cargo dev` on a free port, with data of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { StripeStandIn } from "./stripe.ts";

const REPOSITORY = join(import.meta.dirname, "../..");

/** A running stack. */
export interface Stack {
  url: string;
  /** The folder of the mails that were sent. */
  mail: string;
  stop: () => Promise<void>;
}

/**
 * Starts a stack with the site as it was built last. Cards are paid at a stand-in for Stripe.
 * `variables` add to its configuration.
 */
export async function startStack(variables: Record<string, string> = {}): Promise<Stack> {
  if (!existsSync(join(REPOSITORY, "site/dist/index.html"))) throw new Error("run `npm run build` first");
  const folder = mkdtempSync(join(tmpdir(), "sabor-site-"));
  // If root runs the tests, another account runs Postgres and must enter the folder.
  chmodSync(folder, 0o755);
  const home = join(folder, ".sabor");
  const stripe = await StripeStandIn.start();

  const built = process.env.SABOR_DEV;
  const [command, first] = built ? [built, []] : ["cargo", ["run", "--quiet", "--package", "sabor-dev", "--"]];
  // The leader of a process group, because cargo does not pass signals on.
  const program = spawn(command, [...first, "--port", "0", "--no-build"], {
    cwd: REPOSITORY,
    detached: true,
    env: { ...process.env, ...stripe.variables, ...variables, SABOR_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stopped = new Promise<void>((resolve) => program.on("exit", () => resolve()));
  const stop = async () => {
    stripe.stop();
    if (program.pid && program.exitCode === null) process.kill(-program.pid, "SIGTERM");
    await stopped;
    rmSync(folder, { recursive: true, force: true });
  };
  stripe.site = await untilUp(program, stopped);
  return { url: stripe.site, mail: join(home, "mail"), stop };
}

async function untilUp(program: ChildProcess, stopped: Promise<void>): Promise<string> {
  const { stdout, stderr } = program;
  if (!stdout || !stderr) throw new Error("the stack has no output");
  const log: string[] = [];
  createInterface({ input: stderr }).on("line", (line) => log.push(line));
  return new Promise<string>((resolve, reject) => {
    createInterface({ input: stdout }).on("line", (line) => {
      const [, found] = /is up: (\S+)/.exec(line) ?? [];
      if (found) resolve(found);
    });
    void stopped.then(() => reject(new Error(`the stack ended:\n${log.join("\n")}`)));
  });
}

export default async function start(): Promise<() => Promise<void>> {
  const { url, mail, stop } = await startStack();
  process.env.SITE = url;
  process.env.MAIL = mail;
  return stop;
}
