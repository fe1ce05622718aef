// The instructors, and at /instructors/<id> one of them with their next classes.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { resumeBooking } from "../classes/actions.ts";
import { ClassCard } from "../classes/card.tsx";
import { followChanges, loadAvailability, waitForRefresh } from "../classes/live.ts";
import { mount } from "../components/mount.tsx";
import { Portrait } from "../components/picture.tsx";
import { Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import english, { type InstructorsTexts } from "../texts/instructors.en.ts";
import { report } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { useLatest } from "../tools/latest.ts";
import { describeContent, eventItem, personItem } from "../tools/structured-data.ts";
import { formatDay } from "../tools/time.ts";
import "./instructors.css";

type Instructor = Schema<"Instructor">;
type Details = Schema<"InstructorDetails">;
type Texts = { t: InstructorsTexts };

/** How many portraits are in the window before anybody scrolls. */
const FIRST_PORTRAITS = 3;

const [, id] = /^\/instructors\/([^/]+)$/.exec(location.pathname) ?? [];

async function loadInstructors(): Promise<Instructor[]> {
  const found = await readAllPages<Instructor>((query) => call(api.GET("/api/instructors", { params: { query } })));
  return found.sort((one, other) => one.name.localeCompare(other.name));
}

function Instructors({ t }: Texts) {
  const [items, setItems] = useState<Instructor[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);

  const load = async () => {
    setFailure(null);
    try {
      const found = await loadInstructors();
      setItems(found);
      describeContent({ path: "/instructors" }, () => found.map(personItem));
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      setFailure(failed);
    }
  };
  useEffect(() => void load().catch(report), []);

  return (
    <div class="wide page instructors">
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      {failure ? (
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={() => void load().catch(report)} />
      ) : items === null ? (
        <div class="instructor-skeletons">
          <Skeleton count={6} height="35rem" />
        </div>
      ) : items.length === 0 ? (
        <Empty text={t.none} />
      ) : (
        <ul class="plain-list instructor-list">
          {items.map((instructor, index) => (
            <li key={instructor.id} class="instructor-card">
              <Portrait id={instructor.id} url={instructor.profileImageUrl} isLazy={index >= FIRST_PORTRAITS} />
              <div class="instructor-text">
                <h2>{instructor.name}</h2>
                <Dances of={instructor} />
                <p>{instructor.bio}</p>
                <a href={`/instructors/${instructor.id}`} aria-label={t.classesOf(instructor.name)}>
                  {t.see}
                </a>
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Dances({ of }: { of: Instructor }) {
  if (of.specialties.length === 0) return null;
  return (
    <ul class="plain-list dances">
      {of.specialties.map((dance) => (
        <li key={dance} class="tag">
          {dance}
        </li>
      ))}
    </ul>
  );
}

function OneInstructor({ t }: Texts) {
  const texts = useLatest(t.classes);
  const [details, setDetails] = useState<Details | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const shown = useRef<Details | null>(null);
  const ids = () => shown.current?.upcomingClasses.map((occurrence) => occurrence.id) ?? [];

  const load = async () => {
    setFailure(null);
    try {
      const found = await call(api.GET("/api/instructors/details", { params: { query: { id: id ?? "" } } }));
      shown.current = found;
      setDetails(found);
      document.title = document.title.replace(/^[^·]+/, `${found.name} `);
      const head = { path: `/instructors/${found.id}`, description: found.bio, image: found.profileImageUrl };
      describeContent(head, () => [personItem(found), ...found.upcomingClasses.map(eventItem)]);
      void loadAvailability(ids()).catch(waitForRefresh);
      return found.upcomingClasses;
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      // What is shown stays, even if it is not the latest.
      if (shown.current) report(failed);
      else setFailure(failed);
      return shown.current?.upcomingClasses ?? [];
    }
  };

  useEffect(() => {
    resumeBooking(t.classes, load()).catch(report);
    return followChanges({ texts, ids, onClassChange: () => void load().catch(report) });
  }, []);

  if (failure) {
    const isMissing = failure.status === 404 || failure.status === 400;
    return (
      <div class="reading page">
        <h1 class="page-title">{isMissing ? t.notFoundTitle : t.title}</h1>
        {isMissing ? (
          <p class="lead">
            {t.notFoundText} <a href="/instructors">{t.all}</a>
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
  const { name, bio, certifications, experienceYears, socialMediaLinks, upcomingClasses } = details;
  const networks = Object.entries(socialMediaLinks);
  return (
    <div class="wide page">
      <p>
        <a href="/instructors">← {t.all}</a>
      </p>
      <div class="one-instructor">
        <Portrait id={details.id} url={details.profileImageUrl} isLazy={false} />
        <div>
          <h1>{name}</h1>
          {experienceYears > 0 && <p class="hint">{t.years(experienceYears)}</p>}
          <Dances of={details} />
          <p class="lead">{bio}</p>
          {certifications.length > 0 && (
            <>
              <h2>{t.certifications}</h2>
              <ul class="facts-list">
                {certifications.map((text) => (
                  <li key={text}>{text}</li>
                ))}
              </ul>
            </>
          )}
          {networks.length > 0 && (
            <>
              <h2>{t.networks}</h2>
              <ul class="plain-list networks">
                {networks.map(([network, address]) => (
                  <li key={network}>
                    <a href={address} rel="noreferrer">
                      {network}
                    </a>
                  </li>
                ))}
              </ul>
            </>
          )}
        </div>
      </div>

      <h2>{t.coming(name)}</h2>
      {upcomingClasses.length === 0 ? (
        <Empty text={t.noneComing}>
          <a class="button" href="/timetable">
            {t.timetable}
          </a>
        </Empty>
      ) : (
        <div class="instructor-classes">
          {upcomingClasses.map((occurrence) => (
            <ClassCard
              key={occurrence.id}
              t={t.classes}
              occurrence={occurrence}
              day={formatDay(occurrence.localDate, { weekday: "long", month: "short", day: "numeric" })}
            />
          ))}
        </div>
      )}
    </div>
  );
}

const catalog: Catalog<InstructorsTexts> = { en: english, es: () => import("../texts/instructors.es.ts") };
await mount(catalog, id ? OneInstructor : Instructors);
