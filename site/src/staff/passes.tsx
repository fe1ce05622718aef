// The passes of a member, and what staff change about them.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { CalendarPlus, CircleX, History, Plus, Snowflake, Undo2 } from "lucide";
import { api, call, readAllPages, type Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Field, type FormValues } from "../components/form.tsx";
import { Button, Dialog, Empty, Skeleton } from "../components/ui.tsx";
import type { TillTexts } from "../texts/till.en.ts";
import { say } from "../tools/action.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { dayOf, formatDay } from "../tools/time.ts";
import { longDay } from "./dates.ts";
import { useStaffTexts } from "./context.ts";
import { FormDialog, useCloseThis } from "./dialogs.tsx";
import { FailurePanel } from "./failure-panel.tsx";
import type { List } from "./lists.ts";
import { ActionMenu, useToday } from "./parts.tsx";
import { countUpcoming, isUncertain, type Pass, sendOnce } from "./shop.ts";
import { type Column, DataTable } from "./table.tsx";
import "./passes.css";

type Action = Schema<"PassAction">;
type Change = Schema<"PassChange">;
type Texts = { t: TillTexts };

const ICONS = { addCredits: Plus, addDays: CalendarPlus, freeze: Snowflake, unfreeze: Undo2, revoke: CircleX, restore: Undo2 };


interface Props extends Texts {
  list: List<Pass>;
  /** Loads what the pages show of the member's bookings again. */
  onChange: () => void;
}

export function MemberPasses({ t, list, onChange }: Props) {
  const today = useToday();
  const [asked, setAsked] = useState<{ pass: Pass; action: Action } | null>(null);
  const [read, setRead] = useState<Pass | null>(null);
  const change = (changed?: Pass) => {
    if (changed) list.change((known) => known.map((one) => (one.id === changed.id ? changed : one)));
    onChange();
  };
  return (
    <>
      <DataTable
        caption={t.passes}
        columns={columnsOf(t, today)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.passesFailed}
        empty={<Empty text={t.noPasses} />}
        actions={(pass) => (
          <ActionMenu
            label={t.actionsOfPass(pass.name)}
            items={[
              ...actionsOf(pass, today).map((action) => ({ text: t.changes[action], icon: ICONS[action], isDangerous: action === "revoke", onClick: () => setAsked({ pass, action }) })),
              { text: t.history, icon: History, onClick: () => setRead(pass) },
            ]}
          />
        )}
      />
      {asked && <ChangeDialog key={`${asked.pass.id} ${asked.action}`} t={t} {...asked} onClose={() => setAsked(null)} onChange={change} />}
      {read && <HistoryDialog t={t} pass={read} onClose={() => setRead(null)} />}
    </>
  );
}

function isFrozen({ frozenTo }: Pass, today: string): boolean {
  return frozenTo !== null && frozenTo >= today;
}

/** What can be done with a pass as it is. */
function actionsOf(pass: Pass, today: string): Action[] {
  if (pass.isRevoked) return ["restore"];
  // A pass that has not begun has no days that can be frozen.
  const freeze = isFrozen(pass, today) ? ["unfreeze" as const] : pass.firstDay ? ["freeze" as const] : [];
  return [...(pass.credits === null ? [] : ["addCredits" as const]), "addDays", ...freeze, "revoke"];
}

function columnsOf(t: TillTexts, today: string): Array<Column<Pass>> {
  return [
    { key: "name", label: t.passColumns.name, isTitle: true, cell: ({ name, classTypes }) => <PassName name={name} hint={classTypes.map((one) => one.name).join(", ")} /> },
    { key: "left", label: t.passColumns.left, cell: ({ isRevoked, creditsLeft, credits }) => (isRevoked ? "–" : creditsLeft === null || credits === null ? t.withoutEnd : t.leftOf(creditsLeft, credits)) },
    { key: "lastDay", label: t.passColumns.lastDay, cell: ({ lastDay, days }) => (lastDay ? longDay(lastDay) : t.fromFirstClass(days)) },
    {
      key: "state",
      label: t.passColumns.state,
      cell: (pass) => (
        <span class="tags">
          <State t={t} pass={pass} today={today} />
        </span>
      ),
    },
  ];
}

/** The name of a pass, and the class types that it is good for, if these are not all. */
function PassName({ name, hint }: { name: string; hint: string }) {
  return (
    <>
      {name}
      {hint && <small class="hint">{hint}</small>}
    </>
  );
}

function State({ t, pass, today }: Texts & { pass: Pass; today: string }) {
  const { isRevoked, creditsLeft, lastDay, frozenFrom, frozenTo, orderId } = pass;
  if (isRevoked) return <span class="tag bad">{t.states.revoked}</span>;
  if (creditsLeft === 0) return <span class="tag">{t.states.usedUp}</span>;
  if (lastDay && lastDay < today) return <span class="tag">{t.states.ended}</span>;
  if (frozenFrom && frozenTo && isFrozen(pass, today)) return <span class="tag warn">{t.frozen(short(frozenFrom), short(frozenTo))}</span>;
  if (orderId === null) return <span class="tag warn">{t.states.unpaid}</span>;
  return <span class="tag good">{t.states.active}</span>;
}

const short = (day: string) => formatDay(day, { month: "short", day: "numeric" });

interface ChangeProps extends Texts {
  pass: Pass;
  action: Action;
  onClose: () => void;
  /** Without a pass, it is not known what has changed. */
  onChange: (pass?: Pass) => void;
}

/** Asks for what a change needs, and for the reason. */
function ChangeDialog({ t, pass, action, onClose, onChange }: ChangeProps) {
  const { id, name } = pass;
  const closeThis = useCloseThis(onClose);
  const send = async (values: FormValues) => {
    const number = values.optional("number");
    const [from, to] = [values.optional("from"), values.optional("to")];
    const body = { passId: id, action, reason: values.text("reason"), ...(number ? { number: Number(number) } : {}), ...(from && to ? { from, to } : {}) };
    // A pass that is shown as it became after a lost response gets a new key.
    const purpose = `${action} ${JSON.stringify(pass)}`;
    const changed = await sendOnce(purpose, { lost: t.lost, unknown: t.unknownChange, sentBefore: t.changeSentBefore }, (key) =>
      call(api.PATCH("/api/admin/passes", { params: { header: { "Idempotency-Key": key } }, body })),
    ).catch((failure: unknown) => {
      if (isUncertain(failure)) {
        closeThis();
        onChange();
      }
      const isImpossible = failure instanceof Failure && failure.code === "pass_not_changeable";
      // Another person may have changed it since it was shown.
      if (isImpossible) onChange();
      throw isImpossible ? new Failure(t.notPossible[action]) : failure;
    });
    onChange(changed);
    const movedTo = action !== "revoke" && changed.lastDay !== pass.lastDay ? changed.lastDay : null;
    if (action === "addDays" && movedTo) return say(t.nowEndsOn(name, longDay(movedTo)));
    const paysAgain = action === "restore" && changed.isUsable && t.paysAgain;
    say([t.changed[action](name), movedTo && t.endsOn(longDay(movedTo)), paysAgain].filter(Boolean).join(" "));
  };
  return (
    <FormDialog title={t.changeTitle[action](name)} isOpen onClose={onClose} action={t.changes[action]} isDangerous={action === "revoke"} onSend={send}>
      {action === "addCredits" && <Field name="number" type="number" label={t.credits} hint={t.creditsHint} required autofocus step="1" defaultValue="1" />}
      {action === "addDays" && <Field name="number" type="number" label={t.daysField} hint={t.daysHint} required autofocus step="1" defaultValue="7" />}
      {action === "freeze" && <FreezeDays t={t} />}
      {action === "unfreeze" && <p>{t.unfreezeText}</p>}
      {action === "revoke" && <Revocation t={t} pass={pass}>{t.revokeText}</Revocation>}
      {action === "restore" && <p>{t.restoreText}</p>}
      <Field name="reason" label={t.reason} hint={t.reasonHint} required autoComplete="off" maxLength={500} />
    </FormDialog>
  );
}

function FreezeDays({ t }: Texts) {
  const today = useToday();
  const [from, setFrom] = useState(today);
  return (
    <>
      <p>{t.freezeText}</p>
      <div class="pair">
        <Field name="from" type="date" label={t.from} required defaultValue={from} onChange={(event) => setFrom((event.currentTarget as HTMLInputElement).value)} />
        <Field name="to" type="date" label={t.to} required min={from} />
      </div>
    </>
  );
}

/** Says what happens to the bookings of a pass that is revoked. */
function Revocation({ t, pass: { id, userId }, children }: Texts & { pass: Pass; children: ComponentChildren }) {
  const { loaded, failure } = useLoad(() => countUpcoming(userId), id);
  const count = loaded?.get(id) ?? 0;
  return (
    <>
      <p>{children}</p>
      {/* As high as the sentence that follows. */}
      <p role="status">{failure ? failure.message : !loaded ? "…" : count === 0 ? t.noUpcoming : t.upcoming(count)}</p>
    </>
  );
}

/** What was changed about a pass since its sale: the last change is the first. */
function HistoryDialog({ t, pass: { id, name, createdAt }, onClose }: Texts & { pass: Pass; onClose: () => void }) {
  const staff = useStaffTexts();
  const zone = useStore(studio)?.timeZone;
  const { loaded, failure, reload } = useLoad(() => readAllPages<Change>((page) => call(api.GET("/api/admin/pass-changes", { params: { query: { passId: id, ...page } } }))), id);
  const dayIn = (moment: string) => longDay(dayOf(new Date(moment), zone));
  return (
    <Dialog title={t.historyTitle(name)} isOpen onClose={onClose}>
      {failure ? (
        <FailurePanel text={t.historyFailed} failure={failure} onRetry={reload} />
      ) : !loaded ? (
        <Skeleton count={2} height="4rem" />
      ) : (
        <ol class="plain-list pass-history">
          {loaded.map((change) => (
            <li key={change.id}>
              <strong>{describeChange(t, change)}</strong>
              <span>{change.changedBy === null ? t.automatic[change.action] : change.reason}</span>
              <small class="hint">{t.madeBy(change.changedBy ?? t.bySabor, dayIn(change.createdAt))}</small>
            </li>
          ))}
          <li>
            <strong>{t.made.sale}</strong>
            <small class="hint">{dayIn(createdAt)}</small>
          </li>
        </ol>
      )}
      <p class="actions">
        <Button kind="quiet" autofocus onClick={onClose}>
          {staff.close}
        </Button>
      </p>
    </Dialog>
  );
}

/** Says what was changed, and by how much. */
function describeChange({ made }: TillTexts, { action, number, from, to }: Change): string {
  if (action === "addCredits" || action === "addDays") return made[action](number ?? 0);
  if (action === "freeze") return made.freeze(from ? longDay(from) : "", to ? longDay(to) : "");
  return made[action];
}
