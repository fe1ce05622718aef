// Says that there is no connection, and when the content of the page was loaded.

import { useEffect } from "preact/hooks";
import { loadedAt } from "../api/client.ts";
import { busy, say } from "../tools/action.ts";
import { isOffline, whenOnline } from "../tools/connection.ts";
import { useStore } from "../tools/store.ts";
import { formatRecent } from "../tools/time.ts";
import { useCommon } from "./mount.tsx";

/** `text` replaces the sentence for visitors. */
export function OfflineBanner({ text }: { text?: string }) {
  const t = useCommon();
  const isShown = useStore(isOffline);
  const at = useStore(loadedAt);
  // A running action says itself how it goes on.
  useEffect(() => whenOnline(() => busy.value || say(t.online)), [t]);
  // The element is always there, because screen readers announce only what changes in it.
  return (
    <div aria-live="polite">{isShown && <p class="offline">{at ? t.offlineSince(formatRecent(at)) : (text ?? t.offline)}</p>}</div>
  );
}
