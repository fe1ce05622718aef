// The API reference, rendered from /openapi.json. Its text is inserted as text, never as
// HTML.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { mount } from "../components/mount.tsx";
import { Button, ErrorPanel, Skeleton } from "../components/ui.tsx";
import english, { type DocsTexts } from "../texts/docs.en.ts";
import { attempt, say } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { type Answer, DEPTH, type Description, type Operation, Reference, type Schema } from "./docs/description.ts";
import "./docs/docs.css";

interface Props {
  t: DocsTexts;
  reference: Reference;
}

async function loadReference(): Promise<Reference> {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`/openapi.json: ${response.status}`);
  return new Reference((await response.json()) as Description);
}

function Docs({ t }: { t: DocsTexts }) {
  const [reference, setReference] = useState<Reference | null>(null);
  const [isFailed, setFailed] = useState(false);

  const load = () => {
    setFailed(false);
    loadReference().then(setReference, () => setFailed(true));
  };
  useEffect(load, []);

  return (
    <div class="wide page">
      <h1>{t.title}</h1>
      {isFailed && <ErrorPanel text={t.failed} onRetry={load} />}
      {reference ? <Content t={t} reference={reference} /> : !isFailed && <Skeleton count={4} height="10rem" />}
    </div>
  );
}

function Content({ t, reference }: Props) {
  const [search, setSearch] = useState("");
  const [linked, setLinked] = useState(location.hash.slice(1));
  const { description, operations } = reference;

  /** What the search looks at: all texts of an operation, with its codes. */
  const haystacks = useMemo(
    () => new Map(operations.map((operation) => [operation.operationId, JSON.stringify(operation).toLowerCase()])),
    [operations],
  );
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const isFound = ({ operationId }: Operation) => words.every((word) => haystacks.get(operationId)?.includes(word));
  const groups = description.tags
    .map((tag) => ({ tag, found: operations.filter((operation) => operation.tags.includes(tag.name) && isFound(operation)) }))
    .filter(({ found }) => found.length > 0);
  const count = groups.reduce((sum, { found }) => sum + found.length, 0);

  useEffect(() => {
    // Shows the operation in the address, even if the search hides it.
    const follow = () => {
      const id = location.hash.slice(1);
      if (!id) return;
      setLinked(id);
      if (!document.getElementById(id)) setSearch("");
      requestAnimationFrame(() => document.getElementById(id)?.scrollIntoView());
    };
    // The browser looked for the fragment before it existed.
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  return (
    <>
      <p class="lead">
        {description.info.title} {description.info.version}
      </p>
      <div class="reference">
        <nav aria-label={t.operations}>
          <p class="field">
            <label for="filter">{t.find}</label>
            <input
              id="filter"
              type="search"
              autoComplete="off"
              spellcheck={false}
              placeholder={t.placeholder}
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
          </p>
          <p class="hint" role="status">
            {words.length > 0 ? t.found(count) : ""}
          </p>
          <a class="skip-index" href="#functions">
            {t.skip}
          </a>
          {groups.map(({ tag, found }) => (
            <div key={tag.name} lang="en">
              <h2>{tag.name}</h2>
              <ul class="plain-list">
                {found.map((operation) => (
                  <li key={operation.operationId}>
                    <a href={`#${operation.operationId}`} title={operation.summary}>
                      <span class="method">{operation.method}</span>
                      {operation.path.replace("/api/", "")}
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <div id="functions" tabIndex={-1}>
          <section class="card about">
            <div lang="en">
              <Prose text={description.info.description} />
            </div>
            <h2>{t.authentication}</h2>
            <table class="fields" lang="en">
              <tbody>
                {Object.entries(description.components.securitySchemes).map(([name, scheme]) => (
                  <tr key={name}>
                    <th scope="row">
                      <code>{name}</code>
                    </th>
                    <td>
                      {scheme.scheme ?? scheme.in}
                      <Prose text={scheme.description} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <p>
              {t.download} <a href="/openapi.json">/openapi.json</a> ({description.openapi})
            </p>
          </section>
          {groups.map(({ tag, found }) => (
            <div key={tag.name} class="group">
              <div lang="en">
                <h2>{tag.name}</h2>
                <Prose text={tag.description} />
              </div>
              {found.map((operation) => (
                <Article
                  key={operation.operationId}
                  t={t}
                  reference={reference}
                  operation={operation}
                  isLinked={operation.operationId === linked}
                />
              ))}
            </div>
          ))}
        </div>
      </div>
    </>
  );
}

/** One operation. It opens when it is in the address. */
function Article({ t, reference, operation, isLinked }: Props & { operation: Operation; isLinked: boolean }) {
  const summary = (
    <span lang="en">
      <span class="method">{operation.method}</span> <code>{operation.path}</code>
      <span class="summary-text">{operation.summary}</span>
    </span>
  );
  return (
    <div class="operation" id={operation.operationId}>
      <Later class="operation-details" summary={summary} isOpen={isLinked}>
        {() => <OperationText t={t} reference={reference} operation={operation} />}
      </Later>
    </div>
  );
}

function OperationText({ t, reference, operation }: Props & { operation: Operation }) {
  const ways = reference.waysOf(operation).map((name) => t.ways[name] ?? name);
  const parameters = (operation.parameters ?? []).map((parameter) => reference.resolve(parameter));
  const command = reference.curl(operation);
  const copy = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(command);
      say(t.copied);
    });
  return (
    <>
      <div lang="en">
        <Prose text={operation.description} />
      </div>
      <p class="hint">
        {ways.length > 0 ? t.requires(ways.join(t.or)) : t.openToAll} <a href={`#${operation.operationId}`}>{t.link}</a>
      </p>
      {parameters.length > 0 && (
        <>
          <h3 class="part">{t.parameters}</h3>
          <table class="fields" lang="en">
            <tbody>
              {parameters.map((parameter) => (
                <Row
                  key={parameter.name}
                  t={t}
                  reference={reference}
                  name={parameter.name}
                  note={parameter.in}
                  isRequired={parameter.required ?? false}
                  schema={{ ...reference.resolve(parameter.schema), ...(parameter.description ? { description: parameter.description } : {}) }}
                />
              ))}
            </tbody>
          </table>
        </>
      )}
      {Object.entries(operation.requestBody?.content ?? {}).map(([type, content]) => (
        <div key={type}>
          <h3 class="part">{t.body(type)}</h3>
          <Fields t={t} reference={reference} schema={content.schema} />
        </div>
      ))}
      <div class="try">
        <h3 class="part">{t.tryIt}</h3>
        <Button kind="quiet" size="small" aria-label={`${t.copy}: ${operation.operationId}`} onClick={copy}>
          {t.copy}
        </Button>
      </div>
      <Code text={command} label={`${t.command}: ${operation.operationId}`} />
      <h3 class="part">{t.responses}</h3>
      {Object.entries(operation.responses)
        .sort()
        .map(([status, answer]) => (
          <Response key={status} t={t} reference={reference} status={status} answer={reference.resolve(answer)} of={operation.operationId} />
        ))}
    </>
  );
}

interface LaterProps {
  summary: ComponentChildren;
  class: string;
  isOpen?: boolean;
  children: () => ComponentChildren;
}

/** A part that is rendered when it is opened, because the description is long. */
function Later({ summary, class: name, isOpen: isOpenAtFirst = false, children }: LaterProps) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  useEffect(() => {
    if (isOpenAtFirst) setOpen(true);
  }, [isOpenAtFirst]);
  return (
    <details class={name} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && <div>{children()}</div>}
    </details>
  );
}

interface ResponseProps extends Props {
  status: string;
  answer: Answer;
  of: string;
}

function Response({ t, reference, status, answer, of }: ResponseProps) {
  const headers = Object.keys(answer.headers ?? {}).filter((name) => name !== "x-request-id");
  const summary = (
    <>
      <code>{status}</code>
      <span lang="en">
        <Inline text={answer.description} />
      </span>
    </>
  );
  return (
    <Later class="answer" summary={summary}>
      {() => (
        <>
          {headers.length > 0 && (
            <p>
              {t.headers} {headers.join(", ")}
            </p>
          )}
          {Object.entries(answer.content ?? {}).map(([type, content]) => (
            <div key={type}>
              {content.example === undefined ? (
                <p>{type}</p>
              ) : (
                <Code text={JSON.stringify(content.example, null, 2)} label={`${t.example}: ${of}, ${status}`} />
              )}
              {Number(status) < 400 && <Fields t={t} reference={reference} schema={content.schema} />}
            </div>
          ))}
          {Object.values(answer.links ?? {}).map(({ operationId }) => (
            <p key={operationId}>
              {t.next} <a href={`#${operationId}`}>{operationId}</a>
            </p>
          ))}
        </>
      )}
    </Later>
  );
}

function Fields({ t, reference, schema, depth = 0 }: Props & { schema: Schema | undefined; depth?: number }) {
  const { properties, required } = reference.fieldsOf(schema);
  if (!properties) return <p lang="en">{reference.kind(schema)}</p>;
  return (
    <table class="fields" lang="en">
      <tbody>
        {Object.entries(properties).map(([name, property]) => (
          <Row key={name} t={t} reference={reference} name={name} isRequired={required.has(name)} schema={property} depth={depth} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps extends Props {
  name: string;
  isRequired: boolean;
  schema: Schema;
  note?: string;
  depth?: number;
}

function Row({ t, reference, name, isRequired, schema, note, depth = DEPTH }: RowProps) {
  const text = schema.description ?? reference.resolve(schema).description;
  const hasFields = depth < DEPTH && reference.fieldsOf(schema).properties !== null;
  return (
    <tr>
      <th scope="row">
        <code>{name}</code>
        {isRequired && (
          <small class="required" lang={document.documentElement.lang}>
            {t.required}
          </small>
        )}
        {note && <small>{note}</small>}
      </th>
      <td>
        {reference.kind(schema)}
        <Prose text={text} />
        {hasFields && (
          <Later class="inner" summary={t.fields}>
            {() => <Fields t={t} reference={reference} schema={schema} depth={depth + 1} />}
          </Later>
        )}
      </td>
    </tr>
  );
}

/** Wide code scrolls, so that it must be focusable. */
function Code({ text, label }: { text: string; label: string }) {
  return (
    <pre tabIndex={0} role="region" aria-label={label}>
      <code>{text}</code>
    </pre>
  );
}

function Prose({ text }: { text: string | undefined }) {
  const parts = (text ?? "").split("\n\n").filter(Boolean);
  return (
    <>
      {parts.map((part, index) => (
        <p key={index}>
          <Inline text={part} />
        </p>
      ))}
    </>
  );
}

/** Renders the Markdown that the description uses: `code` and **strong**. */
function Inline({ text }: { text: string }) {
  return (
    <>
      {text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part, index) => {
        if (part.startsWith("`")) return <code key={index}>{part.slice(1, -1)}</code>;
        if (part.startsWith("**")) {
          return (
            <strong key={index}>
              <Inline text={part.slice(2, -2)} />
            </strong>
          );
        }
        return part;
      })}
    </>
  );
}

const catalog: Catalog<DocsTexts> = { en: english, es: () => import("../texts/docs.es.ts") };
await mount(catalog, Docs);
