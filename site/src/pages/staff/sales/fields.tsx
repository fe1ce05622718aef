// The fields of a product.

import { useState } from "preact/hooks";
import type { Schema } from "../../../api/client.ts";
import { Failure } from "../../../api/failure.ts";
import { Check, Field, type FormValues, Select, TextArea } from "../../../components/form.tsx";
import { MoneyField, readTaxRate, TaxRateField } from "../../../staff/parts.tsx";
import type { Product } from "../../../staff/shop.ts";
import type { StaffSalesTexts } from "../../../texts/staff-sales.en.ts";
import "../sales.css";

type ClassTypes = ReadonlyArray<Schema<"NamedClassType">>;

const KINDS = ["pass", "membership", "course", "gift_card"] as const;
const STARTS = ["purchase", "first_class"] as const;
const PERIODS = ["week", "month", "year"] as const;

type Kind = Schema<"ProductKind">;

interface Props {
  t: StaffSalesTexts;
  product: Product | null;
  /** The class types that classes are planned with. */
  classTypes: ClassTypes;
}

export function ProductFields({ t, product, classTypes }: Props) {
  const [kind, setKind] = useState<Kind>(product?.kind ?? "pass");
  const { name = "", description = "", price = "", taxRate, credits, perMember } = product ?? {};
  const isMembership = kind === "membership";
  const isGiftCard = kind === "gift_card";
  const isCourse = kind === "course";
  const hasClasses = kind === "pass" || isMembership;
  return (
    <>
      {product && hasClasses && <p class="hint">{isMembership ? t.begunMembershipsKeep : t.soldKeep}</p>}
      {!product && <Select name="kind" label={t.kind} onChange={(chosen) => setKind(chosen as Kind)} options={KINDS.map((one) => [one, t.kinds[one]])} />}
      <Field name="name" label={t.name} required autoComplete="off" maxLength={100} defaultValue={name} />
      <TextArea name="description" label={t.description} hint={t.descriptionHint} defaultValue={description} />
      <MoneyField name="price" label={t.price} {...(isGiftCard ? { hint: t.giftCardHint } : isCourse ? { hint: t.courseHint } : {})} required defaultValue={price} />
      {!isGiftCard && <TaxRateField rate={taxRate} />}
      {isMembership && !product && <Select name="every" label={t.every} defaultValue="month" options={PERIODS.map((one) => [one, t.periods[one]])} />}
      {isCourse && <Check name="dropIn" label={t.dropIn} checked={product?.dropIn ?? false} />}
      {hasClasses && (
        <Field name="credits" type="number" label={isMembership ? t.creditsOfPeriod : t.credits} hint={t.creditsHint} min="1" step="1" defaultValue={credits ? String(credits) : ""} />
      )}
      {kind === "pass" && <PassFields t={t} product={product} />}
      {!isMembership && <Field name="perMember" type="number" label={t.perMember} hint={t.perMemberHint} min="1" step="1" defaultValue={perMember ? String(perMember) : ""} />}
      {hasClasses && <GoodFor t={t} chosen={product?.classTypes ?? []} classTypes={classTypes} />}
    </>
  );
}

/** How long a pass is good. */
function PassFields({ t, product }: Omit<Props, "classTypes">) {
  const { days, starts } = product ?? {};
  return (
    <>
      <Field name="days" type="number" label={t.validDays} hint={t.validHint} required min="1" step="1" defaultValue={days ? String(days) : ""} />
      <Select name="starts" label={t.starts} defaultValue={starts ?? undefined} options={STARTS.map((one) => [one, t.startsOn[one]])} />
    </>
  );
}

/** All class types, or those that are chosen. A retired one that is chosen stays in the list. */
function GoodFor({ t, chosen, classTypes }: { t: StaffSalesTexts; chosen: ClassTypes; classTypes: ClassTypes }) {
  const [isLimited, setLimited] = useState(chosen.length > 0);
  const known = [...classTypes, ...chosen.filter(({ id }) => !classTypes.some((one) => one.id === id))];
  const types = known.sort((one, other) => one.name.localeCompare(other.name));
  return (
    <>
      <Select name="goodFor" label={t.goodFor} defaultValue={isLimited ? "some" : "all"} onChange={(value) => setLimited(value === "some")} options={[["all", t.allTypes], ["some", t.onlyThese]]} />
      {isLimited && (
        <div class="class-types" role="group" aria-label={t.onlyThese}>
          {types.map(({ id, name }) => (
            <Check key={id} name={`type ${id}`} label={name} checked={chosen.some((one) => one.id === id)} />
          ))}
        </div>
      )}
    </>
  );
}

/** A new product, as the API takes it. */
export function readNewProduct(t: StaffSalesTexts, values: FormValues): Schema<"CreateProduct"> {
  const kind = values.text("kind") as Kind;
  const every = kind === "membership" ? { every: values.text("every") as Schema<"BillingPeriod"> } : {};
  return { kind, ...readProduct(t, { kind }, values), ...every };
}

/** The changed values of a product, as the API takes them. */
export function readProduct(t: StaffSalesTexts, { kind }: Pick<Product, "kind">, values: FormValues) {
  const common = { name: values.text("name"), description: values.text("description"), price: values.text("price").replace(",", ".") };
  const perMember = readNumber(values, "perMember");
  switch (kind) {
    case "pass":
      return { ...common, taxRate: readTaxRate(values), ...readClasses(t, values), days: Number(values.text("days")), starts: values.text("starts") as Schema<"PassStart">, perMember };
    case "membership":
      return { ...common, taxRate: readTaxRate(values), ...readClasses(t, values) };
    case "course":
      return { ...common, taxRate: readTaxRate(values), perMember, dropIn: values.checked("dropIn") };
    case "gift_card":
      return { ...common, perMember };
  }
}

function readNumber(values: FormValues, name: string): number | null {
  return values.optional(name) ? Number(values.text(name)) : null;
}

/** The number of classes, and what they can be. */
function readClasses(t: StaffSalesTexts, values: FormValues) {
  const names = [...new FormData(values.form).keys()];
  const classTypeIds = names.filter((name) => name.startsWith("type ")).map((name) => name.slice("type ".length));
  if (values.text("goodFor") === "some" && classTypeIds.length === 0) throw new Failure(t.chooseType);
  return {
    credits: readNumber(values, "credits"),
    classTypeIds,
  };
}
