// Starts the service worker, with which pages open without a connection.

import { trustedTypes } from "./trusted-types.ts";

const SCRIPT = "/sw.js";

/** Lets this script become a worker, and no other. */
const policy = trustedTypes?.createPolicy("sabor-sw", {
  createScriptURL: (address) => {
    if (address !== SCRIPT) throw new TypeError(`${address} is not the service worker`);
    return address;
  },
});

/**
 * Starts the worker after the page has loaded, because it loads the other pages. `npm run dev`
 * has none, because its scripts change without a new name.
 */
export function startWorker(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const start = () => {
    const script = policy?.createScriptURL(SCRIPT) ?? SCRIPT;
    navigator.serviceWorker.register(script, { updateViaCache: "none" }).catch(() => {
      // Without a worker, the site needs a connection.
    });
  };
  if (document.readyState === "complete") start();
  else addEventListener("load", start, { once: true });
}
