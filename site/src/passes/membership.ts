// The member's membership.

import { api, call, type Schema } from "../api/client.ts";
import { session } from "../session.ts";
import { Store } from "../tools/store.ts";

export type Membership = Schema<"Membership">;

/** The membership that has not ended, or null. Undefined while that is not known. */
export const membership = new Store<Membership | null | undefined>(undefined);

/** Loads the membership of the member who is signed in. Without a connection, what is known stays. */
export async function loadMembership(): Promise<void> {
  const member = session.value?.user.id;
  if (!member) return membership.set(undefined);
  try {
    const found = await call(api.GET("/api/shop/membership"));
    // The member may have signed out, or another has signed in.
    if (session.value?.user.id === member) membership.set(found.membership ?? null);
  } catch {
    if (membership.value && membership.value.userId !== member) membership.set(undefined);
  }
}

/** Ends the membership with its period, or takes that back. */
export async function setRenewal(action: Schema<"MembershipAction">): Promise<Membership> {
  const changed = await call(api.PATCH("/api/shop/membership", { body: { action } }));
  membership.set(changed);
  return changed;
}

/** Opens the page at Stripe for the card and the invoices. */
export async function openPortal(): Promise<void> {
  const { url } = await call(api.POST("/api/shop/membership-portal"));
  location.assign(url);
}
