// The promo codes, and the fields of one.

import { useState } from "preact/hooks";
import { api, call } from "../../../api/client.ts";
import { Field, type FormValues, Select } from "../../../components/form.tsx";
import { longDay } from "../../../staff/dates.ts";
import { Money, MoneyField } from "../../../staff/parts.tsx";
import type { PromoCode } from "../../../staff/shop.ts";
import { StudioList } from "../../../staff/studio-list.tsx";
import type { Column } from "../../../staff/table.tsx";
import type { StaffSalesTexts } from "../../../texts/staff-sales.en.ts";

type Texts = { t: StaffSalesTexts };
/** A promo code as an entry of the list, whose name is the code. */
type Entry = PromoCode & { name: string };

const named = (code: PromoCode): Entry => ({ ...code, name: code.code });

export function PromoCodes({ t, views }: Texts & { views: preact.JSX.Element }) {
  const change = async (body: Parameters<typeof patch>[0]) => named(await patch(body));
  return (
    <StudioList<Entry>
      t={t.promo.list}
      texts={t.promo}
      views={views}
      columns={columnsOf(t)}
      fields={(code) => <PromoCodeFields t={t} code={code} />}
      load={async (query) => {
        const page = await call(api.GET("/api/admin/promo-codes", { params: { query } }));
        return { ...page, items: page.items.map(named) };
      }}
      create={async (values) => named(await call(api.POST("/api/admin/promo-codes", { body: readPromoCode(values) })))}
      update={({ id }, values) => change({ id, ...readPromoCode(values) })}
      retire={async (id) => {
        await change({ id, isActive: false });
        return { success: true, activePatterns: 0, comingClasses: 0 };
      }}
      reactivate={(id) => change({ id, isActive: true })}
    />
  );
}

function patch(body: { id: string; isActive?: boolean } & Partial<ReturnType<typeof readPromoCode>>) {
  return call(api.PATCH("/api/admin/promo-codes", { body }));
}

function columnsOf({ promo }: StaffSalesTexts): Array<Column<Entry>> {
  return [
    { key: "code", label: promo.columns.code, isTitle: true, cell: ({ code }) => code },
    { key: "discount", label: promo.columns.discount, isNumber: true, cell: ({ percent, amount, currency }) => (percent === null ? <Money amount={amount ?? "0"} currency={currency} /> : promo.percent(percent)) },
    { key: "appliesTo", label: promo.appliesTo, cell: ({ appliesTo }) => promo.kindsOf[appliesTo.length > 1 ? "both" : appliesTo.includes("course") ? "course" : "pass"] },
    { key: "days", label: promo.columns.days, cell: (code) => describeDays(promo, code) },
    { key: "uses", label: promo.columns.uses, isNumber: true, cell: ({ uses, maxUses }) => promo.uses(uses, maxUses) },
  ];
}

function describeDays(t: StaffSalesTexts["promo"], { firstDay, lastDay }: PromoCode): string {
  if (firstDay && lastDay) return t.fromTo(longDay(firstDay), longDay(lastDay));
  if (firstDay) return t.from(longDay(firstDay));
  return lastDay ? t.until(longDay(lastDay)) : t.always;
}

function PromoCodeFields({ t: { promo: t }, code }: Texts & { code: PromoCode | null }) {
  const { code: text = "", percent, amount, firstDay, lastDay, maxUses, perMember } = code ?? {};
  const [kind, setKind] = useState(amount ? "amount" : "percent");
  return (
    <>
      {code && <p class="hint">{t.soldKeep}</p>}
      <Field name="code" label={t.code} hint={t.codeHint} required autoComplete="off" spellcheck={false} maxLength={30} defaultValue={text} />
      <Select name="kind" label={t.kind} defaultValue={kind} onChange={setKind} options={[["percent", t.kinds.percent], ["amount", t.kinds.amount]]} />
      {kind === "percent" ? (
        <Field key="percent" name="percent" type="number" label={t.percentField} required min="1" max="100" step="1" defaultValue={percent ? String(percent) : ""} />
      ) : (
        <MoneyField key="amount" name="amount" label={t.amount} hint={t.amountHint} required defaultValue={amount ?? ""} />
      )}
      <Select name="appliesTo" label={t.appliesTo} defaultValue={code?.appliesTo.join(" ")} options={[["pass", t.kindsOf.pass], ["course", t.kindsOf.course], ["pass course", t.kindsOf.both]]} />
      <Field name="firstDay" type="date" label={t.firstDay} hint={t.dayHint} defaultValue={firstDay ?? ""} />
      <Field name="lastDay" type="date" label={t.lastDay} hint={t.dayHint} defaultValue={lastDay ?? ""} />
      <Field name="maxUses" type="number" label={t.maxUses} hint={t.maxUsesHint} min="1" step="1" defaultValue={maxUses ? String(maxUses) : ""} />
      <Field name="perMember" type="number" label={t.perMember} hint={t.perMemberHint} min="1" step="1" defaultValue={perMember ? String(perMember) : ""} />
    </>
  );
}

/** The values of the fields, as the API takes them. */
function readPromoCode(values: FormValues) {
  const number = (name: string) => (values.optional(name) ? Number(values.text(name)) : null);
  const reduction = values.text("kind") === "amount" ? { amount: values.text("amount").replace(",", ".") } : { percent: Number(values.text("percent")) };
  return {
    code: values.text("code"),
    appliesTo: values.text("appliesTo").split(" ") as Array<"pass" | "course">,
    ...reduction,
    firstDay: values.optional("firstDay") ?? null,
    lastDay: values.optional("lastDay") ?? null,
    maxUses: number("maxUses"),
    perMember: number("perMember"),
  };
}
