// The service worker. It shows the pages of the site while there is no connection.

import { dropOldSites, keepSite } from "./deployment.ts";
import { respond } from "./requests.ts";

declare const self: ServiceWorkerGlobalScope;

// A new worker takes over at once. Pages that are open keep the scripts of their own
// deployment, whose names contain a hash.
self.addEventListener("install", (event) => event.waitUntil(keepSite().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(dropOldSites().then(() => self.clients.claim())));

self.addEventListener("fetch", (event) => {
  const response = respond(event.request);
  if (response) event.respondWith(response);
});
