// The way back from the checkout at Stripe.

import { session } from "./session.ts";
import { say } from "./tools/action.ts";

/** How often, and how many times, the page asks whether the payment has arrived. */
const PAYMENT_POLL_MS = 2_000;
const PAYMENT_POLLS = 15;

/** What to say while it is not known whether the payment has arrived, and if it was not made. */
interface Sentences {
  done: string;
  slow: string;
  open: string;
}

/**
 * Follows a payment after Stripe has redirected here with `?payment=done` or `?payment=open`, and
 * the id of what is paid in the parameter `name`. Stripe's webhook may arrive later, so `check` is
 * called until it returns that the outcome is known.
 */
export async function followCheckout(name: string, { done, slow, open }: Sentences, check: (id: string) => Promise<boolean>): Promise<void> {
  const query = new URLSearchParams(location.search);
  const [result, id] = [query.get("payment"), query.get(name)];
  // Without a session the address stays, so that the sign-in leads back to it.
  if (!result || !id || !session.value) return;
  history.replaceState(null, "", location.pathname);
  if (result !== "done") return say(open, true);
  say(done);
  for (let poll = 0; poll < PAYMENT_POLLS; poll++) {
    if (await check(id)) return;
    await new Promise((resolve) => setTimeout(resolve, PAYMENT_POLL_MS));
  }
  say(slow);
}
