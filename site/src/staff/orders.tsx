// The list of sales at the desk and online, their refunds, and cancellations.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CircleX, HandCoins, Undo2, UserRound } from "lucide";
import type { Schema } from "../api/client.ts";
import { Failure } from "../api/failure.ts";
import { Check, Field, type FormValues, Select } from "../components/form.tsx";
import { Button, Dialog, Skeleton } from "../components/ui.tsx";
import type { TillTexts } from "../texts/till.en.ts";
import { report, say } from "../tools/action.ts";
import { useLoad } from "../tools/load.ts";
import { useStore } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { formatMomentIn, formatPrice } from "../tools/time.ts";
import { useStaffTexts } from "./context.ts";
import { DialogForm, FormDialog, useCloseThis } from "./dialogs.tsx";
import { FailurePanel } from "./failure-panel.tsx";
import type { List } from "./lists.ts";
import { ActionMenu, Money, MoneyField, useToday } from "./parts.tsx";
import { cancelOrder, countUpcoming, describePass, isUncertain, loadPasses, noteOrders, type Order, type Pass, payOut, refund, suggestRefund } from "./shop.ts";
import { type Column, DataTable } from "./table.tsx";
import "./payments.css";

type Texts = { t: TillTexts };

interface Props extends Texts {
  caption: string;
  list: List<Order>;
  empty: ComponentChildren;
  /** Whether each order is of another member. */
  hasMembers?: boolean;
  /** What else is loaded again after a refund. */
  onChange?: () => void;
}

export function OrderTable({ t, caption, list, empty, hasMembers = false, onChange }: Props) {
  const [refunded, setRefunded] = useState<Order | null>(null);
  const [cancelled, setCancelled] = useState<Order | null>(null);
  const [paidOut, setPaidOut] = useState<Order | null>(null);
  const zone = useStore(studio)?.timeZone;
  useEffect(() => noteOrders(list.items ?? []), [list.items]);
  const change = (changed?: Order) => {
    if (changed) list.change((known) => known.map((one) => (one.id === changed.id ? changed : one)));
    else void list.reload().catch(report);
    onChange?.();
  };
  return (
    <>
      <DataTable
        caption={caption}
        columns={columnsOf(t, zone, hasMembers)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.ordersFailed}
        empty={empty}
        actions={(order) => <OrderMenu t={t} order={order} hasMembers={hasMembers} onRefund={() => setRefunded(order)} onCancel={() => setCancelled(order)} onPayOut={() => setPaidOut(order)} />}
      />
      {refunded && <RefundDialog key={refunded.id} t={t} order={refunded} onClose={() => setRefunded(null)} onChange={change} />}
      {cancelled && <CancelDialog t={t} order={cancelled} onClose={() => setCancelled(null)} onChange={change} />}
      {paidOut && <PayOutDialog t={t} order={paidOut} onClose={() => setPaidOut(null)} onChange={change} />}
    </>
  );
}

function whatOf({ lines }: Order): string {
  return lines.map(({ description }) => description).join(", ");
}

function columnsOf(t: TillTexts, zone: string | undefined, hasMembers: boolean): Array<Column<Order>> {
  return [
    ...(hasMembers ? [{ key: "member", label: t.orderColumns.member, isTitle: true, cell: ({ userId, memberName }: Order) => <a href={`/staff/members/${userId}`}>{memberName}</a> }] : []),
    { key: "what", label: t.orderColumns.what, isTitle: !hasMembers, cell: whatOf },
    { key: "date", label: t.orderColumns.date, cell: ({ createdAt }) => formatMomentIn(createdAt, zone) },
    { key: "amount", label: t.orderColumns.amount, isNumber: true, cell: (order) => <Amounts t={t} order={order} /> },
    { key: "tender", label: t.orderColumns.tender, cell: ({ tender }) => tender && t.tenders[tender] },
    { key: "soldBy", label: t.orderColumns.soldBy, cell: ({ soldBy, isByMember }) => (isByMember ? t.byMember : soldBy) },
  ];
}

/** What a promo code has taken off. */
function discountOfLines(lines: Order["lines"]): string {
  return lines.reduce((sum, { discount }) => sum + Number(discount), 0).toFixed(2);
}

function Amounts({ t, order }: Texts & { order: Order }) {
  const { total, refunded, currency, state, paymentStatus, promoCode, creditAmount, giftCardAmount, tender, lines, needsReview } = order;
  const staff = useStaffTexts();
  const isUnpaid = state !== "paid";
  return (
    <span class="amounts">
      <Money amount={total} currency={currency} />
      {isUnpaid && <span class={state === "open" ? "tag warn" : "tag"}>{t.orderStates[state]}</span>}
      {needsReview && (
        <>
          <span class="tag bad">{t.needsReview}</span>
          <small class="hint">{state === "open" ? t.needsReviewHint : t.wasCancelledHint}</small>
        </>
      )}
      {paymentStatus === "disputed" && <span class="tag bad">{t.disputed}</span>}
      {isDueAtDesk(order) && <span class="tag warn">{t.dueAtDesk(formatPrice(order.dueAtDesk, currency))}</span>}
      {promoCode && <small class="hint">{t.withPromoCode(promoCode, formatPrice(discountOfLines(lines), currency))}</small>}
      {tender !== "credit" && Number(creditAmount) > 0 && <small class="hint">{t.creditPart(formatPrice(creditAmount, currency))}</small>}
      {tender !== "gift" && Number(giftCardAmount) > 0 && <small class="hint">{t.giftCardPart(formatPrice(giftCardAmount, currency))}</small>}
      {Number(refunded) > 0 && <small class="hint">{staff.refunded(formatPrice(refunded, currency))}</small>}
    </span>
  );
}

/** Whether staff have to pay out a refund of a course at the desk. */
function isDueAtDesk({ dueAtDesk }: Order): boolean {
  return Number(dueAtDesk) > 0;
}

interface MenuProps extends Texts {
  order: Order;
  hasMembers: boolean;
  onRefund: () => void;
  onCancel: () => void;
  onPayOut: () => void;
}

/** Whether something of the money is left to refund. */
function hasMoneyLeft({ state, paymentStatus, total, refunded, creditAmount, giftCardAmount }: Order): boolean {
  // What a wallet has paid is not disputed.
  const isDisputed = paymentStatus === "disputed" && Number(creditAmount) + Number(giftCardAmount) === 0;
  return state === "paid" && !isDisputed && Number(total) > Number(refunded);
}

/** The lines with a course whose spots staff can release. */
function releasableLines({ state, lines }: Order): Order["lines"] {
  return state === "paid" ? lines.filter(({ course }) => course && course.classesLeft + course.givenUpLeft > 0) : [];
}

function OrderMenu({ t, order, hasMembers, onRefund, onCancel, onPayOut }: MenuProps) {
  const isRefundable = hasMoneyLeft(order) || releasableLines(order).length > 0;
  const items = [
    ...(hasMembers ? [{ text: t.openMember, icon: UserRound, onClick: () => location.assign(`/staff/members/${order.userId}`) }] : []),
    ...(isDueAtDesk(order) ? [{ text: t.payOut, icon: HandCoins, onClick: onPayOut }] : []),
    ...(isRefundable ? [{ text: hasMoneyLeft(order) ? t.refund : t.release, icon: Undo2, isDangerous: true, onClick: onRefund }] : []),
    ...(order.state === "open" ? [{ text: t.cancelOrder, icon: CircleX, isDangerous: true, onClick: onCancel }] : []),
  ];
  return items.length > 0 ? <ActionMenu label={t.actionsOfOrder(order.memberName, whatOf(order))} items={items} /> : null;
}

/** Asks before an order that nobody will pay is cancelled. */
function CancelDialog({ t, order, onClose, onChange }: RefundProps) {
  const { memberName, total, currency, creditAmount, giftCardAmount, needsReview } = order;
  const closeThis = useCloseThis(onClose);
  const send = async (values: FormValues) => {
    const cancelled = await cancelOrder(t, order, values.optional("reason")).catch((failure: unknown) => {
      // The list shows what has become of the order.
      if (isUncertain(failure) || (failure instanceof Failure && failure.code === "not_cancellable")) {
        closeThis();
        onChange();
      }
      throw failure;
    });
    onChange(cancelled);
    say(t.orderIsCancelled(memberName));
  };
  return (
    <FormDialog title={t.cancelOrderTitle(memberName)} isOpen onClose={onClose} action={t.cancelOrder} isDangerous onSend={send}>
      <p>
        {t.saleAndPrice(whatOf(order), formatPrice(total, currency))} {needsReview ? t.refundAtStripeFirst : t.isNotPaid} {Number(creditAmount) > 0 && t.creditIsReleased(formatPrice(creditAmount, currency))} {Number(giftCardAmount) > 0 && t.giftCardIsReleased(formatPrice(giftCardAmount, currency))}
      </p>
      <Field name="reason" label={t.refundReason} hint={t.cancelOrderReasonHint} autoComplete="off" maxLength={500} />
    </FormDialog>
  );
}

/** Records that the refund at the desk was paid out. */
function PayOutDialog({ t, order, onClose, onChange }: RefundProps) {
  const { memberName, dueAtDesk, currency } = order;
  const closeThis = useCloseThis(onClose);
  const send = async (values: FormValues) => {
    const changed = await payOut(t, order, values.text("method") === "credit").catch((failure: unknown) => {
      if (isUncertain(failure)) {
        closeThis();
        onChange();
      }
      throw failure;
    });
    onChange(changed);
    say(t.isPaidOut(memberName));
  };
  return (
    <FormDialog title={t.payOutTitle(memberName)} isOpen onClose={onClose} action={t.payOut} onSend={send}>
      <p>{t.payOutText(formatPrice(dueAtDesk, currency))}</p>
      <Select name="method" label={t.method} options={[["paid", t.payOutMethods.paid], ["credit", t.payOutMethods.credit]]} />
    </FormDialog>
  );
}

interface RefundProps extends Texts {
  order: Order;
  onClose: () => void;
  /** Without an order, it is not known what is recorded. */
  onChange: (order?: Order) => void;
}

/** Gives money back, or only releases the spots of courses. The suggested amount is what is left of the passes, and of the courses whose spots are released. */
function RefundDialog({ t, order, onClose, onChange }: RefundProps) {
  const staff = useStaffTexts();
  const load = async () => {
    const [passes, upcoming] = await Promise.all([loadPasses(order.userId), countUpcoming(order.userId)]);
    const sold = order.lines.flatMap(({ passId }) => passes.find(({ id }) => id === passId) ?? []);
    return { passes: sold, upcoming };
  };
  const { loaded, failure, reload } = useLoad(load, order.id);
  return (
    <Dialog title={(hasMoneyLeft(order) ? t.refundTitle : t.releaseTitle)(order.memberName)} isOpen onClose={onClose}>
      {loaded ? (
        <RefundForm t={t} order={order} {...loaded} onClose={onClose} onChange={onChange} />
      ) : (
        <>
          {failure ? <FailurePanel text={t.passesFailed} failure={failure} onRetry={reload} /> : <Skeleton count={5} height="3.5rem" />}
          <p class="actions">
            <Button kind="quiet" autofocus onClick={onClose}>
              {staff.close}
            </Button>
          </p>
        </>
      )}
    </Dialog>
  );
}

interface FormProps extends RefundProps {
  /** The passes of the order. */
  passes: Pass[];
  /** How many upcoming bookings each pass pays for. */
  upcoming: ReadonlyMap<string, number>;
}

function RefundForm({ t, order, passes, upcoming, onClose, onChange }: FormProps) {
  const { memberName, total, refunded, currency, tender, creditAmount, giftCardAmount, soldGiftCardBalance } = order;
  const others = [...(tender !== "gift" && Number(giftCardAmount) > 0 ? ["gift"] : []), ...(tender !== "credit" && Number(creditAmount) > 0 ? ["credit"] : [])];
  const hasTwoTenders = others.length > 0;
  const tenders = [...(tender ? [tender] : []), ...others].map((one) => t.tenders[one] ?? one).join(" + ");
  const today = useToday();
  const closeThis = useCloseThis(onClose);
  const live = passes.filter(({ isRevoked }) => !isRevoked);
  // A class that is booked with a revoked pass is unpaid, so that it counts as left.
  const suggest = (revokedIds: readonly string[], releasedIds: readonly string[]) => suggestRefund(order, passes, new Map([...upcoming].filter(([passId]) => revokedIds.includes(passId))), releasedIds, today);
  // The upcoming spots of a course are released, unless staff keep them.
  const courses = releasableLines(order);
  const hasAmount = hasMoneyLeft(order);
  const [released, setReleased] = useState(() => courses.map(({ id }) => id));
  // All that is left is suggested, so that nothing stays good, unless there is nothing left.
  const [revoked, setRevoked] = useState(() => {
    const all = live.map((pass) => pass.id);
    return Number(suggest(all, [])) > 0 ? all : [];
  });
  const [suggested, setSuggested] = useState(() => suggest(revoked, released));
  const isTyped = useRef(false);
  const isNothing = Number(suggested) === 0;
  const toggled = (ids: readonly string[], id: string) => (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]);
  const change = (revokedIds: string[], releasedIds: string[]) => {
    setRevoked(revokedIds);
    setReleased(releasedIds);
    if (!isTyped.current) setSuggested(suggest(revokedIds, releasedIds));
  };

  const send = async (values: FormValues) => {
    const amount = values.optional("amount")?.replace(",", ".");
    const reason = values.optional("reason");
    const changed = await refund(t, order, {
      ...(amount ? { amount } : {}),
      ...(hasAmount ? { method: values.text("method") as Schema<"RefundMethod"> } : {}),
      revokePassIds: revoked,
      releaseLineIds: released,
      ...(reason ? { reason } : {}),
    }).catch((failure: unknown) => {
      if (isUncertain(failure)) {
        closeThis();
        onChange();
      }
      throw failure;
    });
    onChange(changed);
    say(amount ? t.isRefunded(memberName, formatPrice(amount, currency)) : t.areReleased(memberName));
  };
  return (
    <DialogForm onClose={onClose} action={hasAmount ? t.refund : t.release} isDangerous onSend={send}>
      <p>
        {t.refundText(whatOf(order), formatPrice(total, currency))} {Number(refunded) > 0 && t.refundedSoFar(formatPrice(refunded, currency))} {live.map((pass) => t.stillGood(pass.name, describePass(t, pass))).join(" ")} {soldGiftCardBalance !== null && t.balanceLeft(formatPrice(soldGiftCardBalance, currency))}
      </p>
      {hasAmount && (
        <MoneyField
          key={suggested}
          name="amount"
          label={t.amount}
          hint={[soldGiftCardBalance !== null ? t.fairGiftCard : isNothing ? t.nothingLeft : t.fair, released.length > 0 && t.noAmount].filter(Boolean).join(" ")}
          required={released.length === 0}
          defaultValue={isNothing ? "" : suggested}
          onInput={() => {
            isTyped.current = true;
          }}
        />
      )}
      {live.length > 0 && (
        <div class="revocations">
          {live.map((pass) => (
            <Check key={pass.id} checked={revoked.includes(pass.id)} onChange={() => change(toggled(revoked, pass.id), released)} label={[t.revokePass(pass.name), upcoming.get(pass.id) ? `– ${t.upcoming(upcoming.get(pass.id) ?? 0)}` : ""].filter(Boolean).join(" ")} />
          ))}
          <span class="hint">{t.staysGood}</span>
        </div>
      )}
      {courses.map(({ id, description, course }) => (
        <Check key={id} checked={released.includes(id)} onChange={() => change(revoked, toggled(released, id))} label={t.releaseSpots(description, course?.classesLeft ?? 0, course?.givenUpLeft ?? 0)} />
      ))}
      {hasAmount && (
        <>
          <Select
            name="method"
            label={t.method}
            options={[["original", t.methods.original(tenders)], ["cash", t.methods.cash], ["transfer", t.methods.transfer], ["credit", t.methods.credit]]}
          />
          <p class="hint">{tender === "card" ? t.giveBackToCard : tender === "gift" ? t.giveBackToGiftCard : tender === "credit" ? t.giveBackToCredit : t.giveBack} {hasTwoTenders && t.giveBackInOrder}</p>
        </>
      )}
      <Field name="reason" label={t.refundReason} autoComplete="off" maxLength={500} />
    </DialogForm>
  );
}
