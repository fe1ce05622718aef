// The credit of a member: what is left, how it has changed, and the changes of staff.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { Field, Select } from "../components/form.tsx";
import { Button, Empty } from "../components/ui.tsx";
import type { TillTexts } from "../texts/till.en.ts";
import { say } from "../tools/action.ts";
import { useStore } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { formatMomentIn, formatPrice } from "../tools/time.ts";
import { FormDialog } from "./dialogs.tsx";
import type { List } from "./lists.ts";
import { MoneyField } from "./parts.tsx";
import { type Buyer, sendOnce } from "./shop.ts";
import { type Column, DataTable } from "./table.tsx";

export type CreditEntry = Schema<"StaffCreditEntry">;
export type Credit = Schema<"Credit">;

interface Props {
  t: TillTexts;
  member: Buyer;
  credit: Credit | null;
  list: List<CreditEntry>;
  onChange: () => void;
}

export function MemberCredit({ t, member, credit, list, onChange }: Props) {
  const [isChanging, setChanging] = useState(false);
  const zone = useStore(studio)?.timeZone;
  return (
    <section class="member-part" id="credit">
      <header>
        <h2>{t.credit}</h2>
        <Button kind="soft" size="small" aria-label={t.changeCreditTitle(member.name)} onClick={() => setChanging(true)}>
          {t.changeCredit}
        </Button>
      </header>
      {credit && (
        <p>
          {t.creditBalance(formatPrice(credit.balance, credit.currency))} {Number(credit.held) > 0 && t.creditHeld(formatPrice(credit.held, credit.currency))}
        </p>
      )}
      <DataTable caption={t.credit} columns={columnsOf(t, zone, credit?.currency)} list={list} rowKey={({ id }) => id} failed={t.creditFailed} empty={<Empty text={t.noCredit} />} />
      {isChanging && <ChangeDialog t={t} member={member} latestId={list.items?.[0]?.id ?? ""} onClose={() => setChanging(false)} onChange={onChange} />}
    </section>
  );
}

function columnsOf(t: TillTexts, zone: string | undefined, currency = ""): Array<Column<CreditEntry>> {
  return [
    {
      key: "kind",
      label: t.creditColumns.kind,
      isTitle: true,
      cell: ({ kind, reason, title }) => (
        <>
          {t.creditKinds[kind] ?? kind}
          {(reason || title) && <small class="hint">{reason || title}</small>}
        </>
      ),
    },
    { key: "date", label: t.creditColumns.date, cell: ({ createdAt }) => formatMomentIn(createdAt, zone) },
    { key: "change", label: t.creditColumns.change, isNumber: true, cell: ({ change }) => formatPrice(change, currency) },
    { key: "by", label: t.creditColumns.by, cell: ({ changedBy }) => changedBy },
  ];
}

interface ChangeProps {
  t: TillTexts;
  member: Buyer;
  /** The id of the latest change. It is part of the key, so the same change can be made again. */
  latestId: string;
  onClose: () => void;
  onChange: () => void;
}

function ChangeDialog({ t, member, latestId, onClose, onChange }: ChangeProps) {
  return (
    <FormDialog
      title={t.changeCreditTitle(member.name)}
      action={t.changeCredit}
      isOpen
      onClose={onClose}
      onSend={async (values) => {
        const body = { userId: member.id, action: values.text("action") as Schema<"CreditAction">, amount: values.text("amount").replace(",", "."), reason: values.text("reason") };
        const { balance, currency } = await sendOnce(`credit ${member.id} ${latestId}`, t, (key) => call(api.POST("/api/admin/credit", { params: { header: { "Idempotency-Key": key } }, body })));
        onChange();
        say(t.creditIsChanged(member.name, formatPrice(balance, currency)));
      }}
    >
      <p>{t.changeCreditText}</p>
      <Select name="action" label={t.creditAction} options={[["add", t.creditActions.add], ["deduct", t.creditActions.deduct]]} />
      <MoneyField name="amount" label={t.amount} required />
      <Field name="reason" label={t.creditReason} hint={t.creditReasonHint} required autoComplete="off" maxLength={500} />
    </FormDialog>
  );
}
