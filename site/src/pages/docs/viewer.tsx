// Swagger UI in the site's look. It runs without inserting HTML, which the security policy
// forbids: its Markdown component is replaced.

import { type ComponentChildren, render } from "preact";
import SwaggerUI, { type Plugin, type System } from "swagger-ui-dist/swagger-ui-es-bundle.js";
import { CommonContext } from "../../components/mount.tsx";
import type { CommonTexts } from "../../texts/common.en.ts";
import { Code } from "./code.tsx";
import { type Description, endpoints, matches, resolvePart, searchTexts } from "./description.ts";
import { Prose } from "./prose.tsx";
import { curlSample, scriptSample, type Sender } from "./samples.ts";
import "./viewer.css";

export interface Viewer {
  search(text: string): void;
  /** Opens the operation or section that the address names. */
  follow(): void;
}

interface Settings {
  element: HTMLElement;
  common: CommonTexts;
  description: Description;
  sender: Sender;
  /** Asks before a request that deletes something. */
  confirmDeletion: (request: string) => Promise<boolean>;
}

/** The viewer's button that sends a request. */
type ButtonType = new () => {
  props: { method: string; path: string };
  onClick(): void;
  render(): unknown;
};

/** The viewer's elements by the names of its parts. Its parts are React's, and ours are Preact's. */
type Props = Record<string, unknown> & { children?: string };

/** Makes the React element that renders Preact's elements. */
function islandOf({ createElement, useEffect, useRef }: System["React"], common: CommonTexts): (content: ComponentChildren) => unknown {
  const Island = ({ content }: { content: ComponentChildren }) => {
    const root = useRef<HTMLElement | null>(null);
    useEffect(() => {
      if (root.current) render(<CommonContext.Provider value={common}>{content}</CommonContext.Provider>, root.current);
    }, [content]);
    useEffect(() => {
      const element = root.current;
      return () => {
        if (element) render(null, element);
      };
    }, []);
    return createElement("div", { ref: root });
  };
  return (content) => createElement(Island, { content });
}

function siteParts({ common, description, sender, confirmDeletion }: Settings): Plugin {
  const all = endpoints(description);
  const find = (path: unknown, method: unknown) => all.find((one) => one.path === path && one.method === method);
  const texts = searchTexts(description);
  return ({ React, fn }) => {
    const island = islandOf(React, common);
    return {
      components: {
        SiteLayout: ({ getComponent }: System) => {
          const [Authorize, Operations] = [getComponent("AuthorizeBtnContainer", true), getComponent("operations", true)];
          return React.createElement(
            "div",
            { className: "swagger-ui" },
            React.createElement("h2", { className: "unseen" }, "Operations"),
            React.createElement(Authorize, null),
            React.createElement(Operations, null),
          );
        },
        // The viewer's own list of 150 or more has only those in the window, so the browser's search does
        // not find the others.
        operations: ({ specSelectors, getComponent, ...shared }: ListProps) => {
          const [Section, Operation] = [getComponent("OperationTag"), getComponent("OperationContainer", true)];
          const operation = (tag: string, op: Entry) => {
            const [path, method] = [op.get("path"), op.get("method")];
            return React.createElement(Operation, { key: `${path} ${method}`, tag, op, path, method, specPath: op.get("specPath") });
          };
          const section = ([tag, tagObj]: [string, Section]) => {
            const operations = tagObj.get("operations").toArray();
            const content = operations.map((op) => operation(tag, op));
            return React.createElement(
              Section,
              { ...shared, key: tag, tag, tagObj, getComponent, specUrl: specSelectors.url() },
              React.createElement("div", { className: "operation-tag-content" }, content),
            );
          };
          return React.createElement("div", null, specSelectors.taggedOperations().entrySeq().toArray().map(section));
        },
      },
      wrapComponents: {
        Markdown: () => ({ source }: Props) => island(<Prose text={typeof source === "string" ? source : ""} />),
        HighlightCode: () => ({ children }: Props) => island(<Code label="Example" variants={[{ name: "JSON", code: children ?? "" }]} />),
        curl: () => ({ request }: Props) =>
          island(<Code label="Request" variants={[{ name: "curl", code: fn.requestSnippetGenerator_curl_bash(request) }]} />),
        // A link in a button could not be reached. Opening an operation changes the address.
        DeepLink: (original) => (props: Props) =>
          String(props.path).includes("/") ? React.createElement("span", null, props.text) : React.createElement(original, props),
        TryItOutButton: () => () => null,
        execute: (original) =>
          class Run extends (original as ButtonType) {
            override render() {
              const { method, path } = this.props;
              const send = async () => {
                if (method !== "delete" || (await confirmDeletion(`DELETE ${path}`))) this.onClick();
              };
              return React.cloneElement(super.render(), { onClick: send }, "Run");
            }
          },
        responses: (original) => (props: Props) => {
          const endpoint = find(props.path, props.method);
          const samples = endpoint && (
            <Code
              label={`Samples of ${endpoint.operation.operationId}`}
              variants={[
                { name: "curl", code: curlSample(endpoint, sender) },
                { name: "JavaScript", code: scriptSample(endpoint, sender) },
              ]}
            />
          );
          return React.createElement("div", null, island(samples), React.createElement(original, props));
        },
      },
      fn: {
        // The viewer's own way takes seconds for a description of this length.
        resolveSubtree: async (_: unknown, path: string[]) => ({ errors: [], spec: resolvePart(description, path) }),
        opsFilter: (sections: Sections, text: string) => {
          const isFound = (operation: Entry) => matches(texts.get(String(operation.getIn(["operation", "operationId"]))), text);
          return sections
            .map((section) => section.update("operations", (operations) => operations.filter(isFound)))
            .filter((section) => section.get("operations").size > 0);
        },
      },
    };
  };
}

/** What the list of operations gets from the viewer. The rest is for the sections. */
interface ListProps {
  specSelectors: { taggedOperations(): { entrySeq(): { toArray(): Array<[string, Section]> } }; url(): string };
  getComponent: System["getComponent"];
}

interface Entry {
  get(name: string): unknown;
  getIn(path: string[]): unknown;
}

interface Operations {
  size: number;
  filter(keep: (operation: Entry) => boolean): Operations;
  toArray(): Entry[];
}

interface Section {
  get(name: "operations"): Operations;
  update(name: "operations", change: (operations: Operations) => Operations): Section;
}

/** The sections with their operations, as persistent collections. */
interface Sections {
  map(change: (section: Section) => Section): Sections;
  filter(keep: (section: Section) => boolean): Sections;
}

/** Names fields, tables and a button for screen readers. The viewer leaves them without a name. */
function nameParts(element: HTMLElement): void {
  for (const row of element.querySelectorAll<HTMLElement>("tr[data-param-name]")) {
    for (const field of row.querySelectorAll("input, select, textarea")) field.setAttribute("aria-label", row.dataset.paramName ?? "");
  }
  for (const area of element.querySelectorAll(".body-param__text")) area.setAttribute("aria-label", "Request body");
  element.querySelector(".close-modal")?.setAttribute("aria-label", "Close");
  for (const table of element.querySelectorAll(".responses-table[role=region]")) {
    table.setAttribute("aria-label", `Responses of ${table.closest(".opblock")?.id.split("-").at(-1) ?? ""}`);
  }
}

export function showViewer(settings: Settings): Viewer {
  const { element, description } = settings;
  new MutationObserver(() => nameParts(element)).observe(element, { childList: true, subtree: true });
  const system = SwaggerUI({
    domNode: element,
    plugins: [siteParts(settings)],
    layout: "SiteLayout",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    syntaxHighlight: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
  // The option `spec` would write the description as text and parse it again as YAML.
  system.specActions.updateLoadingStatus("success");
  system.specActions.updateJsonSpec(description);
  const follow = () => {
    system.layoutActions.parseDeepLinkHash(decodeURIComponent(location.hash));
    // The viewer scrolls only to what it has just rendered.
    const [, section, id] = location.hash.split("/");
    const name = id ? `operations-${section}-${id}` : `operations-tag-${section}`;
    requestAnimationFrame(() => document.getElementById(name)?.scrollIntoView());
  };
  follow();
  return { search: (text) => system.layoutActions.updateFilter(text || false), follow };
}
