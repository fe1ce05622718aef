// Says that there is no connection, and when the content of the page was loaded.

import { useEffect, useState } from "preact/hooks";
import { loadedAt } from "../api/client.ts";
import { say } from "../tools/action.ts";
import { language } from "../tools/language.ts";
import { useCommon } from "./mount.tsx";

/** `text` replaces the sentence for visitors. */
export function OfflineBanner({ text }: { text?: string }) {
  const t = useCommon();
  const offline = text ?? t.offline;
  const [isOffline, setOffline] = useState(!navigator.onLine);

  useEffect(() => {
    const follow = () => {
      setOffline(!navigator.onLine);
      if (navigator.onLine) say(t.online);
      else say(offline, true);
    };
    addEventListener("online", follow);
    addEventListener("offline", follow);
    return () => {
      removeEventListener("online", follow);
      removeEventListener("offline", follow);
    };
  }, [t, offline]);

  if (!isOffline) return null;
  const time = loadedAt.value?.toLocaleTimeString(language.value, { timeStyle: "short" });
  return <p class="offline">{time ? t.offlineSince(time) : offline}</p>;
}
