// Builds the site, and again whenever a source changes. `cargo dev` runs this program. It
// ends when its standard input is closed, so that it never outlives `cargo dev`.

import { stripVTControlCharacters } from "node:util";
import { build } from "vite";

process.env.NODE_ENV = "production";
// Where `cargo dev` shows the e-mails. The build for a deployment has no such address.
process.env.VITE_LOCAL_MAIL = "/dev/mail";
process.stdin.on("close", () => process.exit()).resume();

const format = process.stderr.isTTY ? (text) => text : stripVTControlCharacters;
let hasFailed = false;

const watcher = await build({ build: { watch: {} }, logLevel: "silent" });
watcher.on("event", (event) => {
  if (event.code === "START") hasFailed = false;
  if (event.code === "END" && !hasFailed) console.log("built");
  // A build that fails ends too, and may report its error twice.
  if (event.code === "ERROR" && !hasFailed) {
    hasFailed = true;
    console.error(format(event.error.message).trim());
    console.log("failed");
  }
});
