// What a gift card pays of a price.

/** A gift card whose code the person knows. */
export interface EnteredCard {
  code: string;
  balance: string;
  currency: string;
}

/** What a gift card pays of a price, and what is left to pay by card. */
export function split(card: EnteredCard | null, total: string): { covered: string; rest: string } {
  const decimals = total.split(".")[1]?.length ?? 0;
  const covered = Math.min(Number(card?.balance ?? 0), Number(total));
  return { covered: covered.toFixed(decimals), rest: (Number(total) - covered).toFixed(decimals) };
}
