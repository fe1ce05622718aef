// The classes that a page shows, kept up to date.

import { useEffect } from "preact/hooks";
import type { ClassTexts } from "../texts/classes.en.ts";
import { report } from "../tools/action.ts";
import { useLatest } from "../tools/latest.ts";
import { useLoad } from "../tools/load.ts";
import { prepareFormats } from "../tools/time.ts";
import { resumeBooking } from "./actions.ts";
import { followChanges, type Occurrence, storeAvailability } from "./live.ts";

interface Options<T> {
  t: ClassTexts;
  load: () => Promise<T>;
  classesOf: (loaded: T) => Occurrence[];
  /** See `useLoad`. */
  key?: string;
}

/**
 * Loads what a page shows with its classes, and again after one has changed. Continues with
 * the booking that waits for a sign-in.
 */
export function useLiveClasses<T>({ t, load, classesOf, key = "" }: Options<T>) {
  const loadClasses = async () => {
    const loaded = await load();
    storeAvailability(classesOf(loaded));
    prepareFormats();
    // The cards are rendered in another task, because both together would block a slow phone.
    await new Promise((resolve) => setTimeout(resolve));
    return loaded;
  };
  const page = useLoad(loadClasses, key);
  const classes = page.loaded === null ? null : classesOf(page.loaded);
  const latest = useLatest({ t, classes, reload: page.reload });

  const isLoaded = classes !== null;
  useEffect(() => {
    if (classes) resumeBooking(t, classes).catch(report);
  }, [isLoaded]);
  useEffect(
    () =>
      followChanges({
        texts: () => latest().t,
        ids: () => (latest().classes ?? []).map(({ id }) => id),
        onClassChange: () => latest().reload(),
      }),
    [],
  );
  return page;
}
