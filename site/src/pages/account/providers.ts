// Sign-in providers, and messages about failed sign-ins.

import { api, call } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import type { AccountTexts } from "../../texts/account.en.ts";

export interface Provider {
  name: string;
  label: string;
}

/** The configured providers. Without them, members can still sign in with a password. */
export async function loadProviders(): Promise<Provider[]> {
  try {
    return (await call(api.GET("/api/auth/providers"))).items;
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return [];
  }
}

/** The provider's page, which leads back to `path`. */
export function providerAddress({ name }: Provider, path: string): string {
  return `/api/auth/oauth/${encodeURIComponent(name)}?returnTo=${encodeURIComponent(path)}`;
}

/** Returns the message about a failed sign-in, and removes its code from the address. */
export function takeProviderFailure(t: AccountTexts): string | null {
  const [, code] = /^#oauth=([a-z_]*)/.exec(location.hash) ?? [];
  if (code === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  const { failures, failed } = t.providers;
  return (Object.hasOwn(failures, code) ? failures[code] : null) ?? failed;
}
