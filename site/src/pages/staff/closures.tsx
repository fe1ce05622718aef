// Closures: days on which no class takes place.

import { useEffect, useState } from "preact/hooks";
import { Pencil, Plus, Trash2 } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Check, Field, type FormValues } from "../../components/form.tsx";
import { Button, Empty } from "../../components/ui.tsx";
import { ConfirmDialog, FormDialog } from "../../staff/dialogs.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead, useToday } from "../../staff/parts.tsx";
import { DataTable } from "../../staff/table.tsx";
import type { StaffClosuresTexts } from "../../texts/staff-closures.en.ts";
import { report, say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { formatDay } from "../../tools/time.ts";

type Closure = Schema<"Closure">;
type Result = Schema<"ClosureResult">;
type Texts = { t: StaffClosuresTexts };

function Closures({ t }: Texts) {
  const today = useToday();
  const [edited, setEdited] = useState<Closure | "new" | null>(null);
  const [removed, setRemoved] = useState<Closure | null>(null);
  const list = useList<Closure>("", (cursor) => call(api.GET("/api/admin/closures", { params: { query: cursor ? { cursor } : {} } })));
  const daysOf = ({ from, to }: Closure) => t.days(format(from), format(to));
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint}>
        <Button size="small" onClick={() => setEdited("new")}>
          <Icon of={Plus} />
          {t.add}
        </Button>
      </PageHead>
      <DataTable
        caption={t.title}
        columns={[
          {
            key: "days",
            label: t.columns.days,
            isTitle: true,
            cell: (closure) => (
              <span class="tags">
                {daysOf(closure)} {closure.to < today && <span class="tag">{t.over}</span>}
              </span>
            ),
          },
          { key: "reason", label: t.columns.reason, cell: ({ reason }) => reason },
        ]}
        list={list}
        rowKey={({ id }) => id}
        failed={t.failed}
        empty={<Empty text={t.none} />}
        actions={(closure) => (
          <ActionMenu
            label={t.actionsOf(daysOf(closure))}
            items={[
              { text: t.edit, icon: Pencil, onClick: () => setEdited(closure) },
              { text: t.remove, icon: Trash2, isDangerous: true, onClick: () => setRemoved(closure) },
            ]}
          />
        )}
      />
      {edited && <ClosureDialog t={t} closure={edited === "new" ? null : edited} onClose={() => setEdited(null)} onSave={() => void list.reload().catch(report)} />}
      {removed && (
        <ConfirmDialog
          title={t.removeTitle}
          action={t.remove}
          isDangerous
          isOpen
          onClose={() => setRemoved(null)}
          onConfirm={async () => {
            await call(api.DELETE("/api/admin/closures", { params: { query: { id: removed.id } } }));
            list.change((known) => known.filter(({ id }) => id !== removed.id));
            say(t.removed);
          }}
        >
          <p>{daysOf(removed)}</p>
          <p>{t.removeText}</p>
        </ConfirmDialog>
      )}
    </div>
  );
}

function format(day: string): string {
  return formatDay(day, { weekday: "short", year: "numeric", month: "short", day: "numeric" });
}

interface DialogProps extends Texts {
  closure: Closure | null;
  onClose: () => void;
  onSave: () => void;
}

/** Plans a closure, and shows first which classes and members it affects. */
function ClosureDialog({ t, closure, onClose, onSave }: DialogProps) {
  const today = useToday();
  const [from, setFrom] = useState(closure?.from ?? today);
  const [to, setTo] = useState(closure?.to ?? today);
  const [cancelClasses, setCancel] = useState(false);

  const send = (more: { reason?: string | null; preview?: boolean }): Promise<Result> => {
    const days = { from, to, cancelClasses, ...more };
    return call(closure ? api.PATCH("/api/admin/closures", { body: { id: closure.id, ...days } }) : api.POST("/api/admin/closures", { body: days }));
  };
  const save = async (values: FormValues) => {
    await send({ reason: values.optional("reason") ?? null });
    onSave();
    say(t.saved);
  };
  const valueOf = (event: Event) => (event.currentTarget as HTMLInputElement).value;
  return (
    <FormDialog title={closure ? t.editTitle : t.add} isOpen onClose={onClose} action={t.save} onSend={save}>
      <Field
        name="from"
        type="date"
        label={t.from}
        required
        defaultValue={from}
        onChange={(event) => {
          setFrom(valueOf(event));
          if (to < valueOf(event)) setTo(valueOf(event));
        }}
      />
      <Field key={`to ${from}`} name="to" type="date" label={t.to} required min={from} defaultValue={to} onChange={(event) => setTo(valueOf(event))} />
      <Field name="reason" label={t.reason} hint={t.reasonHint} autoComplete="off" maxLength={500} defaultValue={closure?.reason ?? ""} />
      <Check label={t.cancelClasses} onChange={(event) => setCancel((event.currentTarget as HTMLInputElement).checked)} />
      <Effect t={t} key={`${from} ${to} ${cancelClasses}`} cancelClasses={cancelClasses} preview={() => send({ preview: true })} />
    </FormDialog>
  );
}

/** What a closure would change. Days that the API does not accept are explained when it is saved. */
function Effect({ t, cancelClasses, preview }: Texts & { cancelClasses: boolean; preview: () => Promise<Result> }) {
  const [result, setResult] = useState<Result | null>(null);
  const [isInvalid, setInvalid] = useState(false);
  useEffect(() => {
    let isLatest = true;
    preview().then(
      (found) => isLatest && setResult(found),
      (failure) => {
        if (!(failure instanceof Failure)) return report(failure);
        if (isLatest) setInvalid(true);
      },
    );
    return () => {
      isLatest = false;
    };
  }, []);
  if (isInvalid) return null;
  if (!result) return <p role="status">{t.counting}</p>;
  const { effect, remainingClasses } = result;
  const count = cancelClasses ? effect.cancelledClasses : remainingClasses;
  return (
    <div role="status">
      <p>{count === 0 ? t.nothing : cancelClasses ? t.effect(effect.cancelledClasses, effect.bookings, effect.notifiedMembers) : `${t.found(count)} ${t.stays}`}</p>
    </div>
  );
}

const catalog: Catalog<StaffClosuresTexts> = { en: () => import("../../texts/staff-closures.en.ts"), es: () => import("../../texts/staff-closures.es.ts") };
await mountStaff({ catalog, section: "closures", Page: Closures });
