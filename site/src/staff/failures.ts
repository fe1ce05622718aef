// Failures of requests that load a page.

import { Failure } from "../api/failure.ts";
import { report } from "../tools/action.ts";

/** Returns a failure for the page to show. If the session has ended, the page says so. */
export function asFailure(failed: unknown): Failure {
  if (!(failed instanceof Failure)) throw failed;
  if (failed.isSignedOut) report(failed);
  return failed;
}
