// The refunds that have not reached the members, so that staff must give the money back in another way.

import { useState } from "preact/hooks";
import { ClipboardCheck, Receipt, Undo2 } from "lucide";
import { api, call, type Schema } from "../../../api/client.ts";
import { Select } from "../../../components/form.tsx";
import { Empty } from "../../../components/ui.tsx";
import { FormDialog } from "../../../staff/dialogs.tsx";
import { useList } from "../../../staff/lists.ts";
import { ActionMenu } from "../../../staff/parts.tsx";
import { type Column, DataTable } from "../../../staff/table.tsx";
import type { StaffPaymentsTexts } from "../../../texts/staff-payments.en.ts";
import { say } from "../../../tools/action.ts";
import { sendUntilAnswered } from "../../../tools/repeat.ts";
import { formatMomentIn, formatPrice } from "../../../tools/time.ts";

type FailedRefund = Schema<"FailedRefund">;
type Texts = { t: StaffPaymentsTexts };

export function FailedRefunds({ t, zone }: Texts & { zone: string }) {
  const [asked, setAsked] = useState<FailedRefund | null>(null);
  const list = useList<FailedRefund>("failed-refunds", (cursor) => call(api.GET("/api/admin/failed-refunds", { params: { query: cursor ? { cursor } : {} } })));
  return (
    <>
      <p class="hint">{t.failedRefundsHint}</p>
      <DataTable
        caption={t.failedRefunds}
        columns={columnsOf(t, zone)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.failedRefundsFailed}
        empty={<Empty text={t.noFailedRefunds} />}
        actions={(refund) => (
          <ActionMenu
            label={t.actionsOf(refund.memberName, refund.title)}
            items={[
              refund.scheduledClassId
                ? { text: t.roster, icon: ClipboardCheck, onClick: () => location.assign(`/staff/roster/${refund.scheduledClassId}`) }
                : { text: t.sales, icon: Receipt, onClick: () => location.assign("/staff/sales") },
              { text: t.giveBack, icon: Undo2, isDangerous: true, onClick: () => setAsked(refund) },
            ]}
          />
        )}
      />
      {asked && <GiveBackDialog key={asked.id} t={t} refund={asked} onClose={() => setAsked(null)} onChange={() => void list.reload()} />}
    </>
  );
}

function columnsOf(t: StaffPaymentsTexts, zone: string): Array<Column<FailedRefund>> {
  return [
    { key: "member", label: t.columns.member, isTitle: true, cell: ({ memberId, memberName }) => <a href={`/staff/members/${memberId}`}>{memberName}</a> },
    {
      key: "what",
      label: t.paidFor,
      cell: ({ title, startTime }) => (
        <>
          {title}
          {startTime && <small class="hint">{formatMomentIn(startTime, zone)}</small>}
        </>
      ),
    },
    {
      key: "failedAt",
      label: t.returned,
      cell: ({ failedAt, reason }) => (
        <>
          {formatMomentIn(failedAt, zone)}
          {reason && <small class="hint">{t.refundReasons[reason] ?? reason}</small>}
        </>
      ),
    },
    { key: "amount", label: t.columns.amount, isNumber: true, cell: ({ amount, currency }) => formatPrice(amount, currency) },
  ];
}

/** Asks how the money is given back. */
function GiveBackDialog({ t, refund, onClose, onChange }: Texts & { refund: FailedRefund; onClose: () => void; onChange: () => void }) {
  const { id, memberName, title } = refund;
  const amount = formatPrice(refund.amount, refund.currency);
  return (
    <FormDialog
      title={t.giveBackTitle(memberName)}
      action={t.giveBack}
      isDangerous
      isOpen
      onClose={onClose}
      onSend={async (values) => {
        const resolution = values.text("resolution") as Schema<"FailedRefundResolution">;
        await sendUntilAnswered(`give back ${id} ${resolution}`, t.till, (key) =>
          call(api.PATCH("/api/admin/failed-refunds", { params: { header: { "Idempotency-Key": key } }, body: { refundId: id, resolution } })),
        );
        onChange();
        say(resolution === "nothing" ? t.isResolved(memberName) : t.isRefunded(memberName, amount));
      }}
    >
      <p>{t.giveBackText(amount, title)}</p>
      <Select
        name="resolution"
        label={t.giveBackMethod}
        options={(["cash", "transfer", "credit", "original", "nothing"] as const).map((resolution) => [resolution, t.resolutions[resolution]] as const)}
      />
    </FormDialog>
  );
}
