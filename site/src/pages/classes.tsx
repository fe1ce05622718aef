// The class types by level, and at /classes/<id> one of them with its coming dates.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { book } from "../classes/actions.ts";
import { ClassCard } from "../classes/card.tsx";
import { takeIntent } from "../classes/intent.ts";
import { keepLive, loadAvailability } from "../classes/live.ts";
import { mount } from "../components/mount.tsx";
import { ClassPicture, Portrait } from "../components/picture.tsx";
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
        <div class="one-class-skeletons">
          <Skeleton count={2} height="18rem" />
        </div>
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
        <ClassPicture id={details.id} url={details.imageUrl} isLazy={false} />
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
              <li key={teacher.id} class="teacher">
                <Portrait id={teacher.id} url={teacher.profileImageUrl} />
                <div>
                  <h3>{teacher.name}</h3>
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

const catalog: Catalog<ClassTypesTexts> = { en: english, es: () => import("../texts/class-types.es.ts") };
await mount(catalog, id ? OneClass : ClassTypes);
