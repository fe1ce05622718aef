// The classes of a day, with what staff have to look after.

import { useEffect, useRef, useState } from "preact/hooks";
import { CircleX, ClipboardCheck, UserRoundCog } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import type { Failure } from "../../api/failure.ts";
import { Empty, Skeleton } from "../../components/ui.tsx";
import type { StaffUser } from "../../staff/access.ts";
import { CheckInNotices } from "../../staff/check-in-notices.tsx";
import { CancelClassDialog, type ChangedClass, SubstituteDialog } from "../../staff/class-dialogs.tsx";
import { DayClass } from "../../staff/day-class.tsx";
import { FailurePanel, StaleNote } from "../../staff/failure-panel.tsx";
import { asFailure } from "../../staff/failures.ts";
import { useRefresh } from "../../staff/live.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, DayPicker, PageHead, useToday } from "../../staff/parts.tsx";
import type { StaffTodayTexts } from "../../texts/staff-today.en.ts";
import { report } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { isOffline } from "../../tools/connection.ts";
import { addDays, formatDay, formatPrice, formatTimeIn, parseDay } from "../../tools/time.ts";
import "../../staff/facts.css";
import { loadRoster } from "./roster/data.ts";
import "./today.css";

type Dashboard = Schema<"Dashboard">;
type Texts = { t: StaffTodayTexts };

/** The day in the address, or null for today. */
function readDay(): string | null {
  return parseDay(new URLSearchParams(location.search).get("date"));
}

/** The classes whose rosters are kept. */
const kept = new Set<string>();

/** Loads the rosters of the classes that are not over, so that they open without a connection. */
function keepRosters({ classes }: Dashboard): void {
  for (const { id, endTime, isCancelled } of classes) {
    if (isCancelled || kept.has(id) || new Date(endTime) < new Date()) continue;
    kept.add(id);
    loadRoster(id).catch(() => kept.delete(id));
  }
}

function Today({ t, user }: Texts & { user: StaffUser }) {
  const today = useToday();
  const [chosen, setChosen] = useState(readDay());
  const [shown, setShown] = useState<Dashboard | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  /** The day that is wanted. The answers about others are out of date. */
  const wanted = useRef(chosen);
  wanted.current = chosen;

  const load = async () => {
    const date = wanted.current;
    try {
      const dashboard = await call(api.GET("/api/admin/dashboard", { params: { query: date ? { date } : {} } }));
      if (wanted.current !== date) return;
      setShown(dashboard);
      setFailure(null);
      if (!date && !isOffline.value) keepRosters(dashboard);
    } catch (failed) {
      if (wanted.current === date) setFailure(asFailure(failed));
    }
  };

  useEffect(() => {
    setShown(null);
    setFailure(null);
    void load().catch(report);
  }, [chosen]);
  const day = chosen ?? shown?.date ?? today;
  useRefresh(load, day);

  useEffect(() => {
    const follow = () => setChosen(readDay());
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);

  const goTo = (day: string) => {
    history.pushState(null, "", day === today ? "/staff" : `/staff?date=${day}`);
    setChosen(readDay());
  };

  return (
    <div class="staff-page">
      <PageHead title={day === today ? t.title : formatDay(day, { weekday: "long" })} hint={formatDay(day, { weekday: "long", year: "numeric", month: "long", day: "numeric" })}>
        <DayPicker day={day} onChange={goTo} />
      </PageHead>
      {failure && !shown ? (
        <FailurePanel text={t.failed} failure={failure} onRetry={() => void load().catch(report)} />
      ) : (
        <>
          {shown && <CheckInNotices t={t.checkIns} zone={shown.timeZone} userId={user.id} />}
          {failure && <StaleNote failure={failure} />}
          <Facts t={t} shown={shown} />
          {shown ? <Classes t={t} shown={shown} onNextDay={() => goTo(addDays(day, 1))} onChange={() => void load().catch(report)} /> : <Skeleton count={4} height="5.5rem" />}
        </>
      )}
    </div>
  );
}

/** What is due now, and what the day has brought. */
function Facts({ t, shown }: Texts & { shown: Dashboard | null }) {
  const refunds = shown?.refundsDue ?? [];
  const count = refunds.reduce((sum, refund) => sum + refund.count, 0);
  const money = (amounts: Array<{ currency: string; text: string }>) => amounts.map(({ currency, text }) => formatPrice(text, currency)).join(", ");
  const due = money(refunds.map(({ currency, amount }) => ({ currency, text: amount })));
  const revenue = money((shown?.revenue ?? []).map(({ currency, net }) => ({ currency, text: net })));
  return (
    <ul class="plain-list facts day-facts" aria-label={t.facts}>
      <li>
        <a href="/staff/payments?status=refund_due" class={count > 0 ? "due" : undefined}>
          <span>{t.refundsDue}</span>
          <strong>{shown ? count : "–"}</strong>
          {due && <small>{due}</small>}
        </a>
      </li>
      <li>
        <a href="/staff/messages" class={shown && shown.contactsUnprocessed > 0 ? "due" : undefined}>
          <span>{t.messages}</span>
          <strong>{shown?.contactsUnprocessed ?? "–"}</strong>
        </a>
      </li>
      <li>
        <div>
          <span>{t.bookings}</span>
          <strong>{shown?.bookings ?? "–"}</strong>
        </div>
      </li>
      <li>
        <div>
          <span>{t.revenue}</span>
          <strong>{shown ? revenue || "0" : "–"}</strong>
        </div>
      </li>
    </ul>
  );
}

interface ClassesProps extends Texts {
  shown: Dashboard;
  onNextDay: () => void;
  onChange: () => void;
}

function Classes({ t, shown, onNextDay, onChange }: ClassesProps) {
  const [cancelling, setCancelling] = useState<ChangedClass | null>(null);
  const [substituting, setSubstituting] = useState<ChangedClass | null>(null);
  if (shown.classes.length === 0) return <NoClasses t={t} date={shown.date} onNextDay={onNextDay} />;
  const asChanged = ({ id, title, instructorId, startTime, endTime }: Schema<"DashboardClass">) => ({ id, title, instructorId, startTime, endTime, timeZone: shown.timeZone });
  return (
    <>
      <ol class="plain-list day-classes">
        {shown.classes.map((one) => (
          <li key={one.id}>
            <ClassRow t={t} zone={shown.timeZone} occurrence={one} onCancel={() => setCancelling(asChanged(one))} onSubstitute={() => setSubstituting(asChanged(one))} />
          </li>
        ))}
      </ol>
      {cancelling && <CancelClassDialog key={cancelling.id} t={t.classChanges} occurrence={cancelling} onClose={() => setCancelling(null)} onChange={onChange} />}
      {substituting && <SubstituteDialog key={substituting.id} t={t.classChanges} occurrence={substituting} onClose={() => setSubstituting(null)} onChange={onChange} />}
    </>
  );
}

/** A day without classes. A studio that has no weekly class yet is led to its first steps. */
function NoClasses({ t, date, onNextDay }: Texts & { date: string; onNextDay: () => void }) {
  const [isNew, setNew] = useState(false);
  useEffect(() => {
    call(api.GET("/api/admin/schedule", { params: { query: { limit: 1 } } })).then(({ items }) => setNew(items.length === 0), report);
  }, []);
  if (isNew) {
    return (
      <Empty text={t.newStudio}>
        <a class="button" href="/staff/setup">
          {t.toSetup}
        </a>
      </Empty>
    );
  }
  return (
    <Empty text={t.none}>
      <button type="button" class="button" onClick={onNextDay}>
        {t.nextDay}
      </button>
      <a class="button plain" href={`/staff/schedule?week=${date}`}>
        {t.toSchedule}
      </a>
    </Empty>
  );
}

interface RowProps extends Texts {
  zone: string;
  occurrence: Schema<"DashboardClass">;
  onCancel: () => void;
  onSubstitute: () => void;
}

function ClassRow({ t, zone, occurrence, onCancel, onSubstitute }: RowProps) {
  const { id, title, startTime, isCancelled } = occurrence;
  const isComing = Date.parse(startTime) > Date.now();
  return (
    <DayClass t={t.dayClass} occurrence={occurrence} zone={zone} heading="h2">
      <ActionMenu
        label={t.actionsOf(title, formatTimeIn(startTime, zone))}
        items={[
          { text: t.roster, icon: ClipboardCheck, onClick: () => location.assign(`/staff/roster/${id}`) },
          ...(isCancelled
            ? []
            : [
                ...(isComing ? [{ text: t.substitute, icon: UserRoundCog, onClick: onSubstitute }] : []),
                { text: t.cancelClass, icon: CircleX, isDangerous: true, onClick: onCancel },
              ]),
        ]}
      />
    </DayClass>
  );
}

const catalog: Catalog<StaffTodayTexts> = { en: () => import("../../texts/staff-today.en.ts"), es: () => import("../../texts/staff-today.es.ts") };
await mountStaff({ catalog, section: "today", Page: Today });
