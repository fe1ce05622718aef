// The API reference, rendered from /openapi.json. Its text is inserted as text,
// never as HTML.

import { Failure, byId, call, say } from "/site.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const HOW_DEEP = 4;

let description;

try {
  description = await call("GET", "/openapi.json");
  show();
} catch (failure) {
  say(failure instanceof Failure ? failure.message : "The API reference could not be shown. Please reload this page.", true);
  console.error(failure);
}

function show() {
  byId("version").textContent = `${description.info.title} ${description.info.version}`;
  byId("about").append(...prose(description.info.description), securityList(), download());
  for (const tag of description.tags) {
    const functions = operations().filter((operation) => operation.tags.includes(tag.name));
    byId("index").append(group(tag, functions));
    byId("functions").append(element("div", { class: "group" }, element("h2", {}, tag.name), ...prose(tag.description), ...functions.map(article)));
  }
  byId("filter").addEventListener("input", filter);
  addEventListener("hashchange", follow);
  // The browser looked for the fragment before it existed.
  follow();
}

// Shows the operation in the address, even if the filter hides it.
function follow() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.hidden) {
    byId("filter").value = "";
    filter();
  }
  target?.scrollIntoView();
}

function operations() {
  return Object.entries(description.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method: method.toUpperCase(), ...item[method] })));
}

function group(tag, functions) {
  const links = functions.map((operation) => {
    const link = element("a", { href: `#${operation.operationId}`, title: operation.summary }, method(operation), operation.path.replace("/api/", ""));
    return element("li", { "data-of": operation.operationId }, link);
  });
  return element("div", { class: "group" }, element("h2", {}, tag.name), element("ul", {}, ...links));
}

function method(operation) {
  return element("span", { class: "method" }, operation.method);
}

function article(operation) {
  const link = element("a", { href: `#${operation.operationId}` }, element("code", {}, operation.path));
  const parts = [
    element("h3", {}, method(operation), link),
    ...prose(`**${operation.summary}.** ${operation.description ?? ""}`),
    element("p", { class: "who" }, who(operation)),
  ];
  if (operation.parameters) parts.push(heading("Parameters"), parameters(operation.parameters));
  for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
    parts.push(heading(`Body (${type})`), fields(content.schema));
  }
  parts.push(heading("Try it"), code(curl(operation), "Command"), heading("Responses"));
  parts.push(...Object.entries(operation.responses).sort().map(([status, response]) => answer(status, resolve(response))));
  return element("section", { class: "function", id: operation.operationId }, ...parts);
}

function who(operation) {
  const names = { session: "a session cookie", accessToken: "an access token", partner: "the name and secret of a partner application", cron: "the cron secret" };
  const ways = (operation.security ?? []).flatMap(Object.keys).map((name) => names[name] ?? name);
  return ways.length ? `Requires ${ways.join(" or ")}.` : "Open to everybody.";
}

function parameters(list) {
  return table(list.map(resolve).map((parameter) => {
    const place = element("small", {}, parameter.in);
    return row(parameter.name, parameter.required, { description: parameter.description, ...resolve(parameter.schema) }, place);
  }));
}

// Renders the fields of an object and of nested objects.
function fields(schema, depth = 0) {
  const { properties, required } = objectOf(schema);
  if (!properties) return element("p", {}, kind(schema));
  return table(Object.entries(properties).flatMap(([name, property]) => {
    const inner = objectOf(property);
    const rows = [row(name, required.has(name), property)];
    if (inner.properties && depth < HOW_DEEP) {
      rows.push(element("tr", { class: "inner" }, element("td", { colspan: 2 }, more(fields(property, depth + 1)))));
    }
    return rows;
  }));
}

function more(inner) {
  return element("details", {}, element("summary", {}, "Fields"), inner);
}

// Collects the properties of a schema from references, parts, nullable variants and
// list items.
function objectOf(schema, depth = 0) {
  const resolved = resolve(schema);
  if (depth > HOW_DEEP) return { properties: null, required: new Set() };
  const parts = resolved.allOf ?? (resolved.oneOf ?? resolved.anyOf)?.filter((one) => one.type !== "null") ?? [];
  const inner = [...parts, ...(resolved.items ? [resolved.items] : [])].map((part) => objectOf(part, depth + 1));
  const all = [resolved, ...inner];
  const properties = Object.assign({}, ...all.map((one) => one.properties ?? {}));
  const required = new Set(all.flatMap((one) => [...(one.required ?? [])]));
  return { properties: Object.keys(properties).length ? properties : null, required };
}

function table(rows) {
  return element("table", { class: "fields" }, element("tbody", {}, ...rows));
}

function row(name, required, schema, ...notes) {
  const label = [element("code", {}, name), required ? element("small", { class: "required" }, "required") : "", ...notes];
  const text = schema.description ?? resolve(schema).description;
  return element("tr", {}, element("th", { scope: "row" }, ...label), element("td", {}, kind(schema), ...prose(text)));
}

// Describes the type of a value.
function kind(schema) {
  const resolved = resolve(schema);
  const choices = resolved.oneOf ?? resolved.anyOf;
  if (choices) return choices.map(kind).join(" or ");
  const types = [resolved.type ?? "object"].flat().map((type) => (type === "array" ? `list of ${kind(resolved.items)}` : type));
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

function between(least, most, what) {
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return `at least ${least}${what}`;
  return least === undefined ? `at most ${most}${what}` : `${least} to ${most}${what}`;
}

function answer(status, response) {
  const parts = [];
  const headers = Object.keys(response.headers ?? {}).filter((name) => name !== "x-request-id");
  if (headers.length) parts.push(element("p", {}, `Headers: ${headers.join(", ")}`));
  for (const [type, content] of Object.entries(response.content ?? {})) {
    if (content.example !== undefined) parts.push(code(JSON.stringify(content.example, null, 2), "Example"));
    else parts.push(element("p", {}, type));
    if (status < 400) parts.push(fields(content.schema));
  }
  for (const link of Object.values(response.links ?? {})) {
    parts.push(element("p", {}, "Next: ", element("a", { href: `#${link.operationId}` }, link.operationId)));
  }
  const summary = element("summary", {}, element("code", {}, status), element("span", {}, ...inline(response.description)));
  return element("details", { class: "answer" }, summary, ...parts);
}

function curl(operation) {
  const needed = (operation.parameters ?? []).map(resolve).filter((parameter) => parameter.required && parameter.in === "query");
  const query = needed.map((parameter) => `${parameter.name}=${example(parameter)}`).join("&");
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => example(operation.parameters.find((one) => one.name === name)));
  const lines = [`curl -X ${operation.method} '${location.origin}${path}${query && `?${query}`}'`];
  const ways = (operation.security ?? []).flatMap(Object.keys);
  if (ways.includes("accessToken")) lines.push(`-H "authorization: Bearer $ACCESS_TOKEN"`);
  else if (ways.includes("partner")) lines.push(`-u "$APP:$APP_SECRET"`);
  else if (ways.includes("cron")) lines.push(`-H "authorization: Bearer $CRON_SECRET"`);
  for (const parameter of operation.parameters ?? []) {
    if (parameter.required && parameter.in === "header") lines.push(`-H "${parameter.name}: …"`);
  }
  const body = operation.requestBody?.content["application/json"];
  if (body?.example) lines.push("-H 'content-type: application/json'", `-d '${JSON.stringify(body.example).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}

function example(parameter) {
  const schema = resolve(parameter.schema);
  if (schema.format === "uuid") return "0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a";
  return parameter.example ?? schema.examples?.[0] ?? schema.enum?.[0] ?? parameter.name;
}

function securityList() {
  const rows = Object.entries(description.components.securitySchemes).map(([name, scheme]) => row(name, false, { type: scheme.scheme ?? scheme.in, description: scheme.description }));
  return element("div", {}, heading("Authentication"), table(rows));
}

function download() {
  return element("p", {}, "OpenAPI description: ", element("a", { href: "/openapi.json" }, "/openapi.json"), ` (version ${description.openapi})`);
}

function filter() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of document.querySelectorAll(".function")) {
    const text = section.textContent.toLowerCase();
    section.hidden = !words.every((word) => text.includes(word));
    found += !section.hidden;
    document.querySelector(`[data-of="${section.id}"]`).hidden = section.hidden;
  }
  for (const group of document.querySelectorAll(".group")) {
    group.hidden = !group.querySelector(".function:not([hidden]), li:not([hidden])");
  }
  byId("found").textContent = words.length ? `${found} ${found === 1 ? "operation" : "operations"}` : "";
}

function resolve(schema) {
  if (!schema?.$ref) return schema ?? {};
  const found = schema.$ref.slice(2).split("/").reduce((at, name) => at[name], description);
  return { ...found, ...(schema.description && { description: schema.description }) };
}

function heading(text) {
  return element("h4", {}, text);
}

// Wide code scrolls, so that it must be focusable.
function code(text, label) {
  return element("pre", { tabindex: 0, role: "region", "aria-label": label }, element("code", {}, text));
}

function prose(text) {
  return (text ?? "").split("\n\n").filter(Boolean).map((part) => element("p", {}, ...inline(part)));
}

// Renders the Markdown that the description uses: `code` and **strong**.
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return element("strong", {}, ...inline(part.slice(2, -2)));
    return part;
  });
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
