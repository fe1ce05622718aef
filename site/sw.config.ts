// Builds the service worker, `sw.js`, for a folder with the built site.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "vite";

/** Pages that open without a connection. */
export interface KeptFiles {
  /** Their addresses, each with the SHA-256 of its file. */
  pages: Record<string, string>;
  /** Their scripts, styles and typefaces. The names contain a hash. */
  assets: string[];
}

/** What the worker knows about the site. It is `virtual:site-files` there. */
export interface SiteFiles extends KeptFiles {
  /** Changes with each page and each asset. */
  version: string;
  /** What is copied only in the browsers of staff. */
  staff: KeptFiles;
  /** Addresses with something after this prefix are shown by this page. */
  details: Array<{ prefix: string; page: string }>;
}

/** Pages that need a connection, and those of staff. */
const ONLINE_ONLY = /^(404|docs|staff|admin)\b/;

/** The pages that staff and instructors need at the door. */
const STAFF = ["staff.html", "staff/roster.html", "staff/teaching.html"];

const VERCEL_JSON = join(import.meta.dirname, "../vercel.json");

/** Finds the pages of the built site, and all assets that they mention, directly or indirectly. */
function findFiles(folder: string): SiteFiles {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".html") && !ONLINE_ONLY.test(name))
    .sort();
  const known = { ...findKeptFiles(folder, pages), staff: findKeptFiles(folder, STAFF), details: detailPages() };
  return { version: sha256(JSON.stringify(known)).slice(0, 16), ...known };
}

function findKeptFiles(folder: string, pages: string[]): KeptFiles {
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const all = readdirSync(join(folder, "assets"));
  const assets = new Set<string>();
  const follow = (text: string) => {
    for (const name of all) {
      if (assets.has(name) || !text.includes(name)) continue;
      assets.add(name);
      if (/\.(js|css)$/.test(name)) follow(read(`assets/${name}`));
    }
  };
  for (const name of pages) follow(read(name));
  return {
    pages: Object.fromEntries(pages.map((name) => [addressOf(name), sha256(read(name))])),
    assets: [...assets].sort().map((name) => `/assets/${name}`),
  };
}

/** The address of a page (`cleanUrls`). */
function addressOf(name: string): string {
  return `/${name.replace(/(^|\/)index\.html$|\.html$/, "")}`;
}

/** The rewrites of `vercel.json` that show a page for all addresses below a prefix. */
export function detailPages(): SiteFiles["details"] {
  const { rewrites } = JSON.parse(readFileSync(VERCEL_JSON, "utf8")) as { rewrites: Array<{ source: string; destination: string }> };
  return rewrites
    .filter(({ source, destination }) => source.endsWith("/(.*)") && !destination.startsWith("/api/"))
    .map(({ source, destination }) => ({ prefix: source.slice(0, -"(.*)".length), page: destination }));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Builds the worker for the site in `folder`, as one script without imports. */
export async function buildWorker(folder: string): Promise<void> {
  const files: Plugin = {
    name: "site-files",
    resolveId: (id) => (id === "virtual:site-files" ? `\0${id}` : null),
    load: (id) => (id === "\0virtual:site-files" ? `export default ${JSON.stringify(findFiles(folder))};` : null),
  };
  await build({
    root: import.meta.dirname,
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    build: {
      copyPublicDir: false,
      emptyOutDir: false,
      modulePreload: false,
      outDir: folder,
      rolldownOptions: {
        input: join(import.meta.dirname, "src/worker/worker.ts"),
        output: { entryFileNames: "sw.js", format: "iife" },
      },
      target: "es2022",
    },
    plugins: [files],
  });
}
