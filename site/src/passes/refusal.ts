// Which pass can pay for which class.

import type { Schema } from "../api/client.ts";

type Pass = Schema<"Pass">;

/** What of a class decides which pass can pay for it. */
export type ClassToPay = Pick<Schema<"Occurrence">, "classTypeId" | "localDate">;

/**
 * Returns why a pass cannot pay for a class, or null if it can. The API has the last word: only it
 * knows `too_early`, because a pass that starts with the first class can also start earlier.
 */
export function refusalOf(pass: Pass, { classTypeId, localDate }: ClassToPay): Schema<"PassRefusal"> | null {
  const { creditsLeft, classTypes, starts, firstDay, lastDay, frozenFrom, frozenTo } = pass;
  if (creditsLeft === 0) return "used_up";
  if (classTypes.length > 0 && !classTypes.some(({ id }) => id === classTypeId)) return "other_class_type";
  if (lastDay && localDate > lastDay) return "ended";
  if (starts === "purchase" && firstDay && localDate < firstDay) return "not_begun";
  if (frozenFrom && frozenTo && frozenFrom <= localDate && localDate <= frozenTo) return "frozen";
  return null;
}
