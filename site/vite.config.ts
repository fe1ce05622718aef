import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin, type Rolldown } from "vite";
import { buildWorker, detailPages } from "./sw.config.ts";

/** The folders of pages. */
const FOLDERS = [".", "docs", "staff", "admin"];

/** The pages: each HTML file in these folders. */
const pages = FOLDERS.filter((folder) => existsSync(join(import.meta.dirname, folder))).flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder))
    .filter((name) => name.endsWith(".html"))
    .map((name) => join(folder, name)),
);

/**
 * What pages share. Two files are faster than several small ones, which wait for each other.
 * `tools/link.ts` is not shared: it takes the fragment out of the address of the page that
 * loads it. Only members see `calendar-feed.tsx`.
 */
const SHARED = [
  { name: "site", test: /node_modules\/(preact|openapi-fetch)\/|src\/(api|styles)\/|src\/components\/(?!calendar-feed)|src\/tools\/(?!link\.ts)|src\/session\.ts|src\/passes\/pass-part\.ts/ },
  { name: "staff", test: /node_modules\/(lucide|idb)\/|src\/staff\// },
  { name: "classes", test: /src\/classes\/(?!structured-data)/ },
];

const START = join(import.meta.dirname, "src/start.js");
const VERCEL_JSON = join(import.meta.dirname, "../vercel.json");

/** The languages of the site. */
const LANGUAGES = ["en", "es"];

/** Where `npm run dev` sends requests to the API: a running `cargo dev`. */
const API = process.env.SABOR_URL ?? "http://localhost:3000";

/** Licenses that Vite does not find: of the typeface, and of what Swagger UI contains. */
const LICENSES = {
  "figtree.txt": "@fontsource-variable/figtree/LICENSE",
  "swagger-ui.txt": "swagger-ui-dist/swagger-ui-es-bundle.js.LICENSE.txt",
};

/** Emits these licenses. */
const moreLicenses: Plugin = {
  name: "more-licenses",
  generateBundle() {
    for (const [name, file] of Object.entries(LICENSES)) {
      const source = readFileSync(`node_modules/${file}`, "utf8");
      this.emitFile({ type: "asset", fileName: `licenses/${name}`, source });
    }
  },
};

/** The site's address, if the build knows it. Link previews need complete addresses. */
const SITE = process.env.SITE_URL?.replace(/\/$/, "") ?? (process.env.VERCEL_PROJECT_PRODUCTION_URL ? `https://${process.env.VERCEL_PROJECT_PRODUCTION_URL}` : "");

const DESCRIPTION = "public/openapi.json";

/** What the page of error codes uses of the API's description, which is long. */
const errorCodes: Plugin = {
  name: "error-codes",
  resolveId: (id) => (id === "virtual:error-codes" ? `\0${id}` : null),
  load(id) {
    if (id !== "\0virtual:error-codes") return null;
    this.addWatchFile(join(import.meta.dirname, DESCRIPTION));
    return `export default ${JSON.stringify(findErrorCodes(JSON.parse(readFileSync(DESCRIPTION, "utf8"))))};`;
  },
};

interface Answer {
  $ref?: string;
  description?: string;
}

interface Description {
  info: { description: string };
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, Answer> }>>;
  components: { responses: Record<string, Answer>; schemas: { ErrorCode: { enum: string[] } } };
}

/** If more operations than this return a code, they are not listed. */
const MANY_OPERATIONS = 12;

/** Finds the statuses and operations of each code in the descriptions of responses. */
function findErrorCodes({ info, paths, components }: Description) {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  return components.schemas.ErrorCode.enum.map((code) => {
    // Codes that can occur everywhere are named once, with their status.
    const [, general] = new RegExp(`\`${code}\` \\((\\d+)\\)`).exec(info.description) ?? [];
    const statuses = new Set<number>(general ? [Number(general)] : []);
    const found = operations.filter(({ responses }) => {
      const answers = Object.entries(responses).filter(([status, answer]) => {
        const { description } = components.responses[answer.$ref?.split("/").at(-1) ?? ""] ?? answer;
        return Number(status) >= 400 && description?.includes(`\`${code}\``);
      });
      answers.forEach(([status]) => statuses.add(Number(status)));
      return answers.length > 0;
    });
    const ids = found.map(({ operationId }) => operationId);
    return { code, statuses: [...statuses].sort(), operations: ids.length > MANY_OPERATIONS ? [] : ids };
  });
}

/** What browsers without JavaScript show if the file of a page has nothing for them. */
const WITHOUT_SCRIPT = "<noscript><p>This page needs JavaScript.</p></noscript>";
const DOCS_WITHOUT_SCRIPT = '<noscript><p>This page needs JavaScript. The OpenAPI description is at <a href="/openapi.json">/openapi.json</a>.</p></noscript>';

/**
 * Adds what all pages have in common. The file of a page has its title, its description, its
 * script, and what browsers without JavaScript show.
 */
const pageShell: Plugin = {
  name: "page-shell",
  transformIndexHtml(html, { path }) {
    const title = /<title>(.+)<\/title>/.exec(html)?.[1] ?? "";
    const description = /name="description" content="(.+?)"/.exec(html)?.[1] ?? "";
    const first = (attrs: Record<string, string>) => ({ tag: "meta", attrs, injectTo: "head-prepend" as const });
    const link = (attrs: Record<string, string>) => ({ tag: "link", attrs, injectTo: "head" as const });
    const meta = (attrs: Record<string, string>) => ({ tag: "meta", attrs, injectTo: "head" as const });
    const tags = [
      first({ charset: "utf-8" }),
      first({ name: "viewport", content: "width=device-width, initial-scale=1" }),
      link({ rel: "icon", href: "/icon.svg", type: "image/svg+xml" }),
      link({ rel: "manifest", href: "/manifest.webmanifest" }),
      meta({ name: "color-scheme", content: "light dark" }),
      meta({ name: "theme-color", content: "#fbf6f0", media: "(prefers-color-scheme: light)" }),
      meta({ name: "theme-color", content: "#17110f", media: "(prefers-color-scheme: dark)" }),
      meta({ property: "og:type", content: "website" }),
      meta({ property: "og:site_name", content: "Sabor con Flow" }),
      meta({ property: "og:image", content: `${SITE}/preview.png` }),
      meta({ name: "twitter:card", content: "summary_large_image" }),
      meta({ property: "og:title", content: title }),
      meta({ property: "og:description", content: description }),
    ];
    // What staff see is not for search engines.
    if (/^\/(staff|admin)\b/.test(path)) tags.push(meta({ name: "robots", content: "noindex" }));
    return { html: html.replace(/<body>(.*)<\/body>/s, (_, content: string) => bodyOf(path, title, content)), tags };
  },
};

/** The body of a page, with what its file has in it, until the script replaces `#site`. */
function bodyOf(path: string, title: string, content: string): string {
  const [heading] = title.split(" · ");
  const text = content.trim() || (path.startsWith("/docs") ? DOCS_WITHOUT_SCRIPT : WITHOUT_SCRIPT);
  return `<body>
    <div id="site">
      <main class="page">
        <div class="reading">
          <h1>${heading}</h1>
          ${text}
        </div>
      </main>
    </div>
  </body>`;
}

/** Puts `src/start.js` into each page, with the addresses of the page's texts in each language. */
const start: Plugin = {
  name: "start",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle, chunk }) {
      const source = readFileSync(START, "utf8");
      const hash = `'sha256-${createHash("sha256").update(source).digest("base64")}'`;
      if (!readFileSync(VERCEL_JSON, "utf8").includes(`script-src 'self' ${hash};`)) {
        throw new Error(`the Content-Security-Policy in vercel.json must have: script-src 'self' ${hash}`);
      }
      const texts = bundle && chunk ? LANGUAGES.map((language) => ` data-${language}="${textsOf(chunk, language, bundle).join(" ")}"`) : [];
      return html.replace("<title>", () => `<script${texts.join("")}>${source}</script>\n    <title>`);
    },
  },
};

/** Finds the files with the texts of a page in a language. */
function textsOf(page: Rolldown.OutputChunk, language: string, bundle: Rolldown.OutputBundle): string[] {
  const isText = (name: string) => name.includes(`.${language}-`);
  const followed = new Set([page.fileName]);
  // The loop also visits what it adds.
  for (const name of followed) {
    const chunk = bundle[name];
    if (chunk?.type !== "chunk") continue;
    for (const imported of isText(name) ? chunk.imports.filter(isText) : [...chunk.imports, ...chunk.dynamicImports.filter(isText)]) followed.add(imported);
  }
  return [...followed].filter(isText).map((name) => `/${name}`);
}

/** The rewrites of `vercel.json`, for `npm run dev`. */
const rewrites: Plugin = {
  name: "rewrites",
  configureServer(server) {
    const details = detailPages();
    server.middlewares.use((request, _response, next) => {
      const detail = details.find(({ prefix }) => request.url?.startsWith(prefix));
      if (detail && request.url) request.url = request.url.replace(/^[^?]+/, `${detail.page}.html`);
      next();
    });
  },
};

/** Builds the service worker after the site, because it contains the names of the files. */
const serviceWorker: Plugin = {
  name: "service-worker",
  apply: "build",
  buildStart() {
    const folder = join(import.meta.dirname, "src/worker");
    for (const name of readdirSync(folder)) this.addWatchFile(join(folder, name));
  },
  async writeBundle({ dir }) {
    if (dir) await buildWorker(dir);
  },
};

export default defineConfig({
  appType: "mpa",
  build: {
    // A data: address in a script or style would need another security policy.
    assetsInlineLimit: 0,
    license: { fileName: "licenses/scripts.md" },
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: pages,
      output: { codeSplitting: { groups: SHARED } },
    },
    target: "es2022",
  },
  plugins: [errorCodes, moreLicenses, pageShell, rewrites, serviceWorker, start],
  server: {
    proxy: {
      "/api": { target: API, changeOrigin: false },
      "/dev/mail": { target: API, changeOrigin: false },
    },
  },
});
