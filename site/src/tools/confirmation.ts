// The mailed link that confirms a member's e-mail address.

import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { loadSession } from "../session.ts";
import type { CommonTexts } from "../texts/common.en.ts";
import { say } from "./action.ts";

/** Sends another link to the member's address, and says so. */
export async function requestLink(t: CommonTexts): Promise<void> {
  try {
    await call(api.POST("/api/auth/verify-email"));
  } catch (failure) {
    if (!(failure instanceof Failure && failure.code === "email_verified")) throw failure;
    // The member has confirmed it meanwhile, perhaps on another device.
    await loadSession();
    return say(t.addressConfirmed);
  }
  say(t.linkSent);
}
