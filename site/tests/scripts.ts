// How much script a page loads.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { open } from "./site.ts";

const DIST = join(import.meta.dirname, "../dist");

/** Opens a page. Returns the size of each script that it loads, in bytes after Brotli. */
export async function scriptSizes(page: Page, path: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  page.removeAllListeners("response");
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith(".js")) sizes[pathname] = brotliCompressSync(readFileSync(join(DIST, pathname))).length;
  });
  await page.goto("about:blank");
  await open(page, path);
  return sizes;
}
