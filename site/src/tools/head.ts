// What the head of a page tells search engines and link previews.

import { trustedTypes } from "./trusted-types.ts";

export interface PageHead {
  /** The address that stands for the page, without the origin. */
  path: string;
  description?: string;
  /** A picture for link previews, which do not show SVG. */
  image?: string | null;
  /** The content of the page in the vocabulary of schema.org. */
  items?: object[];
}

/** Puts the name of what a page shows in place of the first part of its title. */
export function setTitle(name: string): void {
  document.title = document.title.replace(/^[^·]+/, `${name} `);
}

/** Describes the page, whose title is already set. What is left out stays as the HTML file has it. */
export function describePage({ path, description, image, items }: PageHead): void {
  const url = absolute(path);
  element("link", "rel", "canonical").setAttribute("href", url);
  setMeta("property", "og:url", url);
  setMeta("property", "og:title", document.title);
  const picture = image && !image.endsWith(".svg") ? image : "/preview.png";
  setMeta("property", "og:image", absolute(picture));
  if (description) {
    const short = excerpt(description);
    setMeta("name", "description", short);
    setMeta("property", "og:description", short);
  }
  if (items) {
    const script = element("script", "type", "application/ld+json");
    script.textContent = dataScript({ "@context": "https://schema.org", "@graph": items });
  }
}

/** Browsers that require trusted types accept the text of a script only from a policy. This one accepts JSON. */
const policy = trustedTypes?.createPolicy("sabor-data", { createScript: (text) => JSON.stringify(JSON.parse(text)) });

function dataScript(data: object): string {
  const text = JSON.stringify(data);
  return policy?.createScript(text) ?? text;
}

export function absolute(path: string): string {
  return new URL(path, location.origin).href;
}

/** Search engines and link previews cut longer descriptions. */
const DESCRIPTION_LENGTH = 160;

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= DESCRIPTION_LENGTH ? line : `${line.slice(0, DESCRIPTION_LENGTH).replace(/ [^ ]*$/, "")} …`;
}

function setMeta(kind: "name" | "property", name: string, content: string): void {
  element("meta", kind, name).setAttribute("content", content);
}

/** The element of the head with this attribute, which is added if there is none. */
function element(tag: "link" | "meta" | "script", attribute: string, value: string): Element {
  const found = document.head.querySelector(`${tag}[${attribute}="${value}"]`);
  if (found) return found;
  const added = document.createElement(tag);
  added.setAttribute(attribute, value);
  document.head.append(added);
  return added;
}
