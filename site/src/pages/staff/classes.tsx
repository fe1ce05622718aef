// The class types of the studio.

import { api, call, type Schema } from "../../api/client.ts";
import { Field, type FormValues, Select, TextArea } from "../../components/form.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { Money, MoneyField } from "../../staff/parts.tsx";
import { StudioList } from "../../staff/studio-list.tsx";
import type { Column } from "../../staff/table.tsx";
import english, { type StaffClassesTexts } from "../../texts/staff-classes.en.ts";
import type { Catalog } from "../../tools/language.ts";
import { splitList } from "../../tools/text.ts";

type ClassType = Schema<"StaffClassType">;
type Texts = { t: StaffClassesTexts };

const LEVELS: ReadonlyArray<Schema<"ClassLevel">> = ["beginner", "intermediate", "advanced", "all-levels"];

function ClassTypes({ t }: Texts) {
  return (
    <StudioList<ClassType>
      t={t.list}
      texts={t}
      columns={columnsOf(t)}
      fields={(classType) => <ClassTypeFields t={t} classType={classType} />}
      load={(query) => call(api.GET("/api/admin/classes", { params: { query } }))}
      create={(values) => call(api.POST("/api/admin/classes", { body: readFields(values) }))}
      update={({ id }, values) => call(api.PATCH("/api/admin/classes", { body: { id, ...readFields(values) } }))}
      retire={(id) => call(api.DELETE("/api/admin/classes", { params: { query: { id } } }))}
      reactivate={(id) => call(api.PATCH("/api/admin/classes", { body: { id, isActive: true } }))}
    />
  );
}

function columnsOf(t: StaffClassesTexts): Array<Column<ClassType>> {
  return [
    { key: "name", label: t.columns.name, isTitle: true, cell: ({ id, name, isActive }) => (isActive ? <a href={`/classes/${id}`}>{name}</a> : name) },
    { key: "level", label: t.columns.level, cell: ({ level }) => t.staff.levels[level] ?? level },
    { key: "duration", label: t.columns.duration, isNumber: true, cell: ({ durationMinutes }) => t.minutes(durationMinutes) },
    { key: "spots", label: t.columns.spots, isNumber: true, cell: ({ maxParticipants }) => maxParticipants },
    { key: "price", label: t.columns.price, isNumber: true, cell: ({ price, currency }) => <Money amount={price} currency={currency} /> },
  ];
}

function ClassTypeFields({ t, classType }: Texts & { classType: ClassType | null }) {
  const { name = "", description = "", level, styles = [], durationMinutes = 60, maxParticipants = 20, price = "", imageUrl } = classType ?? {};
  return (
    <>
      <Field name="name" label={t.name} required autoComplete="off" defaultValue={name} />
      <TextArea name="description" label={t.description} hint={t.descriptionHint} defaultValue={description} />
      <Select name="level" label={t.level} defaultValue={level} options={LEVELS.map((one) => [one, t.staff.levels[one] ?? one])} />
      <Field name="styles" label={t.styles} hint={t.stylesHint} autoComplete="off" defaultValue={styles.join(", ")} />
      <Field name="durationMinutes" type="number" label={t.duration} required min="1" step="5" defaultValue={String(durationMinutes)} />
      <Field name="maxParticipants" type="number" label={t.spots} required min="1" defaultValue={String(maxParticipants)} />
      <MoneyField name="price" label={t.price} required defaultValue={price} />
      <Field name="imageUrl" label={t.image} hint={t.imageHint} autoComplete="off" autoCapitalize="none" spellcheck={false} defaultValue={imageUrl ?? ""} />
    </>
  );
}

function readFields(values: FormValues) {
  return {
    name: values.text("name"),
    description: values.text("description"),
    level: values.text("level") as Schema<"ClassLevel">,
    styles: splitList(values.text("styles")),
    durationMinutes: Number(values.text("durationMinutes")),
    maxParticipants: Number(values.text("maxParticipants")),
    price: values.text("price").replace(",", "."),
    imageUrl: values.optional("imageUrl") ?? null,
  };
}

const catalog: Catalog<StaffClassesTexts> = { en: english, es: () => import("../../texts/staff-classes.es.ts") };
await mountStaff({ catalog, section: "classes", Page: ClassTypes });
