// The fields with which a member authenticates again.

import { Field, type FormValues } from "../../components/form.tsx";
import type { AccountTexts } from "../../texts/account.en.ts";

/** Tells password managers which account the password is for. */
export function UsernameInput({ t, email }: { t: AccountTexts; email: string }) {
  return <input type="email" autoComplete="username" aria-label={t.password.yourEmail} value={email} readOnly hidden />;
}

/** A member without a password has to sign in again through a provider instead. */
export function CurrentPassword({ t, hasPassword }: { t: AccountTexts; hasPassword: boolean }) {
  if (!hasPassword) return null;
  return <Field name="currentPassword" label={t.security.currentPassword} type="password" autoComplete="current-password" required />;
}

/** The current password as a part of a request, if the account has one. */
export function currentPassword(values: FormValues): { currentPassword?: string } {
  const given = values.optional("currentPassword");
  return given === undefined ? {} : { currentPassword: given };
}
