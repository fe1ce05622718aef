// Dialogs that cancel a class or give it to a substitute. Both say first how many members will be notified.

import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { TextArea } from "../components/form.tsx";
import type { ClassChangesTexts } from "../texts/class-changes.en.ts";
import { attempt, say } from "../tools/action.ts";
import { useLoad } from "../tools/load.ts";
import { dayOf, formatMomentIn, formatTimeIn } from "../tools/time.ts";
import { ChoiceDialog, FormDialog } from "./dialogs.tsx";
import { type Preview, usePreview } from "./preview.ts";

/** A class as the dialogs name it. */
export interface ChangedClass {
  id: string;
  title: string;
  instructorId: string;
  startTime: string;
  endTime: string;
  timeZone: string;
}

interface Props {
  t: ClassChangesTexts;
  occurrence: ChangedClass;
  onClose: () => void;
  onChange: () => void;
}

function Told({ t, preview: { result, failure } }: { t: ClassChangesTexts; preview: Preview }) {
  return (
    <p class={failure ? "told problem" : "told"} role="status">
      {failure ? failure.message : result?.effect ? t.told(result.effect.notifiedMembers) : t.counting}
    </p>
  );
}

const whenOf = ({ startTime, timeZone }: ChangedClass) => formatMomentIn(startTime, timeZone);

export function CancelClassDialog({ t, occurrence, onClose, onChange }: Props) {
  const { id, title } = occurrence;
  const preview = usePreview(id, () => call(api.DELETE("/api/admin/schedule", { params: { query: { occurrenceId: id, preview: true } } })));
  const bookings = preview.result?.effect?.bookings ?? 0;
  return (
    <FormDialog
      title={t.cancelTitle(title)}
      isOpen
      onClose={onClose}
      action={t.cancelAction}
      isDangerous
      onSend={async (values) => {
        const reason = values.optional("reason");
        await call(api.DELETE("/api/admin/schedule", { params: { query: { occurrenceId: id, ...(reason ? { reason } : {}) } } }));
        onChange();
        say(t.cancelled(title));
      }}
    >
      <p>
        {t.cancelText(whenOf(occurrence))} {bookings > 0 && t.refunded}
      </p>
      <Told t={t} preview={preview} />
      <TextArea name="reason" label={t.reason} hint={t.reasonHint} maxLength={500} />
    </FormDialog>
  );
}

interface Substitute {
  id: string;
  name: string;
  /** What the instructor teaches at the same time. */
  busyWith: Schema<"Occurrence"> | undefined;
}

/** Loads who can teach a class. Those who teach another at the same time come last. */
async function loadSubstitutes({ id, instructorId, startTime, endTime, timeZone }: ChangedClass): Promise<Substitute[]> {
  const day = dayOf(new Date(startTime), timeZone);
  const [instructors, classes] = await Promise.all([
    readAllPages((page) => call(api.GET("/api/admin/instructors", { params: { query: { ...page, active: true } } }))),
    readAllPages((page) => call(api.GET("/api/classes/schedule", { params: { query: { ...page, from: day, to: day } } }))),
  ]);
  const atTheSameTime = classes.filter((one) => one.id !== id && !one.isCancelled && Date.parse(one.startTime) < Date.parse(endTime) && Date.parse(one.endTime) > Date.parse(startTime));
  const others = instructors.filter((one) => one.id !== instructorId);
  const substitutes = others.map(({ id, name }) => ({ id, name, busyWith: atTheSameTime.find((one) => one.instructor.id === id) }));
  return substitutes.sort((one, other) => Number(one.busyWith !== undefined) - Number(other.busyWith !== undefined) || one.name.localeCompare(other.name));
}

/** Gives a class to another instructor by one tap. Who cannot teach it is shown, but not offered. */
export function SubstituteDialog({ t, occurrence, onClose, onChange }: Props) {
  const { id, title } = occurrence;
  const { loaded: substitutes, failure, reload } = useLoad(() => loadSubstitutes(occurrence), id);
  // The same members get an e-mail, whichever substitute is chosen.
  const first = substitutes?.find(({ busyWith }) => !busyWith)?.id ?? "";
  const change = (instructorId: string) => ({ occurrence: { id, instructorId } });
  const preview = usePreview(first, () => call(api.PATCH("/api/admin/schedule", { body: { ...change(first), preview: true } })));

  const choose = ({ id, name }: Substitute) =>
    attempt(async () => {
      await call(api.PATCH("/api/admin/schedule", { body: change(id) }));
      onClose();
      onChange();
      say(t.substituted(name, title));
    });
  return (
    <ChoiceDialog
      title={t.substituteTitle(title)}
      isOpen
      onClose={onClose}
      label={t.substitute}
      choices={substitutes?.map((one) => ({
        key: one.id,
        text: one.name,
        hint: one.busyWith && t.busy(one.busyWith.title, formatTimeIn(one.busyWith.startTime, occurrence.timeZone)),
        isDisabled: one.busyWith !== undefined,
        onChoose: () => choose(one),
      }))}
      empty={t.noSubstitute}
      // A problem of the first one says nothing about the others.
      note={first && !preview.failure && <Told t={t} preview={preview} />}
      failed={t.substitutesFailed}
      failure={failure}
      onRetry={reload}
    >
      <p>{t.substituteText(whenOf(occurrence))}</p>
    </ChoiceDialog>
  );
}
