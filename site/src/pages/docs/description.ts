// The API's description, with the ids of real entries in its examples.

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  example?: unknown;
  schema?: { format?: string; enum?: string[] };
}

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: Parameter[];
  security?: Array<Record<string, unknown>>;
  requestBody?: { content: Record<string, { example?: unknown }> };
  responses: Record<string, Answer>;
}

interface Answer {
  description?: string;
  content?: Record<string, unknown>;
  headers?: Record<string, unknown>;
  links?: unknown;
}

export interface Description {
  info: { title: string; version: string; description: string };
  tags: Array<{ name: string; description?: string }>;
  paths: Record<string, Record<string, Operation>>;
  components: {
    responses: Record<string, Answer>;
    schemas: { ErrorCode: { enum: string[] } };
    securitySchemes: Record<string, unknown>;
  };
}

/** An operation with its address. */
export interface Endpoint {
  path: string;
  method: string;
  operation: Operation;
}

/** The kinds of entries whose ids are put into examples. */
type Entry = "occurrence" | "classType" | "instructor" | "booking" | "session";

/** Ids of entries that exist at this studio. */
export type Ids = Partial<Record<Entry, string>>;

/** The id in the examples of the description. */
const MADE_UP_ID = "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a";

/** What a field or parameter with this name identifies. */
const ENTRIES: Readonly<Record<string, Entry>> = {
  scheduledClassId: "occurrence",
  occurrenceId: "occurrence",
  ids: "occurrence",
  classTypeId: "classType",
  classType: "classType",
  instructorId: "instructor",
  bookingId: "booking",
  bookingIds: "booking",
};

/** What `id` identifies, by operation. */
const ENTRIES_OF_ID: Readonly<Record<string, Entry>> = {
  endSession: "session",
  getClassType: "classType",
  getInstructor: "instructor",
  getOccurrence: "occurrence",
  previewClass: "classType",
  retireClassType: "classType",
  retireInstructor: "instructor",
  updateClassType: "classType",
  updateInstructor: "instructor",
  updateTimetableEntry: "occurrence",
};

export function endpoints({ paths }: Description): Endpoint[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** What a search looks at, by operation: all its texts and codes. */
export function searchTexts(description: Description): Map<string, string> {
  return new Map(endpoints(description).map((one) => [one.operation.operationId, JSON.stringify(one).toLowerCase()]));
}

/** Whether a text has all words of a search. */
export function matches(text: string | undefined, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => text?.includes(word));
}

/**
 * Returns the description as the viewer shows it: with `ids` in the examples of requests, and
 * without what is the same everywhere.
 */
export function forViewer(description: Description, ids: Ids): Description {
  const filled = structuredClone(description);
  const codes = new Set(filled.components.schemas.ErrorCode.enum);
  Object.values(filled.components.responses).forEach((answer) => shorten(answer, codes));
  // The browser sends the cookie. Pages cannot set it.
  delete filled.components.securitySchemes.session;
  for (const { operation } of endpoints(filled)) {
    operation.security = (operation.security ?? []).filter((way) => !("session" in way));
    const idOf = (name: string) => {
      const entry = name === "id" ? ENTRIES_OF_ID[operation.operationId] : ENTRIES[name];
      return entry && ids[entry];
    };
    Object.values(operation.responses).forEach((answer) => shorten(answer, codes));
    operation.parameters?.forEach((parameter) => {
      const { name, required, example, schema } = parameter;
      if (required) {
        parameter.example = idOf(name) ?? example ?? schema?.enum?.[0] ?? (schema?.format === "uuid" ? MADE_UP_ID : undefined);
      } else if (example !== undefined) {
        // The viewer would send the example, which narrows the result.
        parameter.description = `${parameter.description ?? ""} For example, \`${String(example)}\`.`.trim();
        delete parameter.example;
      }
    });
    for (const content of Object.values(operation.requestBody?.content ?? {})) content.example = fill(content.example, idOf);
  }
  return filled;
}

/** Every failure has the same body, so its codes with links to their meaning are enough. */
function shorten(answer: Answer, codes: Set<string>): void {
  delete answer.links;
  if (answer.headers) delete answer.headers["x-request-id"];
  if (!JSON.stringify(answer.content ?? {}).includes("#/components/schemas/ErrorResponse")) return;
  delete answer.content;
  delete answer.headers;
  const link = (marked: string, name: string) => (codes.has(name) ? `[${marked}](/docs/errors#${name})` : marked);
  if (answer.description) answer.description = answer.description.replace(/`(\w+)`/g, link);
}

function fill(value: unknown, idOf: (name: string) => string | undefined): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).map(([name, field]) => {
    const id = idOf(name);
    if (!id) return [name, fill(field, idOf)];
    return [name, Array.isArray(field) ? [id] : id];
  });
  return Object.fromEntries(fields);
}

/** Returns a part of the description, with its references replaced by what they name. */
export function resolvePart(description: Description, path: string[]): unknown {
  const part = (at: unknown, key: string) => (at as Record<string, unknown> | undefined)?.[key];
  const resolve = (value: unknown, above: string[]): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((entry) => resolve(entry, above));
    const { $ref, ...beside } = value as Record<string, unknown>;
    const fields = Object.fromEntries(Object.entries(beside).map(([key, field]) => [key, resolve(field, above)]));
    // A part that contains itself keeps its reference.
    if (typeof $ref !== "string" || above.includes($ref)) return typeof $ref === "string" ? { ...fields, $ref } : fields;
    const named = resolve($ref.slice(2).split("/").reduce(part, description as unknown), [...above, $ref]);
    return { ...(named as object), ...fields, $$ref: $ref };
  };
  return resolve(path.reduce(part, description as unknown), []);
}
