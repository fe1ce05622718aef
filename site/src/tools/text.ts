// Texts that people enter.

/** Splits a list that is separated by commas or line breaks. Empty entries are left out. */
export function splitList(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter(Boolean);
}
