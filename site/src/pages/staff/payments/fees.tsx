// The fees that members owe for late cancellations, and because they did not come.

import { useState } from "preact/hooks";
import { Banknote, CircleOff, ClipboardCheck } from "lucide";
import { api, call, type Schema } from "../../../api/client.ts";
import { Empty } from "../../../components/ui.tsx";
import { changeBooking } from "../../../staff/bookings.ts";
import { ConfirmDialog } from "../../../staff/dialogs.tsx";
import { WaiveDialog } from "../../../staff/fees.tsx";
import { useList } from "../../../staff/lists.ts";
import { ActionMenu } from "../../../staff/parts.tsx";
import { type Column, DataTable } from "../../../staff/table.tsx";
import type { StaffPaymentsTexts } from "../../../texts/staff-payments.en.ts";
import { say } from "../../../tools/action.ts";
import { formatMomentIn, formatPrice } from "../../../tools/time.ts";

type Fee = Schema<"OwedFee">;
type Texts = { t: StaffPaymentsTexts };

export function OwedFees({ t, zone }: Texts & { zone: string }) {
  const [asked, setAsked] = useState<{ fee: Fee; isWaiver: boolean } | null>(null);
  const list = useList<Fee>("owed", (cursor) => call(api.GET("/api/admin/fees", { params: { query: cursor ? { cursor } : {} } })));
  const close = () => setAsked(null);
  const reload = () => void list.reload();
  return (
    <>
      <DataTable
        caption={t.owedFees}
        columns={columnsOf(t, zone)}
        list={list}
        rowKey={({ bookingId }) => bookingId}
        failed={t.feesFailed}
        empty={<Empty text={t.noFees} />}
        actions={(fee) => (
          <ActionMenu
            label={t.actionsOf(fee.memberName, fee.title)}
            items={[
              { text: t.markPaid, icon: Banknote, onClick: () => setAsked({ fee, isWaiver: false }) },
              { text: t.roster, icon: ClipboardCheck, onClick: () => location.assign(`/staff/roster/${fee.scheduledClassId}`) },
              { text: t.waive.action, icon: CircleOff, isDangerous: true, onClick: () => setAsked({ fee, isWaiver: true }) },
            ]}
          />
        )}
      />
      {asked?.isWaiver && <WaiveDialog t={t.waive} bookingId={asked.fee.bookingId} name={asked.fee.memberName} amount={formatPrice(asked.fee.amount, asked.fee.currency)} onClose={close} onChange={reload} />}
      {asked && !asked.isWaiver && <PaidDialog t={t} fee={asked.fee} onClose={close} onChange={reload} />}
    </>
  );
}

function columnsOf(t: StaffPaymentsTexts, zone: string): Array<Column<Fee>> {
  return [
    { key: "member", label: t.columns.member, isTitle: true, cell: ({ memberId, memberName }) => <a href={`/staff/members/${memberId}`}>{memberName}</a> },
    {
      key: "class",
      label: t.columns.class,
      cell: ({ title, startTime }) => (
        <>
          {title}
          <small class="hint">{formatMomentIn(startTime, zone)}</small>
        </>
      ),
    },
    { key: "reason", label: t.feeReason, cell: ({ reason }) => t.feeReasons[reason] },
    { key: "amount", label: t.columns.amount, isNumber: true, cell: ({ amount, currency }) => formatPrice(amount, currency) },
  ];
}

/** Asks before a fee is recorded as paid at the desk. */
function PaidDialog({ t, fee, onClose, onChange }: Texts & { fee: Fee; onClose: () => void; onChange: () => void }) {
  const { bookingId, memberName, amount, currency, title } = fee;
  return (
    <ConfirmDialog
      title={t.markPaidTitle}
      action={t.markPaid}
      isOpen
      onClose={onClose}
      onConfirm={async () => {
        await changeBooking(bookingId, "markPaid");
        onChange();
        say(t.isPaid(memberName));
      }}
    >
      <p>{t.markPaidText(memberName, formatPrice(amount, currency), title)}</p>
    </ConfirmDialog>
  );
}
