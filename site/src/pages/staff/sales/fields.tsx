// The fields of a product.

import { useState } from "preact/hooks";
import type { Schema } from "../../../api/client.ts";
import { Failure } from "../../../api/failure.ts";
import { Check, Field, type FormValues, Select, TextArea } from "../../../components/form.tsx";
import { MoneyField } from "../../../staff/parts.tsx";
import type { Product } from "../../../staff/shop.ts";
import type { StaffSalesTexts } from "../../../texts/staff-sales.en.ts";
import "../sales.css";

type ClassTypes = ReadonlyArray<Schema<"NamedClassType">>;

const STARTS = ["purchase", "first_class"] as const;

interface Props {
  t: StaffSalesTexts;
  product: Product | null;
  /** The class types that classes are planned with. */
  classTypes: ClassTypes;
}

const KINDS = ["pass", "gift_card"] as const;

export function ProductFields({ t, product, classTypes }: Props) {
  const [kind, setKind] = useState<Schema<"ProductKind">>(product?.kind ?? "pass");
  const { name = "", description = "", price = "", perMember } = product ?? {};
  return (
    <>
      {product && kind === "pass" && <p class="hint">{t.soldKeep}</p>}
      {!product && <Select name="kind" label={t.kind} onChange={(chosen) => setKind(chosen as Schema<"ProductKind">)} options={KINDS.map((one) => [one, t.kinds[one]])} />}
      <Field name="name" label={t.name} required autoComplete="off" maxLength={100} defaultValue={name} />
      <TextArea name="description" label={t.description} hint={t.descriptionHint} defaultValue={description} />
      <MoneyField name="price" label={t.price} {...(kind === "gift_card" ? { hint: t.giftCardHint } : {})} required defaultValue={price} />
      {kind === "pass" && <PassFields t={t} product={product} />}
      <Field name="perMember" type="number" label={t.perMember} hint={t.perMemberHint} min="1" step="1" defaultValue={perMember ? String(perMember) : ""} />
      {kind === "pass" && <GoodFor t={t} chosen={product?.classTypes ?? []} classTypes={classTypes} />}
    </>
  );
}

/** The fields that only a pass has. */
function PassFields({ t, product }: Omit<Props, "classTypes">) {
  const { credits, days, starts } = product ?? {};
  return (
    <>
      <Field name="credits" type="number" label={t.credits} hint={t.creditsHint} min="1" step="1" defaultValue={credits ? String(credits) : ""} />
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

/** The values of the fields that every product has. */
function readCommon(values: FormValues) {
  return {
    name: values.text("name"),
    description: values.text("description"),
    price: values.text("price").replace(",", "."),
    perMember: values.optional("perMember") ? Number(values.text("perMember")) : null,
  };
}

/** A new product, as the API takes it. */
export function readNewProduct(t: StaffSalesTexts, values: FormValues): Schema<"CreateProduct"> {
  return values.text("kind") === "gift_card" ? { kind: "gift_card", ...readCommon(values) } : { ...readCommon(values), ...readPass(t, values) };
}

/** The changed values of a product, as the API takes them. */
export function readProduct(t: StaffSalesTexts, { kind }: Product, values: FormValues) {
  return kind === "gift_card" ? readCommon(values) : { ...readCommon(values), ...readPass(t, values) };
}

/** The values of the fields that only a pass has. */
function readPass(t: StaffSalesTexts, values: FormValues) {
  const number = (name: string) => (values.optional(name) ? Number(values.text(name)) : null);
  const names = [...new FormData(values.form).keys()];
  const classTypeIds = names.filter((name) => name.startsWith("type ")).map((name) => name.slice("type ".length));
  if (values.text("goodFor") === "some" && classTypeIds.length === 0) throw new Failure(t.chooseType);
  return {
    credits: number("credits"),
    days: Number(values.text("days")),
    starts: values.text("starts") as Schema<"PassStart">,
    classTypeIds,
  };
}
