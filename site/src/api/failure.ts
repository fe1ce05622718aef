// A failed request, with a message for the person in their language.

import type { FailureTexts } from "../texts/failures.en.ts";

/** The problems of each field, as the API returns them. */
export type Problems = Record<string, string[]>;

interface Details {
  status?: number;
  code?: string;
  problems?: Problems;
  requestId?: string | null;
  challenge?: string | null;
  memberId?: string | null;
}

let texts: FailureTexts;

/** Sentences for failures that only the page has, by `code`. */
let pageTexts: Readonly<Record<string, string>> = {};

/** Sets the sentences. A page does this before its first request. */
export function setFailureTexts(chosen: FailureTexts, ofPage: Readonly<Record<string, string>>): void {
  texts = chosen;
  pageTexts = ofPage;
}

/** The codes that say that nobody is signed in. An outage does not mean that. */
const SIGNED_OUT = ["not_signed_in", "session_gone"];

/** The code of a request without a response. The API does not use it. */
const UNANSWERED = "unanswered";

/** How long a failure waits for its sentence. After that, it has the API's own, in English. */
const PATIENCE_MS = 2_000;

/**
 * What a proxy answers if the server's response has not arrived (502, 504), and the server if a
 * service that it needs, such as the database, stops answering, which may be after a commit (503).
 */
const UNKNOWN_OUTCOMES = [502, 503, 504];

/** Codes that concern one field, which the response does not name. */
const FIELD_OF_CODE: Record<string, { field: string; problem: string }> = {
  email_taken: { field: "email", problem: "is taken" },
  wrong_password: { field: "currentPassword", problem: "is wrong" },
  invalid_code: { field: "code", problem: "is wrong or has been used" },
};

export class Failure extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: Problems;
  readonly requestId: string | null;
  /** The token of a sign-in that needs a code. */
  readonly challenge: string | null;
  /** The id of the member who already has the address. */
  readonly memberId: string | null;

  constructor(sentence: string, details: Details = {}) {
    super(/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);
    this.status = details.status ?? 0;
    this.code = details.code ?? "";
    this.problems = { ...details.problems };
    this.requestId = details.requestId ?? null;
    this.challenge = details.challenge ?? null;
    this.memberId = details.memberId ?? null;
    const hinted = FIELD_OF_CODE[this.code];
    if (hinted) this.problems[hinted.field] = [hinted.problem];
  }

  get isSignedOut(): boolean {
    return SIGNED_OUT.includes(this.code);
  }

  /** Whether what the address names does not exist. A malformed id gets 400. */
  get isNotFound(): boolean {
    return this.status === 404 || this.status === 400;
  }

  /** Whether it is not known what the server has done. */
  get isUnanswered(): boolean {
    return this.code === UNANSWERED || UNKNOWN_OUTCOMES.includes(this.status);
  }

  static unreachable(): Failure {
    return new Failure(texts.unreachable, { code: UNANSWERED });
  }

  /** The outcome of a request stays unknown. The sentence says what to do. */
  static unknown(sentence: string): Failure {
    return new Failure(sentence, { code: UNANSWERED });
  }

  static tooSlow(): Failure {
    return new Failure(texts.tooSlow, { code: UNANSWERED });
  }

  /** Fields that are empty, or have a text that the browser does not pass on, such as letters for a number. */
  static invalidFields(fields: Array<{ name: string; type: string; validity: ValidityState }>): Failure {
    const isBad = fields.some(({ validity }) => validity.badInput);
    const problem = ({ type, validity }: (typeof fields)[number]) => (!validity.badInput ? "is required" : type === "number" ? "must be a number" : "is not valid");
    return new Failure(isBad ? texts.invalidFields : texts.missingFields, { problems: Object.fromEntries(fields.map((field) => [field.name, [problem(field)]])) });
  }

  /** The failure that a response describes. A proxy may send what is not JSON. */
  static async of(response: Response, body: unknown): Promise<Failure> {
    const answer: Record<string, unknown> = typeof body === "object" && body !== null ? { ...body } : {};
    const text = (name: string) => (typeof answer[name] === "string" ? answer[name] : null);
    const code = text("code") ?? "";
    let sentence = pageTexts[code] ?? (await sentenceFor(code)) ?? text("error") ?? texts.unexpected(response.status);
    const seconds = Number(response.headers.get("retry-after"));
    if (response.status === 429 && seconds > 0) {
      sentence = `${sentence.replace(/\.$/, "")}. ${texts.retryAfter(seconds)}`;
    }
    return new Failure(sentence, {
      status: response.status,
      code,
      problems: problemsOf(answer.details),
      // People need it only to report that the service has failed.
      requestId: response.status >= 500 ? (text("requestId") ?? response.headers.get("x-request-id")) : null,
      challenge: text("challenge"),
      memberId: text("memberId"),
    });
  }
}

/** Returns the sentence for a code, if there is one and it can be loaded soon. */
async function sentenceFor(code: string): Promise<string | undefined> {
  const patience = new Promise<null>((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  try {
    const sentences = await Promise.race([texts.byCode(), patience]);
    return sentences?.[code];
  } catch {
    // The connection was lost meanwhile. The API's own sentence has arrived.
    return undefined;
  }
}

function problemsOf(details: unknown): Problems {
  if (typeof details !== "object" || details === null) return {};
  const lists = Object.entries(details).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  return Object.fromEntries(lists.map(([name, list]) => [name, list.map(String)]));
}

/** Says in the current language what is wrong with a field. */
export function fieldProblem(label: string, problems: string[]): string {
  return texts.field(label, problems);
}
