// Dialogs that add, change and cancel classes. Each shows first what it would do.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../../../api/client.ts";
import { Field, type FormValues, Select, TextArea } from "../../../components/form.tsx";
import { FormDialog } from "../../../staff/dialogs.tsx";
import { Segments, useToday } from "../../../staff/parts.tsx";
import { type Preview, usePreview } from "../../../staff/preview.ts";
import type { StaffScheduleTexts } from "../../../texts/staff-schedule.en.ts";
import { say } from "../../../tools/action.ts";
import { addDays, formatDay } from "../../../tools/time.ts";
import type { Occurrence, Parts, Scope } from "./data.ts";

/** How far ahead the dates of a new weekly class are made at once. The clean-up makes later ones. */
const WEEKS_AHEAD = 8;

/** How many conflicts are listed. */
const CONFLICTS_SHOWN = 5;

interface Props {
  t: StaffScheduleTexts;
  onClose: () => void;
  onChange: () => void;
}

/** What a change would do, in words. */
function Effect({ t, preview: { result, failure }, isCancellation }: { t: StaffScheduleTexts; preview: Preview; isCancellation?: boolean }) {
  const { effect, conflicts = [], comingClasses } = result ?? {};
  return (
    <div class={failure ? "told problem" : "told"} role="status">
      {failure && <p>{failure.message}</p>}
      {!failure && !result && <p>{t.checking}</p>}
      {effect && <p>{isCancellation ? t.cancelEffect(effect.cancelledClasses, effect.bookings, effect.notifiedMembers) : t.effect(effect.changedClasses, effect.notifiedMembers)}</p>}
      {!effect && comingClasses !== undefined && <p>{t.comingClasses(comingClasses)}</p>}
      {conflicts.length > 0 && (
        <>
          <p>{t.conflictsTitle}</p>
          <ul>
            {conflicts.slice(0, CONFLICTS_SHOWN).map(({ date, code }) => (
              <li key={date}>
                {formatDay(date, { weekday: "short", month: "short", day: "numeric" })}: {t.conflicts[code] ?? code}
              </li>
            ))}
            {conflicts.length > CONFLICTS_SHOWN && <li>{t.moreConflicts(conflicts.length - CONFLICTS_SHOWN)}</li>}
          </ul>
        </>
      )}
    </div>
  );
}

const valueOf = (event: Event) => (event.currentTarget as HTMLInputElement).value;

function ScopeSelect({ t, scope, onChange }: { t: StaffScheduleTexts; scope: Scope; onChange: (scope: Scope) => void }) {
  return <Select name="scope" label={t.which} defaultValue={scope} options={Object.entries(t.scopes)} onChange={(value) => onChange(value as Scope)} />;
}

/** Adds a class, once or every week. */
export function AddDialog({ t, parts, day: firstDay, onClose, onChange }: Props & { parts: Parts; day: string }) {
  const today = useToday();
  const [repeat, setRepeat] = useState<"weekly" | "once">("weekly");
  const [classTypeId, setClassType] = useState(parts.classTypes[0]?.id ?? "");
  const [instructorId, setInstructor] = useState(parts.instructors[0]?.id ?? "");
  const [room, setRoom] = useState(parts.rooms[0]?.name ?? "");
  const [day, setDay] = useState(firstDay < today ? today : firstDay);
  const [time, setTime] = useState("19:00");
  const [until, setUntil] = useState("");
  const classType = parts.classTypes.find(({ id }) => id === classTypeId);

  const entry = (): Schema<"CreateTimetableEntry"> => {
    const common = { classTypeId, instructorId, room };
    if (repeat === "once") return { occurrence: { ...common, date: day, time } };
    const dayOfWeek = new Date(`${day}T00:00:00Z`).getUTCDay();
    return { pattern: { ...common, dayOfWeek, startTime: time, effectiveFrom: day, ...(until ? { effectiveUntil: until } : {}) } };
  };
  const create = (body: Schema<"CreateTimetableEntry">) => call(api.POST("/api/admin/schedule", { body }));
  const isComplete = day !== "" && time !== "";
  const preview = usePreview(isComplete ? [repeat, classTypeId, instructorId, room, day, time, until].join(" ") : "", () => create({ ...entry(), preview: true }));

  const add = async () => {
    const title = classType?.name ?? "";
    await create(entry());
    if (repeat === "weekly") {
      const { generated = 0 } = await create({ generateUntil: addDays(today, 7 * WEEKS_AHEAD) });
      say(t.createdWeekly(title, preview.result?.comingClasses ?? generated));
    } else {
      say(t.created(title));
    }
    onChange();
  };
  return (
    <FormDialog title={t.add} isOpen onClose={onClose} action={t.add} onSend={add}>
      <Segments<"weekly" | "once">
        label={t.repeat}
        value={repeat}
        options={[
          ["weekly", t.everyWeek],
          ["once", t.once],
        ]}
        onChange={setRepeat}
      />
      <Select name="classTypeId" label={t.classType} defaultValue={classTypeId} options={parts.classTypes.map(({ id, name }) => [id, name])} onChange={setClassType} />
      <Select name="instructorId" label={t.instructor} defaultValue={instructorId} options={parts.instructors.map(({ id, name }) => [id, name])} onChange={setInstructor} />
      <Select name="room" label={t.room} defaultValue={room} options={parts.rooms.map(({ name }) => [name, name])} onChange={setRoom} />
      <Field name="date" type="date" label={repeat === "once" ? t.day : t.firstDay} required min={today} defaultValue={day} onChange={(event) => setDay(valueOf(event))} />
      <Field name="time" type="time" label={t.time} required step="300" defaultValue={time} onChange={(event) => setTime(valueOf(event))} />
      {repeat === "weekly" && <Field name="effectiveUntil" type="date" label={t.lastDay} hint={t.lastDayHint} min={day} defaultValue={until} onChange={(event) => setUntil(valueOf(event))} />}
      <Effect t={t} preview={preview} />
    </FormDialog>
  );
}

/** Changes a class, and the others of its weekly class if that is chosen. */
export function ChangeDialog({ t, parts, occurrence, day: newDay, onClose, onChange }: Props & { parts: Parts; occurrence: Occurrence; day?: string | undefined }) {
  const { id, title, localDate, localTime, maxParticipants } = occurrence;
  const minutes = (Date.parse(occurrence.endTime) - Date.parse(occurrence.startTime)) / 60_000;
  const today = useToday();
  const [scope, setScope] = useState<Scope>("this");
  const [changed, setChanged] = useState({
    date: newDay ?? localDate,
    time: localTime,
    durationMinutes: minutes,
    room: occurrence.room,
    instructorId: occurrence.instructor.id,
    maxParticipants,
  });
  const set = (more: Partial<typeof changed>) => setChanged((known) => ({ ...known, ...more }));

  // Only what differs is sent, so that the rest keeps what a colleague has changed meanwhile.
  const was = { date: localDate, time: localTime, durationMinutes: minutes, room: occurrence.room, instructorId: occurrence.instructor.id, maxParticipants };
  const differences = Object.fromEntries(Object.entries(changed).filter(([name, value]) => value !== was[name as keyof typeof was]));
  const body = (): Schema<"UpdateTimetableEntry"> => ({ occurrence: { id, ...differences }, scope });
  const isChanged = Object.keys(differences).length > 0;
  const preview = usePreview(isChanged ? JSON.stringify([differences, scope]) : "", () => call(api.PATCH("/api/admin/schedule", { body: { ...body(), preview: true } })));

  const rooms = parts.rooms.map(({ name }) => name);
  const instructors = parts.instructors.map(({ id, name }): [string, string] => [id, name]);
  // A class keeps what is retired until somebody changes it.
  if (!rooms.includes(occurrence.room)) rooms.unshift(occurrence.room);
  if (!instructors.some(([id]) => id === occurrence.instructor.id)) instructors.unshift([occurrence.instructor.id, occurrence.instructor.name]);

  const save = async (values: FormValues) => {
    const ownTitle = values.text("title").trim();
    const more = scope === "this" && ownTitle !== title ? { title: ownTitle || null } : {};
    await call(api.PATCH("/api/admin/schedule", { body: { occurrence: { id, ...differences, ...more }, scope } }));
    onChange();
    say(t.changed(title));
  };
  return (
    <FormDialog title={t.changeTitle(title)} isOpen onClose={onClose} action={t.changeAction} onSend={save}>
      <ScopeSelect t={t} scope={scope} onChange={setScope} />
      <Field name="date" type="date" label={t.day} required min={today} defaultValue={changed.date} onChange={(event) => set({ date: valueOf(event) || localDate })} />
      <Field name="time" type="time" label={t.time} required step="300" defaultValue={localTime} onChange={(event) => set({ time: valueOf(event) || localTime })} />
      <Field name="durationMinutes" type="number" label={t.minutes} required min="1" defaultValue={String(minutes)} onChange={(event) => set({ durationMinutes: Number(valueOf(event)) })} />
      <Select name="room" label={t.room} defaultValue={occurrence.room} options={rooms.map((name) => [name, name])} onChange={(room) => set({ room })} />
      <Select name="instructorId" label={t.instructor} defaultValue={occurrence.instructor.id} options={instructors} onChange={(instructorId) => set({ instructorId })} />
      <Field name="maxParticipants" type="number" label={t.spots} required min="1" defaultValue={String(maxParticipants)} onChange={(event) => set({ maxParticipants: Number(valueOf(event)) })} />
      {scope === "this" && <Field name="title" label={t.ownTitle} hint={t.ownTitleHint} autoComplete="off" defaultValue={title} />}
      {isChanged && <Effect t={t} preview={preview} />}
    </FormDialog>
  );
}

/** Cancels a class, and the others of its weekly class if that is chosen. */
export function CancelDialog({ t, occurrence: { id, title }, onClose, onChange }: Props & { occurrence: Occurrence }) {
  const [scope, setScope] = useState<Scope>("this");
  const query = { occurrenceId: id, scope };
  const preview = usePreview(scope, () => call(api.DELETE("/api/admin/schedule", { params: { query: { ...query, preview: true } } })));
  const cancel = async (values: FormValues) => {
    const reason = values.optional("reason");
    await call(api.DELETE("/api/admin/schedule", { params: { query: { ...query, ...(reason ? { reason } : {}) } } }));
    onChange();
    say(t.cancelDone(title));
  };
  return (
    <FormDialog title={t.cancelTitle(title)} isOpen onClose={onClose} action={t.cancelAction} isDangerous onSend={cancel}>
      <ScopeSelect t={t} scope={scope} onChange={setScope} />
      <Effect t={t} preview={preview} isCancellation />
      <p>{t.cancelText}</p>
      <TextArea name="reason" label={t.reason} hint={t.reasonHint} maxLength={500} />
    </FormDialog>
  );
}

/** Ends a weekly class from a day on. */
export function EndWeeklyDialog({ t, weekly: { id, classType }, onClose, onChange }: Props & { weekly: Schema<"WeeklyClass"> }) {
  const today = useToday();
  const [from, setFrom] = useState(today);
  const query = { patternId: id, from };
  const preview = usePreview(from, () => call(api.DELETE("/api/admin/schedule", { params: { query: { ...query, preview: true } } })));
  const end = async (values: FormValues) => {
    const reason = values.optional("reason");
    await call(api.DELETE("/api/admin/schedule", { params: { query: { ...query, ...(reason ? { reason } : {}) } } }));
    onChange();
    say(t.endWeeklyDone(classType));
  };
  return (
    <FormDialog title={t.endWeeklyTitle(classType)} isOpen onClose={onClose} action={t.endWeekly} isDangerous onSend={end}>
      <Field name="from" type="date" label={t.endWeeklyDay} required min={today} defaultValue={from} onChange={(event) => setFrom(valueOf(event) || today)} />
      <Effect t={t} preview={preview} isCancellation />
      <TextArea name="reason" label={t.reason} hint={t.reasonHint} maxLength={500} />
    </FormDialog>
  );
}
