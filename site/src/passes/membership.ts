// The member's membership.

import { api, call, type Schema } from "../api/client.ts";
import { session } from "../session.ts";
import { Store } from "../tools/store.ts";

export type Membership = Schema<"Membership">;

/** The membership that has not ended, or null. Undefined while it is not known, and "failed" if it cannot be loaded. */
export const membership = new Store<Membership | "failed" | null | undefined>(undefined);

/** The id of the member whose membership is stored. */
let owner: string | undefined;

let loading: Promise<void> | null = null;

session.follow(forgetOther);

/** Forgets the membership of a member who is no longer signed in. */
function forgetOther(): void {
  const member = session.value?.user.id;
  if (member === owner) return;
  owner = member;
  loading = null;
  membership.set(undefined);
}

/** Loads the membership of the member who is signed in, unless it is known. */
export async function loadMembership(isForced = false): Promise<void> {
  forgetOther();
  if (!owner) return;
  const isKnown = membership.value !== undefined && membership.value !== "failed";
  if (!isForced && (isKnown || loading)) return loading ?? undefined;
  const load: Promise<void> = request().then((found) => {
    // It was asked for again, or another member has signed in.
    if (loading !== load) return;
    loading = null;
    membership.set(found);
  });
  loading = load;
  return load;
}

async function request(): Promise<Membership | "failed" | null> {
  try {
    const found = await call(api.GET("/api/shop/membership"));
    return found.membership ?? null;
  } catch {
    // What is known stays.
    return membership.value === undefined ? "failed" : membership.value;
  }
}

/** Ends the membership at the end of its paid period, or undoes that. */
export async function setRenewal(action: Schema<"MembershipAction">): Promise<Membership> {
  const changed = await call(api.PATCH("/api/shop/membership", { body: { action } }));
  // An answer that is still on its way is older.
  loading = null;
  membership.set(changed.status === "ended" ? null : changed);
  return changed;
}

/** Opens the page at Stripe for the card and the invoices. */
export async function openPortal(): Promise<void> {
  const { url } = await call(api.POST("/api/shop/membership-portal"));
  location.assign(url);
}
