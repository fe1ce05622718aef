// Dialogs that cancel a class or give it to a substitute. Both say first how many members will be notified.

import { useEffect, useState } from "preact/hooks";
import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Select, TextArea } from "../components/form.tsx";
import type { ClassChangesTexts } from "../texts/class-changes.en.ts";
import { report, say } from "../tools/action.ts";
import { FormDialog } from "./dialogs.tsx";

/** A class as the dialogs name it. */
export interface ChangedClass {
  id: string;
  title: string;
  /** The name of the instructor. */
  instructor: string;
  /** The day and time, such as "Thu, Mar 8, 6:00 PM". */
  when: string;
}

interface Props {
  t: ClassChangesTexts;
  occurrence: ChangedClass;
  isOpen: boolean;
  onClose: () => void;
  onChange: () => void;
}

type Effect = Schema<"ScheduleEffect">;

/** Asks how many members a change affects. A failure is shown as the message of the page. */
function useEffectOf(isOpen: boolean, key: string, preview: () => Promise<{ effect?: Effect }>): Effect | null {
  const [effect, setEffect] = useState<Effect | null>(null);
  useEffect(() => {
    setEffect(null);
    if (!isOpen || !key) return;
    let isLatest = true;
    preview().then((result) => isLatest && setEffect(result.effect ?? null), report);
    return () => {
      isLatest = false;
    };
  }, [isOpen, key]);
  return effect;
}

function Told({ t, effect }: { t: ClassChangesTexts; effect: Effect | null }) {
  return (
    <p class="told" role="status">
      {effect ? t.told(effect.notifiedMembers) : t.counting}
    </p>
  );
}

export function CancelClassDialog({ t, occurrence, isOpen, onClose, onChange }: Props) {
  const { id, title, when } = occurrence;
  const effect = useEffectOf(isOpen, id, () => call(api.DELETE("/api/admin/schedule", { params: { query: { occurrenceId: id, preview: true } } })));
  return (
    <FormDialog
      title={t.cancelTitle(title)}
      isOpen={isOpen}
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
        {t.cancelText(when)} {effect && effect.bookings > 0 && t.refunded}
      </p>
      <Told t={t} effect={effect} />
      <TextArea name="reason" label={t.reason} hint={t.reasonHint} maxLength={500} />
    </FormDialog>
  );
}

export function SubstituteDialog({ t, occurrence, isOpen, onClose, onChange }: Props) {
  const { id, title, instructor, when } = occurrence;
  const [others, setOthers] = useState<Array<[id: string, name: string]> | null>(null);
  const [chosen, setChosen] = useState("");

  useEffect(() => {
    if (!isOpen) return;
    setOthers(null);
    setChosen("");
    readAllPages((query) => call(api.GET("/api/admin/instructors", { params: { query: { ...query, active: true } } })))
      .then((found) => {
        const names = found.filter(({ name }) => name !== instructor).map(({ id, name }): [string, string] => [id, name]);
        names.sort(([, one], [, other]) => one.localeCompare(other));
        setOthers(names);
        setChosen(names[0]?.[0] ?? "");
      })
      .catch(report);
  }, [isOpen]);

  const effect = useEffectOf(isOpen, chosen, () => call(api.PATCH("/api/admin/schedule", { body: { occurrence: { id, instructorId: chosen }, preview: true } })));
  if (isOpen && others?.length === 0) {
    return (
      <FormDialog title={t.substituteTitle(title)} isOpen={isOpen} onClose={onClose} onSend={() => Promise.resolve()}>
        <p>{t.noSubstitute}</p>
      </FormDialog>
    );
  }
  return (
    <FormDialog
      title={t.substituteTitle(title)}
      isOpen={isOpen}
      onClose={onClose}
      action={t.substituteAction}
      onSend={async () => {
        if (!chosen) throw Failure.missingFields(["instructorId"]);
        await call(api.PATCH("/api/admin/schedule", { body: { occurrence: { id, instructorId: chosen } } }));
        onChange();
        say(t.substituted(others?.find(([other]) => other === chosen)?.[1] ?? ""));
      }}
    >
      <p>{t.substituteText(when)}</p>
      <Select name="instructorId" label={t.substitute} options={others ?? []} defaultValue={chosen} onChange={(value) => setChosen(value)} />
      <Told t={t} effect={effect} />
    </FormDialog>
  );
}
