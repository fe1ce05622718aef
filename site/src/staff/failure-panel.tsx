// A failure that keeps a part of a page of the console from being shown.

import type { Failure } from "../api/failure.ts";
import { ErrorPanel } from "../components/ui.tsx";
import { isOffline } from "../tools/connection.ts";
import { useStore } from "../tools/store.ts";
import { useStaffTexts } from "./context.ts";

/** Says what failed and why, with a button to try again or with what has to be done first. */
export function FailurePanel({ text, failure, onRetry }: { text: string; failure: Failure; onRetry: () => void }) {
  const t = useStaffTexts();
  if (failure.code === "two_factor_setup_required") {
    return (
      <div class="empty">
        <h2>{t.twoFactorTitle}</h2>
        <p>{t.twoFactorText}</p>
        <p class="actions">
          <a class="button" href="/account">
            {t.twoFactorLink}
          </a>
        </p>
      </div>
    );
  }
  return <ErrorPanel text={`${text} ${failure.message}`} requestId={failure.requestId} onRetry={onRetry} />;
}

/** Says that what is shown is not up to date. Without a connection, the banner of the page does. */
export function StaleNote({ failure }: { failure: Failure }) {
  const t = useStaffTexts();
  if (useStore(isOffline)) return null;
  return (
    <p class="stale-note" role="status">
      {t.stale} {failure.message}
    </p>
  );
}
