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

export function ProductFields({ t, product, classTypes }: Props) {
  const { name = "", description = "", price = "", credits, days, starts, perMember } = product ?? {};
  return (
    <>
      {product && <p class="hint">{t.soldKeep}</p>}
      <Field name="name" label={t.name} required autoComplete="off" maxLength={100} defaultValue={name} />
      <TextArea name="description" label={t.description} hint={t.descriptionHint} defaultValue={description} />
      <MoneyField name="price" label={t.price} required defaultValue={price} />
      <Field name="credits" type="number" label={t.credits} hint={t.creditsHint} min="1" step="1" defaultValue={credits ? String(credits) : ""} />
      <Field name="days" type="number" label={t.validDays} hint={t.validHint} required min="1" step="1" defaultValue={days ? String(days) : ""} />
      <Select name="starts" label={t.starts} defaultValue={starts} options={STARTS.map((one) => [one, t.startsOn[one]])} />
      <Field name="perMember" type="number" label={t.perMember} hint={t.perMemberHint} min="1" step="1" defaultValue={perMember ? String(perMember) : ""} />
      <GoodFor t={t} chosen={product?.classTypes ?? []} classTypes={classTypes} />
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

/** The values of the fields, as the API takes them. */
export function readProduct(t: StaffSalesTexts, values: FormValues) {
  const number = (name: string) => (values.optional(name) ? Number(values.text(name)) : null);
  const names = [...new FormData(values.form).keys()];
  const classTypeIds = names.filter((name) => name.startsWith("type ")).map((name) => name.slice("type ".length));
  if (values.text("goodFor") === "some" && classTypeIds.length === 0) throw new Failure(t.chooseType);
  return {
    name: values.text("name"),
    description: values.text("description"),
    price: values.text("price").replace(",", "."),
    credits: number("credits"),
    days: Number(values.text("days")),
    starts: values.text("starts") as Schema<"PassStart">,
    perMember: number("perMember"),
    classTypeIds,
  };
}
