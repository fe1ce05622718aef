// The classes of an instructor who is not staff, with their rosters.

import { useEffect, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../../api/client.ts";
import type { Failure } from "../../api/failure.ts";
import { Empty, Skeleton } from "../../components/ui.tsx";
import type { StaffUser } from "../../staff/access.ts";
import { CheckInNotices } from "../../staff/check-in-notices.tsx";
import { DayClass } from "../../staff/day-class.tsx";
import { FailurePanel, StaleNote } from "../../staff/failure-panel.tsx";
import { asFailure } from "../../staff/failures.ts";
import { useRefresh } from "../../staff/live.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead } from "../../staff/parts.tsx";
import type { StaffTeachingTexts } from "../../texts/staff-teaching.en.ts";
import { report } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { formatDay } from "../../tools/time.ts";
import "./teaching.css";

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
                    <DayClass t={t.dayClass} occurrence={one} zone={one.timeZone} heading="h3" />
                  </li>
                ))}
            </ol>
          </section>
        ))
      )}
    </div>
  );
}

const catalog: Catalog<StaffTeachingTexts> = { en: () => import("../../texts/staff-teaching.en.ts"), es: () => import("../../texts/staff-teaching.es.ts") };
await mountStaff({ catalog, section: "teaching", access: "instructor", Page: Teaching });
