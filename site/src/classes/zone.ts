// The studio's time zone, which the API names with each class.

import { api, call } from "../api/client.ts";

let known: Promise<string | undefined> | null = null;

/** Returns the time zone, or undefined for that of the browser if there are no classes. */
export function studioZone(): Promise<string | undefined> {
  known ??= call(api.GET("/api/classes/schedule", { params: { query: { limit: 1 } } })).then(
    ({ items }) => items[0]?.timeZone,
    (failure: unknown) => {
      known = null;
      throw failure;
    },
  );
  return known;
}
