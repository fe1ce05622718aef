import { readdirSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** The pages: each HTML file in this folder. */
const pages = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".html"));

/** What pages share. Two files are faster than several small ones, which wait for each other. */
const SHARED = [
  { name: "site", test: /node_modules\/(preact|openapi-fetch)\/|src\/(api|components|styles|tools)\/|src\/session\.ts|src\/texts\/(common|failures)\.en\.ts/ },
  { name: "classes", test: /src\/classes\/|src\/texts\/classes\.en\.ts/ },
];

/** Where `npm run dev` sends requests to the API: a running `cargo dev`. */
const API = process.env.SABOR_URL ?? "http://localhost:3000";

/** Emits the license of the typeface. Vite collects only those of scripts. */
const fontLicense: Plugin = {
  name: "font-license",
  generateBundle() {
    const source = readFileSync("node_modules/@fontsource-variable/figtree/LICENSE", "utf8");
    this.emitFile({ type: "asset", fileName: "licenses/figtree.txt", source });
  },
};

/** The site's address, if the build knows it. Link previews need complete addresses. */
const SITE = process.env.SITE_URL?.replace(/\/$/, "") ?? (process.env.VERCEL_PROJECT_PRODUCTION_URL ? `https://${process.env.VERCEL_PROJECT_PRODUCTION_URL}` : "");

/** Adds what all pages have in their head. Their titles and descriptions are their own. */
const sharedHead: Plugin = {
  name: "shared-head",
  transformIndexHtml(html) {
    const title = /<title>(.+)<\/title>/.exec(html)?.[1] ?? "";
    const description = /name="description" content="(.+?)"/.exec(html)?.[1] ?? "";
    const link = (attrs: Record<string, string>) => ({ tag: "link", attrs, injectTo: "head" as const });
    const meta = (attrs: Record<string, string>) => ({ tag: "meta", attrs, injectTo: "head" as const });
    return [
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
  },
};

/** The rewrites of `vercel.json`, for `npm run dev`. */
const detailPages: Plugin = {
  name: "detail-pages",
  configureServer(server) {
    server.middlewares.use((request, _response, next) => {
      request.url = request.url?.replace(/^\/classes\/[^/?]+/, "/class.html").replace(/^\/instructors\/[^/?]+/, "/instructors.html");
      next();
    });
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
  plugins: [fontLicense, sharedHead, detailPages],
  server: {
    proxy: {
      "/api": { target: API, changeOrigin: false },
      "/dev/mail": { target: API, changeOrigin: false },
    },
  },
});
