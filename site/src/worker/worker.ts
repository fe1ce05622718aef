// The service worker. It shows the pages of the site while there is no connection.

import { SYNC_TAG, sendAllQueues } from "../check-ins/queue.ts";
import { dropOldSites, keepSite, keepStaff } from "./deployment.ts";
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

// A page of the console asks for the pages that staff need without a connection.
self.addEventListener("message", (event: ExtendableMessageEvent) => {
  if ((event.data as { keep?: string } | null)?.keep === "staff") event.waitUntil(keepStaff());
});

// The browser has its connection back. If not everything could be sent, it tries again.
self.addEventListener("sync", (event) => {
  const { tag, waitUntil } = event as unknown as { tag: string; waitUntil: (work: Promise<void>) => void };
  if (tag === SYNC_TAG) waitUntil.call(event, sendWaiting());
});

async function sendWaiting(): Promise<void> {
  if (!(await sendAllQueues())) throw new Error("some check-ins could not be sent");
}
