// The API reference. Swagger UI shows /openapi.json, with samples of ours.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { mount, useCommon } from "../components/mount.tsx";
import { Button, Dialog, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { loadSession, session, signInAddress } from "../session.ts";
import type { DocsTexts } from "../texts/docs.en.ts";
import type { Catalog } from "../tools/language.ts";
import { useStore } from "../tools/store.ts";
import { type Description, endpoints, forViewer, matches, searchTexts } from "./docs/description.ts";
import { DocsLayout } from "./docs/layout.tsx";
import { loadDescription, loadIds } from "./docs/load.ts";
import type { Viewer } from "./docs/viewer.tsx";

/** A request that waits for the person's decision. */
interface Question {
  request: string;
  decide: (isConfirmed: boolean) => void;
}

function Docs({ t }: { t: DocsTexts }) {
  const common = useCommon();
  const element = useRef<HTMLDivElement>(null);
  const [description, setDescription] = useState<Description | null>(null);
  const [viewer, setViewer] = useState<Viewer | null>(null);
  const [isFailed, setFailed] = useState(false);
  const [question, ask] = useState<Question | null>(null);

  const load = () => {
    setFailed(false);
    const show = async () => {
      const described = loadDescription();
      const imported = import("./docs/viewer.tsx");
      const member = await loadSession().catch(() => null);
      const ids = await loadIds(member !== null).catch(() => ({}));
      const [loaded, { showViewer }] = await Promise.all([described, imported]);
      if (!element.current) return;
      nameOperation(loaded);
      setDescription(loaded);
      const shown = showViewer({
        element: element.current,
        common,
        description: forViewer(loaded, ids),
        sender: { origin: location.origin, email: member?.user.email ?? null },
        confirmDeletion: (request) => new Promise((decide) => ask({ request, decide })),
      });
      setViewer(shown);
    };
    show().catch((error) => {
      console.error(error);
      setFailed(true);
    });
  };
  useEffect(load, []);

  useEffect(() => {
    if (!viewer || !description) return;
    const follow = () => {
      nameOperation(description);
      viewer.follow();
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [viewer, description]);

  const decide = (isConfirmed: boolean) => {
    question?.decide(isConfirmed);
    ask(null);
  };

  return (
    <DocsLayout t={t} sections={description && <Sections description={description} />}>
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      <p class="docs-session">
        <SessionLine t={t} /> <a href="/openapi.json">{t.download}</a>
      </p>
      {description && viewer && <Search t={t} description={description} viewer={viewer} />}
      {isFailed && <ErrorPanel text={t.failed} onRetry={load} />}
      {!viewer && !isFailed && <Skeleton count={8} height="4rem" />}
      <div ref={element} class="viewer" lang="en" />
      <Dialog title={t.confirmTitle} isOpen={question !== null} onClose={() => decide(false)}>
        <p>{t.confirmText(question?.request ?? "")}</p>
        <p class="actions">
          <Button onClick={() => decide(true)}>{t.send}</Button>
          <Button kind="plain" onClick={() => decide(false)}>
            {common.cancel}
          </Button>
        </p>
      </Dialog>
    </DocsLayout>
  );
}

/** Says with whose session requests are sent. */
function SessionLine({ t }: { t: DocsTexts }) {
  const member = useStore(session);
  if (member === undefined) return null;
  if (member) return <span>{t.signedInAs(member.user.firstName)}</span>;
  return (
    <span>
      {t.signedOut} <a href={signInAddress()}>{t.signIn}</a>
    </span>
  );
}

/** Links to the viewer's sections. */
function Sections({ description }: { description: Description }) {
  return (
    <ul class="plain-list docs-sections" lang="en">
      {description.tags.map(({ name }) => (
        <li key={name}>
          <a href={`#/${name}`}>{name}</a>
        </li>
      ))}
    </ul>
  );
}

interface SearchProps {
  t: DocsTexts;
  description: Description;
  viewer: Viewer;
}

function Search({ t, description, viewer }: SearchProps) {
  const [text, setText] = useState("");
  const texts = useMemo(() => searchTexts(description), [description]);
  const count = [...texts.values()].filter((found) => matches(found, text)).length;
  const search = (words: string) => {
    setText(words);
    viewer.search(words);
  };
  useEffect(() => {
    // A link shows its operation, even if the search hides it.
    const clear = () => search("");
    addEventListener("hashchange", clear);
    return () => removeEventListener("hashchange", clear);
  }, [viewer]);
  return (
    <div class="field docs-search">
      <label for="find">{t.find}</label>
      <input
        id="find"
        type="search"
        autoComplete="off"
        spellcheck={false}
        placeholder={t.placeholder}
        value={text}
        onInput={(event) => search(event.currentTarget.value)}
      />
      <span class="hint" role="status">
        {text.trim() ? t.found(count) : ""}
      </span>
    </div>
  );
}

/** Turns an address such as `#createBooking` into the viewer's `#/bookings/createBooking`. */
function nameOperation(description: Description): void {
  const id = location.hash.slice(1);
  const named = endpoints(description).find(({ operation }) => operation.operationId === id);
  if (named) history.replaceState(null, "", `#/${named.operation.tags[0]}/${id}`);
}

const catalog: Catalog<DocsTexts> = { en: () => import("../texts/docs.en.ts"), es: () => import("../texts/docs.es.ts") };
await mount(catalog, Docs);
