// The fields of a class type.

import type { Schema } from "../../../api/client.ts";
import { Field, type FormValues, Select, TextArea } from "../../../components/form.tsx";
import { MoneyField, readTaxRate, TaxRateField } from "../../../staff/parts.tsx";
import type { StaffClassesTexts } from "../../../texts/staff-classes.en.ts";
import { splitList } from "../../../tools/text.ts";

type ClassType = Schema<"StaffClassType">;

const LEVELS: ReadonlyArray<Schema<"ClassLevel">> = ["beginner", "intermediate", "advanced", "all-levels"];

export function ClassTypeFields({ t, classType }: { t: StaffClassesTexts; classType: ClassType | null }) {
  const { name = "", description = "", level, styles = [], durationMinutes = 60, maxParticipants = 20, price = "", taxRate, imageUrl } = classType ?? {};
  return (
    <>
      <Field name="name" label={t.name} required autoComplete="off" defaultValue={name} />
      <TextArea name="description" label={t.description} hint={t.descriptionHint} defaultValue={description} />
      <Select name="level" label={t.level} defaultValue={level} options={LEVELS.map((one) => [one, t.staff.levels[one] ?? one])} />
      <Field name="styles" label={t.styles} hint={t.stylesHint} autoComplete="off" defaultValue={styles.join(", ")} />
      <Field name="durationMinutes" type="number" label={t.duration} required min="1" step="5" defaultValue={String(durationMinutes)} />
      <Field name="maxParticipants" type="number" label={t.spots} required min="1" defaultValue={String(maxParticipants)} />
      <MoneyField name="price" label={t.price} required defaultValue={price} />
      <TaxRateField rate={taxRate} />
      <Field name="imageUrl" label={t.image} hint={t.imageHint} autoComplete="off" autoCapitalize="none" spellcheck={false} defaultValue={imageUrl ?? ""} />
    </>
  );
}

/** The values of the fields, as the API takes them. */
export function readClassType(values: FormValues) {
  return {
    name: values.text("name"),
    description: values.text("description"),
    level: values.text("level") as Schema<"ClassLevel">,
    styles: splitList(values.text("styles")),
    durationMinutes: Number(values.text("durationMinutes")),
    maxParticipants: Number(values.text("maxParticipants")),
    price: values.text("price").replace(",", "."),
    taxRate: readTaxRate(values),
    imageUrl: values.optional("imageUrl") ?? null,
  };
}
