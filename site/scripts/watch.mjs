// Builds the site, and again whenever a source changes. `cargo dev` runs this program. It
// ends when its standard input is closed, so that it never outlives `cargo dev`.

import { build } from "vite";

process.env.NODE_ENV = "production";
process.stdin.on("close", () => process.exit()).resume();

const watcher = await build({ build: { watch: {} }, logLevel: "error" });
watcher.on("event", (event) => {
  if (event.code === "END") console.log("built");
  if (event.code === "ERROR") {
    console.error(event.error.message);
    console.log("failed");
  }
});
