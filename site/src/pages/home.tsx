// The home page.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { resumeBooking } from "../classes/actions.ts";
import { ClassCard } from "../classes/card.tsx";
import { bookings, bookingZone, followChanges, loadAvailability, type Occurrence, waitForRefresh } from "../classes/live.ts";
import { AddressLine } from "../components/address.tsx";
import { mount } from "../components/mount.tsx";
import { Dancers } from "../components/dancers.tsx";
import { Empty, ErrorPanel, Skeleton } from "../components/ui.tsx";
import { session } from "../session.ts";
import english, { type HomeTexts } from "../texts/home.en.ts";
import { report } from "../tools/action.ts";
import type { Catalog } from "../tools/language.ts";
import { useLatest } from "../tools/latest.ts";
import { useStore } from "../tools/store.ts";
import { describeContent, eventItem } from "../tools/structured-data.ts";
import { formatDay, formatMomentIn } from "../tools/time.ts";
import "./home.css";

/** How many classes the page shows. */
const NEXT = 6;

/** Sign-ins through a provider, and old links, end here with a fragment for the account page. */
const ACCOUNT_FRAGMENT = /^#(oauth|two-factor|sign-in|register|forgot)(=|$)/;

function Home({ t }: { t: HomeTexts }) {
  return (
    <>
      <section class="hero">
        <div class="wide hero-content">
          <div>
            <h1>{t.headline}</h1>
            <p class="lead">{t.lead}</p>
            <p class="actions">
              <a class="button" href="/timetable">
                {t.timetable}
              </a>
              <a class="button plain" href="#first">
                {t.first}
              </a>
            </p>
            <p class="where">
              <AddressLine />
            </p>
          </div>
          <Dancers />
        </div>
      </section>

      <OwnNext t={t} />
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

/** A member's next class. */
function OwnNext({ t }: { t: HomeTexts }) {
  const member = useStore(session);
  const booked = [...useStore(bookings).values()].filter(({ status, class: of }) => status === "booked" && !of.isCancelled);
  const [next] = booked.sort((one, other) => one.class.startTime.localeCompare(other.class.startTime));
  if (!member || !next) return null;
  return (
    <section class="wide own-next">
      <div>
        <h2>{t.yourNext}</h2>
        <p>
          <strong>{next.class.title}</strong>, {formatMomentIn(next.class.startTime, bookingZone.value)}, {next.class.room}
        </p>
      </div>
      <a class="button plain" href="/bookings">
        {t.yourBookings}
      </a>
    </section>
  );
}

function NextClasses({ t }: { t: HomeTexts }) {
  const texts = useLatest(t.classes);
  const [items, setItems] = useState<Occurrence[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const shown = useRef<Occurrence[]>([]);

  const load = async () => {
    setFailure(null);
    try {
      // Some of today's may have begun, or are cancelled.
      const page = await call(api.GET("/api/classes/schedule", { params: { query: { limit: 3 * NEXT } } }));
      const coming = page.items.filter(({ isCancelled, startTime }) => !isCancelled && new Date(startTime) > new Date()).slice(0, NEXT);
      shown.current = coming;
      setItems(coming);
      describeContent({ path: "/" }, () => coming.map(eventItem));
      void loadAvailability(coming.map(({ id }) => id)).catch(waitForRefresh);
      return coming;
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      // What is shown stays, even if it is not the latest.
      if (shown.current.length > 0) report(failed);
      else setFailure(failed);
      return shown.current;
    }
  };

  useEffect(() => {
    resumeBooking(t.classes, load()).catch(report);
    return followChanges({
      texts,
      ids: () => shown.current.map(({ id }) => id),
      onClassChange: () => void load().catch(report),
    });
  }, []);

  return (
    <section class="wide band next-classes">
      <div class="band-head">
        <h2>{t.nextTitle}</h2>
        <a href="/timetable">{t.wholeTimetable} →</a>
      </div>
      {failure ? (
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={() => void load().catch(report)} />
      ) : items === null ? (
        <div class="next-grid">
          <Skeleton count={NEXT} height="14.8rem" />
        </div>
      ) : items.length === 0 ? (
        <Empty text={t.noClasses} />
      ) : (
        <div class="next-grid">
          {items.map((occurrence) => (
            <ClassCard
              key={occurrence.id}
              t={t.classes}
              occurrence={occurrence}
              day={formatDay(occurrence.localDate, { weekday: "long", month: "short", day: "numeric" })}
            />
          ))}
        </div>
      )}
    </section>
  );
}

if (ACCOUNT_FRAGMENT.test(location.hash)) {
  location.replace(`/account${location.hash}`);
} else {
  const catalog: Catalog<HomeTexts> = { en: english, es: () => import("../texts/home.es.ts") };
  await mount(catalog, Home);
}
