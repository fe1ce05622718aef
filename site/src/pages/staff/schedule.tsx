// The week of the studio: classes are added, changed, moved and cancelled.

import { useEffect, useState } from "preact/hooks";
import { CalendarPlus, ChevronLeft, ChevronRight, CircleX, ClipboardCheck, Pencil, Plus, UserRoundCog } from "lucide";
import { Failure } from "../../api/failure.ts";
import { Select } from "../../components/form.tsx";
import { Button, Empty, Skeleton } from "../../components/ui.tsx";
import { SubstituteDialog } from "../../staff/class-dialogs.tsx";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useRefresh } from "../../staff/live.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead, Segments, useToday } from "../../staff/parts.tsx";
import type { StaffScheduleTexts } from "../../texts/staff-schedule.en.ts";
import { report } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { useLatest } from "../../tools/latest.ts";
import { useLoad } from "../../tools/load.ts";
import { addDays, formatDay, formatMomentIn, formatTime, parseDay } from "../../tools/time.ts";
import { loadParts, loadWeek, mondayOf, type Occurrence, type Parts } from "./schedule/data.ts";
import { AddDialog, CancelDialog, ChangeDialog } from "./schedule/dialogs.tsx";
import { WeeklyClasses } from "./schedule/weekly.tsx";
import "./schedule.css";

type Texts = { t: StaffScheduleTexts };
type View = "week" | "weekly";

/** What a dialog is open for. */
type Open =
  | { kind: "add"; day: string }
  | { kind: "change"; occurrence: Occurrence; day?: string }
  | { kind: "substitute" | "cancel"; occurrence: Occurrence };

/** The colors of the rooms, in `schedule.css`. */
const ROOM_COLORS = 5;

function readWeek(today: string): string {
  return mondayOf(parseDay(new URLSearchParams(location.search).get("week")) ?? today);
}

function SchedulePage({ t }: Texts) {
  const today = useToday();
  const [monday, setMonday] = useState(readWeek(today));
  const [view, setView] = useState<View>("week");
  const [classes, setClasses] = useState<Occurrence[] | null>(null);
  const { loaded: parts, failure: partsFailure, reload: reloadParts } = useLoad(loadParts);
  const [weekFailure, setWeekFailure] = useState<Failure | null>(null);
  const [room, setRoom] = useState("");
  const [opened, setOpened] = useState<Open | null>(null);
  /** Counts the changes, so that the weekly classes are loaded again. */
  const [version, setVersion] = useState(0);
  const latest = useLatest(monday);

  const load = async () => {
    try {
      const found = await loadWeek(monday);
      if (latest() !== monday) return;
      setClasses(found);
      setWeekFailure(null);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      if (latest() === monday) setWeekFailure(failed);
    }
  };
  const reload = () => {
    setVersion((known) => known + 1);
    void load().catch(report);
  };
  useEffect(() => {
    setClasses(null);
    void load().catch(report);
  }, [monday]);
  useRefresh(load);
  const retry = () => {
    if (!parts) reloadParts();
    void load().catch(report);
  };

  const goTo = (week: string) => {
    history.replaceState(null, "", week === mondayOf(today) ? "/staff/schedule" : `/staff/schedule?week=${week}`);
    setMonday(week);
  };
  const rooms = [...new Set([...(parts?.rooms ?? []).map(({ name }) => name), ...(classes ?? []).map((one) => one.room)])].sort();
  const failure = partsFailure ?? (classes ? null : weekFailure);
  const canAdd = parts !== null && parts.classTypes.length > 0 && parts.instructors.length > 0 && parts.rooms.length > 0;
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={weekText(monday)}>
        {canAdd && (
          <Button size="small" onClick={() => setOpened({ kind: "add", day: monday < today ? today : monday })}>
            <Icon of={CalendarPlus} />
            {t.add}
          </Button>
        )}
      </PageHead>
      <div class="toolbar">
        <Segments<View>
          label={t.view}
          value={view}
          options={[
            ["week", t.week],
            ["weekly", t.weekly],
          ]}
          onChange={setView}
        />
        {view === "week" && (
          <>
            <div class="week-picker">
              <button type="button" class="icon-button" aria-label={t.previousWeek} onClick={() => goTo(addDays(monday, -7))}>
                <Icon of={ChevronLeft} />
              </button>
              <button type="button" class="button quiet small" onClick={() => goTo(mondayOf(today))}>
                {t.thisWeek}
              </button>
              <button type="button" class="icon-button" aria-label={t.nextWeek} onClick={() => goTo(addDays(monday, 7))}>
                <Icon of={ChevronRight} />
              </button>
            </div>
            <Select name="room" label={t.room} defaultValue={room} onChange={setRoom} options={[["", t.everyRoom], ...rooms.map((name) => [name, name] as const)]} />
          </>
        )}
      </div>
      {parts && !canAdd && (
        <Empty text={t.missing}>
          <a class="button" href="/staff/setup">
            {t.toSetup}
          </a>
        </Empty>
      )}
      {view === "weekly" && <WeeklyClasses t={t} version={version} />}
      {view === "week" && failure && <FailurePanel text={t.failed} failure={failure} onRetry={retry} />}
      {view === "week" && !failure && !classes && <Skeleton count={5} height="6rem" />}
      {view === "week" && !failure && classes && (
        <Week t={t} monday={monday} today={today} rooms={rooms} canAdd={canAdd} classes={classes.filter((one) => !room || one.room === room)} onOpen={setOpened} />
      )}
      {parts && opened && <Dialogs t={t} parts={parts} opened={opened} onClose={() => setOpened(null)} onChange={reload} />}
    </div>
  );
}

function weekText(monday: string): string {
  const format = (day: string) => formatDay(day, { month: "long", day: "numeric", year: "numeric" });
  return `${format(monday)} – ${format(addDays(monday, 6))}`;
}

interface WeekProps extends Texts {
  monday: string;
  today: string;
  rooms: string[];
  canAdd: boolean;
  classes: Occurrence[];
  onOpen: (open: Open) => void;
}

/** Seven columns on a laptop, and seven lists on a phone. */
function Week({ t, monday, today, rooms, canAdd, classes, onOpen }: WeekProps) {
  const days = Array.from({ length: 7 }, (_, index) => addDays(monday, index));
  const drop = (event: DragEvent, day: string) => {
    event.preventDefault();
    const dragged = classes.find(({ id }) => id === event.dataTransfer?.getData("text/plain"));
    if (dragged && dragged.localDate !== day) onOpen({ kind: "change", occurrence: dragged, day });
  };
  return (
    <>
      <p class="hint drag-hint">{t.dragHint}</p>
      <div class="week">
        {days.map((day) => {
          const ofDay = classes.filter(({ localDate }) => localDate === day);
          const name = formatDay(day, { weekday: "long", month: "long", day: "numeric" });
          return (
            <section
              key={day}
              class={day === today ? "week-day today" : "week-day"}
              aria-label={name}
              onDragOver={(event) => day >= today && event.preventDefault()}
              onDrop={(event) => day >= today && drop(event, day)}
            >
              <header>
                <h2>
                  <span>{formatDay(day, { weekday: "short" })}</span> {formatDay(day, { month: "short", day: "numeric" })}
                </h2>
                {canAdd && day >= today && (
                  <button type="button" class="icon-button" aria-label={t.addOn(name)} onClick={() => onOpen({ kind: "add", day })}>
                    <Icon of={Plus} />
                  </button>
                )}
              </header>
              {ofDay.length === 0 && <p class="hint">{t.noClasses}</p>}
              <ol class="plain-list">
                {ofDay.map((occurrence) => (
                  <li key={occurrence.id}>
                    <ClassBlock t={t} occurrence={occurrence} color={rooms.indexOf(occurrence.room) % ROOM_COLORS} onOpen={onOpen} />
                  </li>
                ))}
              </ol>
            </section>
          );
        })}
      </div>
    </>
  );
}

function ClassBlock({ t, occurrence, color, onOpen }: Texts & { occurrence: Occurrence; color: number; onOpen: (open: Open) => void }) {
  const { id, title, localTime, room, instructor, maxParticipants, taken, waitlistLength, isCancelled, startTime, endTime, timeZone } = occurrence;
  const isComing = Date.parse(startTime) > Date.now();
  const isCancellable = Date.parse(endTime) > Date.now() && !isCancelled;
  return (
    <article
      class={`class-block room-${color}${isCancelled ? " cancelled" : ""}`}
      draggable={isComing && !isCancelled}
      onDragStart={(event) => event.dataTransfer?.setData("text/plain", id)}
    >
      <div>
        <p class="class-block-time">{formatTime(localTime)}</p>
        <h3>
          <a href={`/staff/roster/${id}`}>{title}</a>
        </h3>
        <p class="hint">
          {room}
          <br />
          {instructor.name}
        </p>
        {isCancelled ? (
          <span class="tag bad">{t.cancelled}</span>
        ) : (
          <p class="hint">
            <span role="img" aria-label={t.dayClass.taken(taken, maxParticipants)}>
              {t.taken(taken, maxParticipants)}
            </span>
            {waitlistLength > 0 && ` · ${t.dayClass.waiting(waitlistLength)}`}
          </p>
        )}
      </div>
      <ActionMenu
        label={t.actionsOf(title, formatMomentIn(startTime, timeZone))}
        items={[
          { text: t.roster, icon: ClipboardCheck, onClick: () => location.assign(`/staff/roster/${id}`) },
          ...(isComing && !isCancelled
            ? [
                { text: t.change, icon: Pencil, onClick: () => onOpen({ kind: "change", occurrence }) },
                { text: t.substitute, icon: UserRoundCog, onClick: () => onOpen({ kind: "substitute", occurrence }) },
              ]
            : []),
          ...(isCancellable ? [{ text: t.cancel, icon: CircleX, isDangerous: true, onClick: () => onOpen({ kind: "cancel", occurrence }) }] : []),
        ]}
      />
    </article>
  );
}

function Dialogs({ t, parts, opened, onClose, onChange }: Texts & { parts: Parts; opened: Open; onClose: () => void; onChange: () => void }) {
  const props = { t, onClose, onChange };
  if (opened.kind === "add") return <AddDialog {...props} parts={parts} day={opened.day} />;
  const { occurrence } = opened;
  if (opened.kind === "change") return <ChangeDialog {...props} parts={parts} occurrence={occurrence} day={opened.day} />;
  if (opened.kind === "cancel") return <CancelDialog {...props} occurrence={occurrence} />;
  return <SubstituteDialog t={t.classChanges} occurrence={{ ...occurrence, instructorId: occurrence.instructor.id }} onClose={onClose} onChange={onChange} />;
}

const catalog: Catalog<StaffScheduleTexts> = { en: () => import("../../texts/staff-schedule.en.ts"), es: () => import("../../texts/staff-schedule.es.ts") };
await mountStaff({ catalog, section: "schedule", Page: SchedulePage });
