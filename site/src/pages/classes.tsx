// The class types by level, and at /classes/<id> one of them with its coming dates.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { book } from "../classes/actions.ts";
import { ClassCard } from "../classes/card.tsx";
import { takeIntent } from "../classes/intent.ts";
import { keepLive, loadAvailability } from "../classes/live.ts";
import { Swirl } from "../components/art.tsx";
import { mount } from "../components/mount.tsx";
import { Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { loadSession } from "../session.ts";
import english, { type ClassTypesTexts } from "../texts/class-types.en.ts";
import { report } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { formatDay, formatPrice } from "../tools/time.ts";
import "./classes.css";

type ClassType = Schema<"ClassType">;
type Details = Schema<"ClassTypeDetails">;
type Texts = { t: ClassTypesTexts };

const LEVELS = ["beginner", "intermediate", "advanced", "all-levels"];

const [, id] = /^\/classes\/([^/]+)$/.exec(location.pathname) ?? [];

/** A number that is always the same for a class, to choose its drawing. */
function seedOf({ id }: { id: string }): number {
  return [...id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 24;
}

function ClassTypes({ t }: Texts) {
  const [types, setTypes] = useState<ClassType[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);

  const load = async () => {
    setFailure(null);
    try {
      const page = await call(api.GET("/api/classes/list", { params: { query: { limit: 100 } } }));
      setTypes(page.items);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      setFailure(failed);
    }
  };
  useEffect(() => void load().catch(report), []);

  return (
    <div class="wide page class-types">
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      {failure && <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={() => void load().catch(report)} />}
      {!failure && types === null && <Skeleton count={3} height="14rem" />}
      {types?.length === 0 && (
        <Empty text={t.none}>
          <a class="button" href="/contact">
            {t.contact}
          </a>
        </Empty>
      )}
      {LEVELS.map((level) => {
        const ofLevel = (types ?? []).filter((type) => type.level === level);
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
                  <div class={`type-art art-${seedOf(type) % 3}`}>
                    <Swirl seed={seedOf(type)} />
                  </div>
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
  const price = Number(type.price) === 0 ? t.classes.free : formatPrice(type.price, type.currency);
  return (
    <p class="hint">
      {t.classes.minutes(type.durationMinutes)} · {t.spots(type.maxParticipants)} · {price}
    </p>
  );
}

function OneClass({ t }: Texts) {
  const [details, setDetails] = useState<Details | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const shown = useRef<Details | null>(null);
  shown.current = details;
  const ids = () => shown.current?.upcomingClasses.map((occurrence) => occurrence.id) ?? [];

  const load = async () => {
    setFailure(null);
    try {
      const found = await call(api.GET("/api/classes/details", { params: { query: { id: id ?? "" } } }));
      shown.current = found;
      setDetails(found);
      document.title = document.title.replace(/^[^·]+/, `${found.name} `);
      await loadAvailability(ids());
      return found;
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      setFailure(failed);
      return null;
    }
  };

  useEffect(() => {
    const intent = takeIntent();
    void Promise.all([loadSession(), load()])
      .then(async ([member, found]) => {
        const wanted = found?.upcomingClasses.find((occurrence) => occurrence.id === intent?.id);
        if (member && wanted && intent) await book(t.classes, wanted, intent.joinWaitlist);
      })
      .catch(report);
    return keepLive({ t: t.classes, ids, onClassChange: () => void load().catch(report) });
  }, []);

  if (failure) {
    const isMissing = failure.status === 404 || failure.status === 400;
    return (
      <div class="reading page">
        <h1 class="page-title">{isMissing ? t.notFoundTitle : t.title}</h1>
        {isMissing ? (
          <p class="lead">
            {t.notFoundText} <a href="/classes">{t.all}</a>
          </p>
        ) : (
          <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={() => void load().catch(report)} />
        )}
      </div>
    );
  }
  if (!details) {
    return (
      <div class="wide page">
        <Skeleton count={2} height="18rem" />
      </div>
    );
  }
  return (
    <div class="wide page">
      <p>
        <a href="/classes">← {t.all}</a>
      </p>
      <div class="one-class">
        <div>
          <span class="tag">{t.classes.levels[details.level] ?? details.level}</span>
          <h1>{details.name}</h1>
          <p class="lead">{details.description}</p>
          <Facts t={t} type={details} />
        </div>
        <div class={`type-art art-${seedOf(details) % 3}`}>
          <Swirl seed={seedOf(details)} />
        </div>
      </div>

      <h2>{t.coming}</h2>
      {details.upcomingClasses.length === 0 ? (
        <Empty text={t.noneComing}>
          <a class="button" href="/contact">
            {t.contact}
          </a>
        </Empty>
      ) : (
        <div class="date-grid">
          {details.upcomingClasses.map((occurrence) => (
            <ClassCard
              key={occurrence.id}
              t={t.classes}
              occurrence={occurrence}
              day={formatDay(occurrence.localDate, { weekday: "long", month: "short", day: "numeric" })}
            />
          ))}
        </div>
      )}

      {details.instructors.length > 0 && (
        <section class="teachers">
          <h2>{t.taughtBy}</h2>
          <ul class="plain-list teacher-list">
            {details.instructors.map((teacher) => (
              <li key={teacher.id}>
                <h3>{teacher.name}</h3>
                {teacher.experienceYears != null && <p class="hint">{t.years(teacher.experienceYears)}</p>}
                <p>{teacher.bio}</p>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

const catalog: Catalog<ClassTypesTexts> = { en: english, es: () => import("../texts/class-types.es.ts") };
await mount(catalog, id ? OneClass : ClassTypes);
