// The class types by level, and at /classes/<id> one of them with its upcoming dates.

import { useEffect, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { DatedCards } from "../classes/card.tsx";
import { classPath, priceText } from "../classes/facts.ts";
import type { Occurrence } from "../classes/live.ts";
import { useLiveClasses } from "../classes/live-classes.ts";
import { courseItem, describeContent, eventItem } from "../classes/structured-data.ts";
import { mount } from "../components/mount.tsx";
import { ClassPicture, Portrait } from "../components/picture.tsx";
import { Button, Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import type { ClassTypesTexts } from "../texts/class-types.en.ts";
import { setTitle } from "../tools/head.ts";
import type { Catalog } from "../tools/language.ts";
import { useLoad } from "../tools/load.ts";
import { SharedClass } from "./classes/shared.tsx";
import "../components/card-list.css";
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

async function loadTypes(): Promise<ClassType[]> {
  const page = await call(api.GET("/api/classes/list", { params: { query: { limit: 100 } } }));
  return page.items;
}

function ClassTypes({ t }: Texts) {
  const { loaded: types, failure, reload } = useLoad(loadTypes);
  useEffect(() => {
    if (types) describeContent({ path: "/classes" }, () => types.map(courseItem));
  }, [types]);
  const levels = LEVELS.map((level) => ({ level, ofLevel: (types ?? []).filter((type) => type.level === level) }));
  const first = levels.flatMap(({ ofLevel }) => ofLevel).slice(0, FIRST_PICTURES);

  return (
    <div class="wide page class-types">
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      {failure && <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />}
      {!failure && types === null && (
        <section class="level card-list">
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
            <ul class="plain-list card-list">
              {ofLevel.map((type) => (
                <li key={type.id} class="picture-card type-card">
                  <ClassPicture id={type.id} url={type.imageUrl} isLazy={!first.includes(type)} />
                  <div class="picture-card-text">
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
async function nullIfNotFound<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (failure) {
    if (failure instanceof Failure && failure.isNotFound) return null;
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
    nullIfNotFound(call(api.GET("/api/classes/details", { params: { query: { id: id ?? "" } } }))),
    sharedId ? nullIfNotFound(call(api.GET("/api/classes/occurrence", { params: { query: { id: sharedId } } }))) : null,
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
  const name = details?.name ?? shared?.title;
  if (!main || !name) return;
  // The link may name a date of another class.
  if (shared && shared.classTypeId !== id) location.replace(classPath(shared));
  setTitle(name);
  const path = shared ? classPath(shared) : `/classes/${main.id}`;
  describeContent({ path, description: main.description, image: main.imageUrl }, () => [
    ...(details ? [courseItem(details)] : []),
    ...classesOf(shown).map(eventItem),
  ]);
}

function OneClass({ t }: Texts) {
  const { loaded, failure, reload } = useLiveClasses({ t: t.classes, load: loadShown, classesOf });
  useEffect(() => {
    if (loaded) describeClass(loaded);
  }, [loaded]);

  if (failure) {
    return (
      <div class="reading page">
        <h1 class="page-title">{t.title}</h1>
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
      </div>
    );
  }
  if (!loaded) {
    return (
      <div class="wide page">
        <div class="one-class-skeletons">
          <Skeleton count={2} height="18rem" />
        </div>
      </div>
    );
  }
  const { details, shared } = loaded;
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
      <Dates t={t} classes={dates} />
      {details.instructors.length > 0 && <Teachers t={t} instructors={details.instructors} />}
    </div>
  );
}

function Dates({ t, classes }: Texts & { classes: Occurrence[] }) {
  const [isLong, setLong] = useState(false);
  if (classes.length === 0) {
    return (
      <Empty text={t.noneComing}>
        <a class="button" href="/contact">
          {t.contact}
        </a>
      </Empty>
    );
  }
  return (
    <>
      <div class="date-grid">
        <DatedCards subject="class" t={t.classes} classes={isLong ? classes : classes.slice(0, FIRST_DATES)} />
      </div>
      {!isLong && classes.length > FIRST_DATES && (
        <p class="actions more-dates">
          <Button kind="quiet" onClick={() => setLong(true)}>
            {t.moreDates}
          </Button>
        </p>
      )}
    </>
  );
}

function Teachers({ t, instructors }: Texts & { instructors: Details["instructors"] }) {
  return (
    <section class="teachers">
      <h2>{t.taughtBy}</h2>
      <ul class="plain-list teacher-list">
        {instructors.map((teacher) => (
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

const catalog: Catalog<ClassTypesTexts> = { en: () => import("../texts/class-types.en.ts"), es: () => import("../texts/class-types.es.ts") };
await mount(catalog, id ? OneClass : ClassTypes);
