// The memberships of members, and how staff end them.

import { useState } from "preact/hooks";
import { CircleX, Undo2, UserRound } from "lucide";
import { api, call, type Schema } from "../api/client.ts";
import { Empty } from "../components/ui.tsx";
import type { TillTexts } from "../texts/till.en.ts";
import { attempt, say } from "../tools/action.ts";
import { longDay } from "./dates.ts";
import { ConfirmDialog } from "./dialogs.tsx";
import type { List } from "./lists.ts";
import { ActionMenu, Money } from "./parts.tsx";
import { type Column, DataTable } from "./table.tsx";

export type Membership = Schema<"Membership">;
type Texts = { t: TillTexts };

interface Props extends Texts {
  list: List<Membership>;
  /** Whether the table names the members. */
  hasMembers?: boolean;
  /** Loads what the page shows of the member's passes again. */
  onChange?: () => void;
}

export function MembershipTable({ t, list, hasMembers = false, onChange }: Props) {
  const [ending, setEnding] = useState<Membership | null>(null);
  const change = async ({ id, memberName }: Membership, action: Schema<"MembershipAction">) => {
    const changed = await call(api.PATCH("/api/admin/memberships", { body: { membershipId: id, action } }));
    list.change((known) => known.map((one) => (one.id === id ? changed : one)));
    onChange?.();
    say(describeChange(t, memberName, changed));
  };
  return (
    <>
      <DataTable
        caption={t.memberships.title}
        columns={columnsOf(t, hasMembers)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.memberships.failed}
        empty={<Empty text={t.memberships.none} />}
        actions={(membership) => {
          const isRunning = membership.status !== "starting" && membership.status !== "ended";
          const items = [
            ...(hasMembers ? [{ text: t.openMember, icon: UserRound, onClick: () => location.assign(`/staff/members/${membership.userId}#passes`) }] : []),
            ...(isRunning && membership.lastDay ? [{ text: t.memberships.keep, icon: Undo2, onClick: () => void attempt(() => change(membership, "keep")) }] : []),
            ...(isRunning && !membership.lastDay ? [{ text: t.memberships.end, icon: CircleX, isDangerous: true, onClick: () => setEnding(membership) }] : []),
          ];
          return items.length > 0 ? <ActionMenu label={t.memberships.actionsOf(membership.memberName, membership.name)} items={items} /> : null;
        }}
      />
      {ending && (
        <ConfirmDialog title={t.memberships.endTitle(ending.memberName)} action={t.memberships.end} isDangerous isOpen onClose={() => setEnding(null)} onConfirm={() => change(ending, "end")}>
          <p>{ending.status === "past_due" ? t.memberships.endTextPastDue : t.memberships.endText}</p>
        </ConfirmDialog>
      )}
    </>
  );
}

function columnsOf(t: TillTexts, hasMembers: boolean): Array<Column<Membership>> {
  const { columns, perPeriod } = t.memberships;
  return [
    ...(hasMembers
      ? [{ key: "member", label: columns.member, isTitle: true, cell: ({ userId, memberName }: Membership) => <a href={`/staff/members/${userId}`}>{memberName}</a> }]
      : []),
    { key: "name", label: columns.name, isTitle: !hasMembers, cell: ({ name }) => name },
    {
      key: "price",
      label: columns.price,
      isNumber: true,
      cell: (membership) => (
        <span class="amounts">
          <Money amount={membership.price} currency={membership.currency} />
          <small class="hint">{perPeriod[membership.every]}</small>
        </span>
      ),
    },
    { key: "next", label: columns.next, cell: (membership) => describeNext(t, membership) },
    { key: "status", label: columns.status, cell: (membership) => <Status t={t} membership={membership} /> },
  ];
}

/** Says what has become of it after an action of staff. */
function describeChange(t: TillTexts, member: string, { status, lastDay }: Membership): string {
  const { memberships } = t;
  if (status === "ended") return memberships.hasEnded(member);
  return lastDay ? memberships.isEnding(member, longDay(lastDay)) : memberships.isKept(member);
}

/** When it is renewed, or its last day. */
function describeNext(t: TillTexts, { status, renewsOn, lastDay, graceEndsOn }: Membership): string {
  const { memberships } = t;
  if (graceEndsOn) return memberships.bookingsKeptUntil(longDay(graceEndsOn));
  if (lastDay) return status === "ended" ? memberships.paidUntil(longDay(lastDay)) : memberships.endsOn(longDay(lastDay));
  return renewsOn && status === "active" ? memberships.renewsOn(longDay(renewsOn)) : "–";
}

function Status({ t, membership: { status } }: Texts & { membership: Membership }) {
  const kinds = { starting: "warn", active: "good", past_due: "bad", paused: "warn", ended: "" };
  return <span class={`tag ${kinds[status]}`}>{t.memberships.states[status]}</span>;
}
