// What the error codes mean.

import type { Schema } from "../../api/client.ts";

export type ErrorCode = Schema<"ErrorCode">;

/** A sentence that says what a code means, and one that says what to do. */
type ErrorText = readonly [meaning: string, action: string];

/** The texts of the page. A code without a text does not compile. */
export interface ErrorCodesTexts {
  title: string;
  lead: string;
  body: string;
  find: string;
  found: (count: number) => string;
  returnedBy: string;
  everywhere: string;
  link: (code: string) => string;
  codes: Readonly<Record<ErrorCode, ErrorText>>;
}
