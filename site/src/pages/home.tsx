// The home page.

import { useEffect, useState } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { DatedCards } from "../classes/card.tsx";
import { classPath } from "../classes/facts.ts";
import { bookings, bookingsState, bookingZone, type Occurrence } from "../classes/live.ts";
import { useLiveClasses } from "../classes/live-classes.ts";
import { describeContent, eventItem } from "../classes/structured-data.ts";
import { AddressLine } from "../components/address.tsx";
import { mount } from "../components/mount.tsx";
import { Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { isMemberExpected, session, signInAddress } from "../session.ts";
import type { HomeTexts } from "../texts/home.en.ts";
import type { Catalog } from "../tools/language.ts";
import { useStore } from "../tools/store.ts";
import { formatMomentIn } from "../tools/time.ts";
import { Dancers } from "./home/dancers.tsx";
import "./home.css";

/** How many classes the page shows. */
const NEXT = 6;

/** Fragments of the account page, which old links add to the address of the home page. */
const ACCOUNT_FRAGMENT = /^#(oauth|two-factor|sign-in|register|forgot)(=|$)/;

function Home({ t }: { t: HomeTexts }) {
  return (
    <>
      <OwnNext t={t} />
      <section class="hero">
        <div class="wide hero-content">
          <div>
            <h1>{t.headline}</h1>
            <p class="lead">{t.lead}</p>
            <p class="actions">
              <a class="button" href="/timetable">
                {t.timetable}
              </a>
              <a class="button plain" href="/timetable?level=beginner">
                {t.forBeginners}
              </a>
            </p>
            <p class="where">
              <AddressLine />
            </p>
          </div>
          <Dancers />
        </div>
      </section>

      <NextClasses t={t} />

      <section class="wide band">
        <h2>{t.levelsTitle}</h2>
        <ul class="plain-list levels">
          {t.levels.map(({ level, name, text }) => (
            <li key={level}>
              <h3>{name}</h3>
              <p>{text}</p>
              <a href={`/timetable?level=${level}`} aria-label={t.datesOf(name)}>
                {t.dates} →
              </a>
            </li>
          ))}
        </ul>
      </section>

      <section class="visit" id="first">
        <div class="wide band">
          <h2>{t.visitTitle}</h2>
          <ol class="plain-list steps">
            {t.visit.map(({ name, text }) => (
              <li key={name}>
                <h3>{name}</h3>
                <p>{text}</p>
              </li>
            ))}
          </ol>
          <p class="actions">
            <a class="button" href="/timetable?level=beginner">
              {t.beginnerDates}
            </a>
          </p>
          <p class="lead">
            {t.questions} <a href="/contact">{t.contact}</a>
          </p>
        </div>
      </section>
    </>
  );
}

/**
 * A member's next class. It has the same height whatever it says, and is there from the first
 * rendering on if a member is expected, so that nothing below it moves.
 */
function OwnNext({ t }: { t: HomeTexts }) {
  const [isExpected] = useState(isMemberExpected);
  const member = useStore(session);
  const state = useStore(bookingsState);
  const booked = [...useStore(bookings).values()].filter(({ status, class: of }) => status === "booked" && !of.isCancelled);
  const [next] = booked.sort((one, other) => one.class.startTime.localeCompare(other.class.startTime));
  if (!member && !isExpected) return null;
  return (
    <section class="own-next">
      <div class="wide own-next-content">
        {member === null ? (
          <>
            <div>
              <h2>{t.signedOut}</h2>
              <p>{t.signInText}</p>
            </div>
            <a class="button" href={signInAddress()}>
              {t.signIn}
            </a>
          </>
        ) : (
          <>
            <div>
              <h2>{t.yourNext}</h2>
              {next ? (
                <>
                  <p class="own-next-title">
                    <a href={classPath({ ...next.class, id: next.scheduledClassId })}>{next.class.title}</a>
                  </p>
                  <p>
                    {formatMomentIn(next.class.startTime, bookingZone.value)} · {next.class.room}
                  </p>
                </>
              ) : (
                <p>{state === "loading" ? t.loading : state === "failed" ? t.bookingsFailed : t.noneBooked}</p>
              )}
            </div>
            <a class="button plain" href="/bookings">
              {t.yourBookings}
            </a>
          </>
        )}
      </div>
    </section>
  );
}

async function loadNext(): Promise<Occurrence[]> {
  // Some of today's classes may have begun or been cancelled.
  const page = await call(api.GET("/api/classes/schedule", { params: { query: { limit: 3 * NEXT } } }));
  return page.items.filter(({ isCancelled, startTime }) => !isCancelled && new Date(startTime) > new Date()).slice(0, NEXT);
}

function NextClasses({ t }: { t: HomeTexts }) {
  const { loaded, failure, reload } = useLiveClasses({ t: t.classes, load: loadNext, classesOf: (classes) => classes });
  useEffect(() => {
    if (loaded) describeContent({ path: "/" }, () => loaded.map(eventItem));
  }, [loaded]);

  return (
    <section class="wide band next-classes">
      <div class="band-head">
        <h2>{t.nextTitle}</h2>
        <a href="/timetable">{t.wholeTimetable} →</a>
      </div>
      {failure ? (
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
      ) : loaded === null ? (
        <div class="next-grid">
          <Skeleton count={NEXT} height="14.8rem" />
        </div>
      ) : loaded.length === 0 ? (
        <Empty text={t.noClasses} />
      ) : (
        <div class="next-grid">
          <DatedCards t={t.classes} classes={loaded} />
        </div>
      )}
    </section>
  );
}

if (ACCOUNT_FRAGMENT.test(location.hash)) {
  location.replace(`/account${location.hash}`);
} else {
  const catalog: Catalog<HomeTexts> = { en: () => import("../texts/home.en.ts"), es: () => import("../texts/home.es.ts") };
  await mount(catalog, Home);
}
