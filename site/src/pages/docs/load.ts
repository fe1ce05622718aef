// Loads the description and the ids of real entries.

import { api } from "../../api/client.ts";
import type { Description, Ids } from "./description.ts";

export async function loadDescription(): Promise<Description> {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`/openapi.json: ${response.status}`);
  return (await response.json()) as Description;
}

/**
 * Finds an upcoming class that can be booked, and a booking and the session of the member.
 * Examples keep their made-up id where there is none.
 */
export async function loadIds(isSignedIn: boolean): Promise<Ids> {
  const bookings = isSignedIn ? api.GET("/api/bookings/list", { params: { query: { limit: 1 } } }) : undefined;
  const sessions = isSignedIn ? api.GET("/api/sessions") : undefined;
  const schedule = await api.GET("/api/classes/schedule");
  const coming = schedule.data?.items.filter(({ isCancelled }) => !isCancelled) ?? [];
  const occurrence = coming.findLast(({ placesLeft }) => placesLeft > 0) ?? coming.at(-1);
  const found = {
    occurrence: occurrence?.id,
    classType: occurrence?.classTypeId,
    instructor: occurrence?.instructor?.id,
    booking: (await bookings)?.data?.items[0]?.id,
    session: (await sessions)?.data?.items.find(({ current }) => current)?.id,
  };
  return Object.fromEntries(Object.entries(found).filter(([, id]) => id !== undefined));
}
