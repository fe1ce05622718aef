// Payments of all members: what is unpaid, and which refunds are due.

import { useState } from "preact/hooks";
import { Banknote, ClipboardCheck, Ticket, Tickets, Undo2 } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Select } from "../../components/form.tsx";
import { Button, Empty } from "../../components/ui.tsx";
import { changeBooking } from "../../staff/bookings.ts";
import { ConfirmDialog } from "../../staff/dialogs.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead } from "../../staff/parts.tsx";
import { PaymentAmounts, PaymentStatus } from "../../staff/payments.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import { PayDialog } from "../../staff/till.tsx";
import type { StaffPaymentsTexts } from "../../texts/staff-payments.en.ts";
import { say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { useStore } from "../../tools/store.ts";
import { studio } from "../../tools/studio.ts";
import { formatMomentIn, formatPrice } from "../../tools/time.ts";
import { FailedRefunds } from "./payments/failed-refunds.tsx";
import { OwedFees } from "./payments/fees.tsx";

type Payment = Schema<"ListedPayment">;
type Status = Schema<"PaymentStatus">;
type Texts = { t: StaffPaymentsTexts };

const STATUSES: readonly Status[] = ["refund_due", "pending", "paid", "partly_refunded", "refunded", "disputed", "failed", "cancelled"];

/** Payments that staff can record as paid at the desk. */
const PAYABLE: readonly Status[] = ["pending", "failed"];

/** Payments that could be refunded. Those whose refund is due have a button for it. */
const REFUNDABLE: readonly Status[] = ["paid", "partly_refunded"];

type Change = "markPaid" | "refund" | "pass";

/** What staff can give back. A refund that is due by card needs nobody. */
function amountToRefund({ method, status, amount, refunded, refundDue }: Payment): number {
  return status === "refund_due" && method === "desk" ? Number(refundDue) : Number(amount) - Number(refunded);
}

/** What the page shows instead of payments: the fees that members owe, or the refunds that banks have returned. */
const OWED = "owed" as const;
const FAILED_REFUNDS = "failed_refunds" as const;
type PaymentFilter = Status | typeof OWED | typeof FAILED_REFUNDS;

function readStatus(): PaymentFilter | null {
  const status = new URLSearchParams(location.search).get("status");
  const known: readonly PaymentFilter[] = [OWED, FAILED_REFUNDS, ...STATUSES];
  return known.find((one) => one === status) ?? null;
}

function Payments({ t }: Texts) {
  const [status, setStatus] = useState(readStatus());
  const { timeZone: zone = "UTC" } = useStore(studio) ?? {};
  const show = (value: string) => {
    history.replaceState(null, "", value ? `/staff/payments?status=${value}` : "/staff/payments");
    setStatus(readStatus());
  };
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint} />
      <div class="toolbar">
        <Select
          name="status"
          label={t.status}
          defaultValue={status ?? ""}
          onChange={show}
          options={[["", t.all], [OWED, t.owedFees], [FAILED_REFUNDS, t.failedRefunds], ...STATUSES.map((one) => [one, t.staff.payment[one] ?? one] as const)]}
        />
      </div>
      {status === OWED && <OwedFees t={t} zone={zone} />}
      {status === FAILED_REFUNDS && <FailedRefunds t={t} zone={zone} />}
      {status !== OWED && status !== FAILED_REFUNDS && <PaymentList t={t} status={status} zone={zone} />}
    </div>
  );
}

function PaymentList({ t, status, zone }: Texts & { status: Status | null; zone: string }) {
  const [asked, setAsked] = useState<{ payment: Payment; change: Change } | null>(null);
  const { paymentMethods = [] } = useStore(studio) ?? {};
  const takesCards = paymentMethods.includes("card");
  const list = useList<Payment>(status ?? "", (cursor) =>
    call(api.GET("/api/admin/payments", { params: { query: { ...(status ? { status } : {}), ...(cursor ? { cursor } : {}) } } })),
  );

  return (
    <>
      <DataTable
        caption={t.title}
        columns={columnsOf(t, zone, takesCards, (payment) => setAsked({ payment, change: "refund" }))}
        list={list}
        rowKey={({ id }) => id}
        failed={t.failed}
        empty={<Empty text={status === "refund_due" ? t.noneDue : t.none} />}
        actions={(payment) => <PaymentMenu t={t} payment={payment} onAsk={(change) => setAsked({ payment, change })} />}
      />
      {asked && <ChangeDialog key={asked.payment.id} t={t} {...asked} takesCards={takesCards} onClose={() => setAsked(null)} onChange={() => void list.reload()} />}
    </>
  );
}

function columnsOf(t: StaffPaymentsTexts, zone: string, takesCards: boolean, onRefund: (payment: Payment) => void): Array<Column<Payment>> {
  return [
    { key: "member", label: t.columns.member, isTitle: true, cell: ({ member }) => <a href={`/staff/members/${member.id}`}>{member.name}</a> },
    {
      key: "class",
      label: t.columns.class,
      cell: (payment) => (
        <>
          {payment.class.title}
          <small class="hint">{formatMomentIn(payment.class.startTime, zone)}</small>
        </>
      ),
    },
    { key: "date", label: t.columns.date, cell: ({ createdAt }) => formatMomentIn(createdAt, zone) },
    { key: "amount", label: t.columns.amount, isNumber: true, cell: (payment) => <PaymentAmounts payment={payment} /> },
    {
      key: "status",
      label: t.columns.status,
      cell: (payment) => (
        <span class="tags">
          <PaymentStatus status={payment.status} method={payment.method} />
          {payment.status === "refund_due" && amountToRefund(payment) === 0 && <small class="hint">{takesCards ? t.sentByItself : t.cardsOff}</small>}
          {payment.status === "refund_due" && amountToRefund(payment) > 0 && (
            <Button kind="soft" size="small" aria-label={t.refundOf(payment.member.name, payment.class.title)} onClick={() => onRefund(payment)}>
              {t.refund}
            </Button>
          )}
        </span>
      ),
    },
  ];
}

function PaymentMenu({ t, payment, onAsk }: Texts & { payment: Payment; onAsk: (change: Change) => void }) {
  const { status, member } = payment;
  return (
    <ActionMenu
      label={t.actionsOf(member.name, payment.class.title)}
      items={[
        ...(PAYABLE.includes(status) ? [{ text: t.markPaid, icon: Banknote, onClick: () => onAsk("markPaid") }, { text: t.payWithPass, icon: Ticket, onClick: () => onAsk("pass") }] : []),
        { text: t.roster, icon: ClipboardCheck, onClick: () => location.assign(`/staff/roster/${payment.class.scheduledClassId}`) },
        { text: t.passes, icon: Tickets, onClick: () => location.assign(`/staff/members/${member.id}#passes`) },
        ...(REFUNDABLE.includes(status) ? [{ text: t.refund, icon: Undo2, isDangerous: true, onClick: () => onAsk("refund") }] : []),
      ]}
    />
  );
}

interface ChangeProps extends Texts {
  payment: Payment;
  change: Change;
  takesCards: boolean;
  onClose: () => void;
  onChange: () => void;
}

/** Asks before a payment is recorded or refunded. */
function ChangeDialog({ t, payment, change, takesCards, onClose, onChange }: ChangeProps) {
  const { member, method, amount, currency, bookingId, status } = payment;
  const { title } = payment.class;
  if (change === "pass") {
    const { scheduledClassId } = payment.class;
    return <PayDialog t={t.till} member={member} bookingId={bookingId} scheduledClassId={scheduledClassId} price={amount} currency={currency} onClose={onClose} onChange={onChange} />;
  }
  const isRefund = change === "refund";
  const sum = formatPrice(isRefund ? amountToRefund(payment).toFixed(2) : amount, currency);
  const text = (!isRefund ? t.markPaidText : method === "desk" ? t.refundDesk : t.refundCard)(member.name, sum, title);
  return (
    <ConfirmDialog
      title={isRefund ? t.refundTitle : t.markPaidTitle}
      action={isRefund ? t.refund : t.markPaid}
      isDangerous={isRefund}
      isOpen
      onClose={onClose}
      onConfirm={async () => {
        await changeBooking(bookingId, change);
        onChange();
        say(isRefund ? t.isRefunded(member.name, sum) : t.isPaid(member.name));
      }}
    >
      <p>{text}</p>
      {isRefund && method === "card" && !takesCards && <p>{t.cardsOff}</p>}
      {/* Money is due because the spot is gone, or because it was paid twice. */}
      {isRefund && status !== "refund_due" && <p class="hint">{t.bookingStays}</p>}
    </ConfirmDialog>
  );
}

const catalog: Catalog<StaffPaymentsTexts> = { en: () => import("../../texts/staff-payments.en.ts"), es: () => import("../../texts/staff-payments.es.ts") };
await mountStaff({ catalog, section: "payments", Page: Payments });
