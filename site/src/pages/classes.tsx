// The class types by level, and at /classes/<id> one of them with its upcoming dates.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { resumeBooking } from "../classes/actions.ts";
import { ClassCard } from "../classes/card.tsx";
import { classPath, priceText } from "../classes/facts.ts";
import { followChanges, loadAvailability, type Occurrence, waitForRefresh } from "../classes/live.ts";
import { mount } from "../components/mount.tsx";
import { ClassPicture, Portrait } from "../components/picture.tsx";
import { Button, Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import english, { type ClassTypesTexts } from "../texts/class-types.en.ts";
import { report } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { useLatest } from "../tools/latest.ts";
import { courseItem, describeContent, eventItem } from "../tools/structured-data.ts";
import { formatDay } from "../tools/time.ts";
import { SharedClass } from "./classes/shared.tsx";
import "./classes.css";

type ClassType = Schema<"ClassType">;
type Details = Schema<"ClassTypeDetails">;
type Texts = { t: ClassTypesTexts };

const LEVELS = ["beginner", "intermediate", "advanced", "all-levels"];

/** How many dates a class page shows at first. */
const FIRST_DATES = 8;

/** The date that a shared link names. */
const sharedId = new URLSearchParams(location.search).get("class");

const [, id] = /^\/classes\/([^/]+)$/.exec(location.pathname) ?? [];

/** How many pictures are in the window before anybody scrolls. */
const FIRST_PICTURES = 3;

function ClassTypes({ t }: Texts) {
  const [types, setTypes] = useState<ClassType[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);

  const load = async () => {
    setFailure(null);
    try {
      const page = await call(api.GET("/api/classes/list", { params: { query: { limit: 100 } } }));
      setTypes(page.items);
      describeContent({ path: "/classes" }, () => page.items.map(courseItem));
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      setFailure(failed);
    }
  };
  useEffect(() => void load().catch(report), []);
  const levels = LEVELS.map((level) => ({ level, ofLevel: (types ?? []).filter((type) => type.level === level) }));
  const first = levels.flatMap(({ ofLevel }) => ofLevel).slice(0, FIRST_PICTURES);

  return (
    <div class="wide page class-types">
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      {failure && <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={() => void load().catch(report)} />}
      {!failure && types === null && (
        <section class="level type-skeletons">
          <Skeleton count={6} height="26rem" />
        </section>
      )}
      {types?.length === 0 && (
        <Empty text={t.none}>
          <a class="button" href="/contact">
            {t.contact}
          </a>
        </Empty>
      )}
      {levels.map(({ level, ofLevel }) => {
        if (ofLevel.length === 0) return null;
        return (
          <section key={level} class="level">
            <div class="level-head">
              <h2>{t.classes.levels[level]}</h2>
              <p class="hint">{t.levels[level]}</p>
            </div>
            <ul class="plain-list type-list">
              {ofLevel.map((type) => (
                <li key={type.id} class="type-card">
                  <ClassPicture id={type.id} url={type.imageUrl} isLazy={!first.includes(type)} />
                  <div class="type-text">
                    <h3>{type.name}</h3>
                    <p>{type.description}</p>
                    <Facts t={t} type={type} />
                    <a class="stretched" href={`/classes/${type.id}`} aria-label={t.datesOf(type.name)}>
                      {t.dates}
                    </a>
                  </div>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}

function Facts({ t, type }: Texts & { type: ClassType }) {
  return (
    <p class="hint">
      {t.classes.minutes(type.durationMinutes)} · {t.spots(type.maxParticipants)} · {priceText(t.classes, type)}
    </p>
  );
}

/** Returns null for what does not exist. */
async function found<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (failure) {
    if (failure instanceof Failure && (failure.status === 404 || failure.status === 400)) return null;
    throw failure;
  }
}

interface Shown {
  /** Null if the class is not taught any more. */
  details: Details | null;
  /** The date that the link names. Null if it does not exist. */
  shared: Occurrence | null;
}

async function loadShown(): Promise<Shown> {
  const [details, shared] = await Promise.all([
    found(call(api.GET("/api/classes/details", { params: { query: { id: id ?? "" } } }))),
    sharedId ? found(call(api.GET("/api/classes/occurrence", { params: { query: { id: sharedId } } }))) : null,
  ]);
  return { details, shared };
}

/** The classes of the page, without any of them twice. */
function classesOf({ details, shared }: Shown): Occurrence[] {
  const others = (details?.upcomingClasses ?? []).filter((occurrence) => occurrence.id !== shared?.id);
  return shared ? [shared, ...others] : others;
}

function describeClass(shown: Shown): void {
  const { details, shared } = shown;
  const main = shared ?? details;
  if (!main) return;
  const path = shared ? classPath(shared) : `/classes/${main.id}`;
  describeContent({ path, description: main.description, image: main.imageUrl }, () => [
    ...(details ? [courseItem(details)] : []),
    ...classesOf(shown).map(eventItem),
  ]);
}

function OneClass({ t }: Texts) {
  const texts = useLatest(t.classes);
  const [shown, setShown] = useState<Shown | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isLong, setLong] = useState(false);
  const current = useRef<Shown | null>(null);
  const ids = () => (current.current ? classesOf(current.current).map((occurrence) => occurrence.id) : []);

  const load = async () => {
    setFailure(null);
    try {
      const next = await loadShown();
      // The link may name a date of another class.
      if (next.shared && next.shared.classTypeId !== id) location.replace(classPath(next.shared));
      current.current = next;
      setShown(next);
      const name = next.details?.name ?? next.shared?.title;
      if (name) document.title = document.title.replace(/^[^·]+/, `${name} `);
      describeClass(next);
      void loadAvailability(ids()).catch(waitForRefresh);
      return classesOf(next);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      // What is shown stays, even if it is not the latest.
      if (current.current) report(failed);
      else setFailure(failed);
      return current.current ? classesOf(current.current) : [];
    }
  };

  useEffect(() => {
    resumeBooking(t.classes, load()).catch(report);
    return followChanges({ texts, ids, onClassChange: () => void load().catch(report) });
  }, []);

  if (failure) {
    return (
      <div class="reading page">
        <h1 class="page-title">{t.title}</h1>
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={() => void load().catch(report)} />
      </div>
    );
  }
  if (!shown) {
    return (
      <div class="wide page">
        <div class="one-class-skeletons">
          <Skeleton count={2} height="18rem" />
        </div>
      </div>
    );
  }
  const { details, shared } = shown;
  if (!details) return <Gone t={t} shared={shared} />;
  const dates = details.upcomingClasses.filter((occurrence) => occurrence.id !== shared?.id);
  const isPossible = shared && !shared.isCancelled && new Date(shared.startTime) > new Date();
  return (
    <div class="wide page">
      <p>
        <a href="/classes">← {t.all}</a>
      </p>
      <div class="one-class">
        <div>
          <span class="tag">{t.classes.levels[details.level] ?? details.level}</span>
          <h1>{details.name}</h1>
          {shared && <SharedClass t={t} occurrence={shared} />}
          {sharedId && !shared && <p>{t.dateMissing}</p>}
          <p class="lead">{details.description}</p>
          {!shared && <Facts t={t} type={details} />}
        </div>
        <ClassPicture id={details.id} url={details.imageUrl} isLazy={false} />
      </div>

      <h2>{isPossible ? t.otherDates : shared ? t.nextDates : t.coming}</h2>
      {dates.length === 0 ? (
        <Empty text={t.noneComing}>
          <a class="button" href="/contact">
            {t.contact}
          </a>
        </Empty>
      ) : (
        <div class="date-grid">
          {dates.slice(0, isLong ? dates.length : FIRST_DATES).map((occurrence) => (
            <ClassCard
              key={occurrence.id}
              t={t.classes}
              occurrence={occurrence}
              day={formatDay(occurrence.localDate, { weekday: "long", month: "short", day: "numeric" })}
            />
          ))}
        </div>
      )}

      {!isLong && dates.length > FIRST_DATES && (
        <p class="actions more-dates">
          <Button kind="quiet" onClick={() => setLong(true)}>
            {t.moreDates}
          </Button>
        </p>
      )}

      {details.instructors.length > 0 && (
        <section class="teachers">
          <h2>{t.taughtBy}</h2>
          <ul class="plain-list teacher-list">
            {details.instructors.map((teacher) => (
              <li key={teacher.id} class="teacher">
                <Portrait id={teacher.id} url={teacher.profileImageUrl} />
                <div>
                  <h3>
                    <a href={`/instructors/${teacher.id}`}>{teacher.name}</a>
                  </h3>
                  {teacher.experienceYears != null && <p class="hint">{t.years(teacher.experienceYears)}</p>}
                  <p>{teacher.bio}</p>
                </div>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** A class that is not taught any more. A link to one of its dates still shows that date. */
function Gone({ t, shared }: Texts & { shared: Occurrence | null }) {
  return (
    <div class="reading page">
      <h1 class="page-title">{shared?.title ?? t.notFoundTitle}</h1>
      {shared && <SharedClass t={t} occurrence={shared} />}
      <p class="lead">
        {shared && `${t.notFoundTitle}. `}
        {t.notFoundText} <a href="/classes">{t.all}</a>
      </p>
    </div>
  );
}

const catalog: Catalog<ClassTypesTexts> = { en: english, es: () => import("../texts/class-types.es.ts") };
await mount(catalog, id ? OneClass : ClassTypes);
