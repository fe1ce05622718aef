// One more spot in a full class.

import { useRef, useState } from "preact/hooks";
import { setSpots } from "../../../staff/bookings.ts";
import type { Occurrence } from "./data.ts";

interface NewSpot {
  /** How many spots the class has then. */
  places: number;
  /** Adds the spot. Does nothing if it is added already. */
  addSpot: () => Promise<void>;
}

/**
 * Adds one spot to a class, once. The booking that follows may fail and be repeated, and the
 * roster then knows the new number of spots already.
 */
export function useNewSpot({ id, maxParticipants }: Occurrence): NewSpot {
  const [places] = useState(maxParticipants + 1);
  const isAdded = useRef(false);
  const addSpot = async () => {
    if (isAdded.current) return;
    await setSpots(id, places);
    isAdded.current = true;
  };
  return { places, addSpot };
}
