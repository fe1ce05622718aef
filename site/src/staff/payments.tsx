// The status and the amounts of a payment.

import type { Schema } from "../api/client.ts";
import { formatPrice } from "../tools/time.ts";
import { useStaffTexts } from "./context.ts";
import { Money } from "./parts.tsx";
import "./payments.css";

type Payment = Schema<"ListedPayment">;
type Status = Schema<"PaymentStatus">;

const TAGS: Partial<Record<Status, string>> = { paid: "good", pending: "warn", failed: "warn", refund_due: "bad", disputed: "bad" };

export function PaymentStatus({ status, method }: { status: Status; method?: Payment["method"] | undefined }) {
  const t = useStaffTexts();
  return (
    <span class="tags">
      <span class={`tag ${TAGS[status] ?? ""}`}>{t.payment[status] ?? status}</span>
      {method && <small class="hint">{t.methods[method] ?? method}</small>}
    </span>
  );
}

/** What was paid, and what of it is refunded or due. */
export function PaymentAmounts({ payment: { amount, currency, refunded, refundDue } }: { payment: Payment }) {
  const t = useStaffTexts();
  const isDue = Number(refundDue) > 0;
  return (
    <span class="amounts">
      <Money amount={amount} currency={currency} />
      {isDue && <small class="due">{t.refundDue(formatPrice(refundDue, currency))}</small>}
      {!isDue && Number(refunded) > 0 && <small class="hint">{t.refunded(formatPrice(refunded, currency))}</small>}
    </span>
  );
}
