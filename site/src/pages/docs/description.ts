// Reads the API's description: references, fields, types, and commands.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  pattern?: string;
  description?: string;
  enum?: unknown[];
  examples?: unknown[];
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

export interface Parameter {
  $ref?: string;
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  example?: unknown;
  schema?: Schema;
}

interface Content {
  schema?: Schema;
  example?: unknown;
}

export interface Answer {
  $ref?: string;
  description: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Content>;
  links?: Record<string, { operationId: string }>;
}

export interface Operation {
  path: string;
  method: string;
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  parameters?: Parameter[];
  security?: Array<Record<string, unknown>>;
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, Answer>;
}

export interface Description {
  openapi: string;
  info: { title: string; version: string; description?: string };
  tags: Array<{ name: string; description?: string }>;
  paths: Record<string, Record<string, Omit<Operation, "path" | "method">>>;
  components: { securitySchemes: Record<string, { scheme?: string; in?: string; description?: string }> };
}

const METHODS = ["get", "post", "put", "patch", "delete"];

/** How deep fields of fields are shown. */
export const DEPTH = 4;

/** The id in samples, in place of that of a real entry. */
const SAMPLE_ID = "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a";

export interface Fields {
  properties: Record<string, Schema> | null;
  required: Set<string>;
}

export class Reference {
  readonly operations: Operation[];

  constructor(readonly description: Description) {
    this.operations = Object.entries(description.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method];
        return operation ? [{ ...operation, path, method: method.toUpperCase() }] : [];
      }),
    );
  }

  /** Follows a reference. A description beside it wins. */
  resolve<T extends { $ref?: string; description?: string }>(part: T | undefined): T {
    if (!part?.$ref) return part ?? ({} as T);
    const keys = part.$ref.slice(2).split("/");
    const found = keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], this.description);
    return { ...(found as T), ...(part.description ? { description: part.description } : {}) };
  }

  /** Collects the properties of references, parts, nullable variants and list items. */
  fieldsOf(schema: Schema | undefined, depth = 0): Fields {
    if (depth > DEPTH) return { properties: null, required: new Set() };
    const resolved = this.resolve(schema);
    const parts = resolved.allOf ?? (resolved.oneOf ?? resolved.anyOf)?.filter(({ type }) => type !== "null") ?? [];
    const inner = [...parts, ...(resolved.items ? [resolved.items] : [])].map((part) => this.fieldsOf(part, depth + 1));
    const properties = Object.assign({}, resolved.properties, ...inner.map((one) => one.properties ?? {})) as Record<string, Schema>;
    const required = new Set([...(resolved.required ?? []), ...inner.flatMap((one) => [...one.required])]);
    return { properties: Object.keys(properties).length > 0 ? properties : null, required };
  }

  /** Describes the type of a value. */
  kind(schema: Schema | undefined): string {
    const resolved = this.resolve(schema);
    const choices = resolved.oneOf ?? resolved.anyOf;
    if (choices) return choices.map((choice) => this.kind(choice)).join(" or ");
    const types = [resolved.type ?? "object"].flat().map((type) => (type === "array" ? `list of ${this.kind(resolved.items)}` : type));
    const bounds = [
      resolved.format,
      resolved.pattern && `matching ${resolved.pattern}`,
      resolved.enum?.map((value) => JSON.stringify(value)).join(" | "),
      between(resolved.minimum, resolved.maximum, ""),
      between(resolved.minLength, resolved.maxLength, " characters"),
      between(resolved.minItems, resolved.maxItems, " entries"),
    ];
    return [types.join(" or "), ...bounds.filter(Boolean)].join(", ");
  }

  /** The names of the ways to sign in to an operation. */
  waysOf(operation: Operation): string[] {
    return (operation.security ?? []).flatMap((ways) => Object.keys(ways));
  }

  /** A command that sends the operation's example. */
  curl(operation: Operation): string {
    const parameters = (operation.parameters ?? []).map((parameter) => this.resolve(parameter));
    const required = parameters.filter((parameter) => parameter.required);
    const query = required.filter((parameter) => parameter.in === "query");
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => this.#sample(parameters.find((one) => one.name === name), name));
    const search = query.map((parameter) => `${parameter.name}=${this.#sample(parameter, parameter.name)}`).join("&");
    const lines = [`curl -X ${operation.method} '${location.origin}${path}${search && `?${search}`}'`];
    const ways = this.waysOf(operation);
    if (ways.includes("accessToken")) lines.push('-H "authorization: Bearer $ACCESS_TOKEN"');
    else if (ways.includes("partner")) lines.push('-u "$APP:$APP_SECRET"');
    else if (ways.includes("cron")) lines.push('-H "authorization: Bearer $CRON_SECRET"');
    for (const parameter of required) {
      if (parameter.in === "header") lines.push(`-H "${parameter.name}: …"`);
    }
    const body = operation.requestBody?.content["application/json"]?.example;
    if (body) lines.push("-H 'content-type: application/json'", `-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`);
    return lines.join(" \\\n  ");
  }

  #sample(parameter: Parameter | undefined, name: string): string {
    const schema = this.resolve(parameter?.schema);
    if (schema.format === "uuid") return SAMPLE_ID;
    return String(parameter?.example ?? schema.examples?.[0] ?? schema.enum?.[0] ?? name);
  }
}

function between(least: number | undefined, most: number | undefined, what: string): string {
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return `at least ${least}${what}`;
  return least === undefined ? `at most ${most}${what}` : `${least} to ${most}${what}`;
}
