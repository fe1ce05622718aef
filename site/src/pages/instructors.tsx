// The instructors, and at /instructors/<id> one of them with their next classes.

import { useEffect } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { DatedCards } from "../classes/card.tsx";
import { useLiveClasses } from "../classes/live-classes.ts";
import { describeContent, eventItem, personItem } from "../classes/structured-data.ts";
import { mount } from "../components/mount.tsx";
import { Portrait } from "../components/picture.tsx";
import { Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import type { InstructorsTexts } from "../texts/instructors.en.ts";
import { setTitle } from "../tools/head.ts";
import type { Catalog } from "../tools/language.ts";
import { useLoad } from "../tools/load.ts";
import "../components/card-list.css";
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
  const { loaded, failure, reload } = useLoad(loadInstructors);
  useEffect(() => {
    if (loaded) describeContent({ path: "/instructors" }, () => loaded.map(personItem));
  }, [loaded]);

  return (
    <div class="wide page instructors">
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      {failure ? (
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
      ) : loaded === null ? (
        <div class="card-list">
          <Skeleton count={6} height="35rem" />
        </div>
      ) : loaded.length === 0 ? (
        <Empty text={t.none} />
      ) : (
        <ul class="plain-list card-list">
          {loaded.map((instructor, index) => (
            <li key={instructor.id} class="picture-card instructor-card">
              <Portrait id={instructor.id} url={instructor.profileImageUrl} isLazy={index >= FIRST_PORTRAITS} />
              <div class="picture-card-text">
                <h2>{instructor.name}</h2>
                <Dances of={instructor} />
                <p>{instructor.bio}</p>
                <a class="stretched" href={`/instructors/${instructor.id}`} aria-label={t.classesOf(instructor.name)}>
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

function loadDetails(): Promise<Details> {
  return call(api.GET("/api/instructors/details", { params: { query: { id: id ?? "" } } }));
}

function describeInstructor(details: Details): void {
  const { name, bio, profileImageUrl, upcomingClasses } = details;
  setTitle(name);
  const head = { path: `/instructors/${details.id}`, description: bio, image: profileImageUrl };
  describeContent(head, () => [personItem(details), ...upcomingClasses.map(eventItem)]);
}

function OneInstructor({ t }: Texts) {
  const { loaded, failure, reload } = useLiveClasses({ t: t.classes, load: loadDetails, classesOf: ({ upcomingClasses }) => upcomingClasses });
  useEffect(() => {
    if (loaded) describeInstructor(loaded);
  }, [loaded]);

  if (failure) {
    return (
      <div class="reading page">
        <h1 class="page-title">{failure.isNotFound ? t.notFoundTitle : t.title}</h1>
        {failure.isNotFound ? (
          <p class="lead">
            {t.notFoundText} <a href="/instructors">{t.all}</a>
          </p>
        ) : (
          <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
        )}
      </div>
    );
  }
  if (!loaded) {
    return (
      <div class="wide page">
        <Skeleton count={2} height="18rem" />
      </div>
    );
  }
  const { name, bio, certifications, experienceYears, socialMediaLinks, upcomingClasses } = loaded;
  const networks = Object.entries(socialMediaLinks);
  return (
    <div class="wide page">
      <p>
        <a href="/instructors">← {t.all}</a>
      </p>
      <div class="one-instructor">
        <Portrait id={loaded.id} url={loaded.profileImageUrl} isLazy={false} />
        <div>
          <h1>{name}</h1>
          {experienceYears > 0 && <p class="hint">{t.years(experienceYears)}</p>}
          <Dances of={loaded} />
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
        <div class="date-grid">
          <DatedCards subject="instructor" t={t.classes} classes={upcomingClasses} />
        </div>
      )}
    </div>
  );
}

const catalog: Catalog<InstructorsTexts> = { en: () => import("../texts/instructors.en.ts"), es: () => import("../texts/instructors.es.ts") };
await mount(catalog, id ? OneInstructor : Instructors);
