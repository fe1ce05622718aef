// The classes of an instructor who is no staff, with their rosters.

import { useEffect, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../api/client.ts";
import type { Failure } from "../../api/failure.ts";
import { Empty, Skeleton } from "../../components/ui.tsx";
import type { StaffUser } from "../../staff/access.ts";
import { CheckInNotices } from "../../staff/check-in-notices.tsx";
import { FailurePanel, StaleNote } from "../../staff/failure-panel.tsx";
import { asFailure } from "../../staff/failures.ts";
import { useRefresh } from "../../staff/live.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead, Spots } from "../../staff/parts.tsx";
import english, { type StaffTeachingTexts } from "../../texts/staff-teaching.en.ts";
import { report } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { formatDay, formatTimeIn } from "../../tools/time.ts";
import "./today.css";

type TaughtClass = Schema<"TaughtClass">;
type Texts = { t: StaffTeachingTexts };

function Teaching({ t, user }: Texts & { user: StaffUser }) {
  const [classes, setClasses] = useState<TaughtClass[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);

  const load = async () => {
    try {
      setClasses(await readAllPages((query) => call(api.GET("/api/teaching/classes", { params: { query } }))));
      setFailure(null);
    } catch (failed) {
      setFailure(asFailure(failed));
    }
  };
  useEffect(() => void load().catch(report), []);
  useRefresh(load);

  const zone = classes?.[0]?.timeZone;
  const days = [...new Set(classes?.map(({ localDate }) => localDate))];
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.lead} />
      {zone && <CheckInNotices t={t.checkIns} zone={zone} userId={user.id} />}
      {failure && classes && <StaleNote failure={failure} />}
      {failure && !classes ? (
        <FailurePanel text={t.failed} failure={failure} onRetry={() => void load().catch(report)} />
      ) : !classes ? (
        <Skeleton count={5} height="5.25rem" />
      ) : classes.length === 0 ? (
        <Empty text={t.none}>
          <a class="button" href="/timetable">
            {t.toTimetable}
          </a>
        </Empty>
      ) : (
        days.map((day) => (
          <section key={day} class="teaching-day">
            <h2>{formatDay(day)}</h2>
            <ol class="plain-list day-classes">
              {classes
                .filter(({ localDate }) => localDate === day)
                .map((one) => (
                  <li key={one.id}>
                    <ClassRow t={t} taught={one} />
                  </li>
                ))}
            </ol>
          </section>
        ))
      )}
    </div>
  );
}

function ClassRow({ t, taught }: Texts & { taught: TaughtClass }) {
  const { id, title, startTime, endTime, timeZone, room, places, taken, waitlisted, checkedIn, isCancelled } = taught;
  const time = formatTimeIn(startTime, timeZone);
  return (
    <article class={isCancelled ? "day-class cancelled" : "day-class"}>
      <p class="class-time">
        <time dateTime={startTime}>{time}</time>
        <span>{formatTimeIn(endTime, timeZone)}</span>
      </p>
      <div class="class-what">
        <h3>
          <a href={`/staff/roster/${id}`} aria-label={t.open(title, time)}>
            {title}
          </a>
        </h3>
        <p class="hint">{room}</p>
      </div>
      {isCancelled ? (
        <p class="class-figures">
          <span class="tag bad">{t.cancelled}</span>
        </p>
      ) : (
        <div class="class-figures">
          <Spots label={t.taken(taken, places)} taken={taken} places={places} />
          <p class="tags">
            {checkedIn > 0 && <span class="tag good">{t.checkedIn(checkedIn)}</span>}
            {waitlisted > 0 && <span class="tag">{t.waiting(waitlisted)}</span>}
          </p>
        </div>
      )}
    </article>
  );
}

const catalog: Catalog<StaffTeachingTexts> = { en: english, es: () => import("../../texts/staff-teaching.es.ts") };
await mountStaff({ catalog, section: "teaching", access: "instructor", Page: Teaching });
