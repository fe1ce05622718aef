// The instructors of the studio.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Field, type FormValues, TextArea } from "../../components/form.tsx";
import { MemberPicker } from "../../staff/member-picker.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { MoneyField } from "../../staff/parts.tsx";
import { StudioList } from "../../staff/studio-list.tsx";
import type { Column } from "../../staff/table.tsx";
import type { StaffInstructorsTexts } from "../../texts/staff-instructors.en.ts";
import type { Catalog } from "../../tools/language.ts";
import { splitList } from "../../tools/text.ts";

type Instructor = Schema<"StaffInstructor">;
type Texts = { t: StaffInstructorsTexts };

function Instructors({ t }: Texts) {
  return (
    <StudioList<Instructor>
      t={t.list}
      texts={t}
      columns={columnsOf(t)}
      fields={(instructor) => <InstructorFields t={t} instructor={instructor} />}
      load={(query) => call(api.GET("/api/admin/instructors", { params: { query } }))}
      create={(values) => call(api.POST("/api/admin/instructors", { body: readFields(values) }))}
      update={({ id }, values) => call(api.PATCH("/api/admin/instructors", { body: { id, ...readFields(values) } }))}
      retire={(id) => call(api.DELETE("/api/admin/instructors", { params: { query: { id } } }))}
      reactivate={(id) => call(api.PATCH("/api/admin/instructors", { body: { id, isActive: true } }))}
    />
  );
}

function columnsOf(t: StaffInstructorsTexts): Array<Column<Instructor>> {
  return [
    { key: "name", label: t.columns.name, isTitle: true, cell: ({ id, name, isActive }) => (isActive ? <a href={`/instructors/${id}`}>{name}</a> : name) },
    { key: "styles", label: t.columns.styles, cell: ({ specialties }) => specialties.join(", ") },
    {
      key: "account",
      label: t.columns.account,
      cell: ({ userId }) => (userId ? <a href={`/staff/members/${userId}`}>{t.linked}</a> : <span class="hint">{t.notLinked}</span>),
    },
  ];
}

function InstructorFields({ t, instructor }: Texts & { instructor: Instructor | null }) {
  const { name = "", bio = "", specialties = [], experienceYears = 0, profileImageUrl, hourlyRate } = instructor ?? {};
  const [userId, setUserId] = useState(instructor?.userId ?? null);
  return (
    <>
      <Field name="name" label={t.name} required autoComplete="off" defaultValue={name} />
      <TextArea name="bio" label={t.bio} defaultValue={bio} />
      <Field name="specialties" label={t.styles} hint={t.stylesHint} autoComplete="off" defaultValue={specialties.join(", ")} />
      <Field name="experienceYears" type="number" label={t.experience} min="0" defaultValue={String(experienceYears)} />
      <Field name="profileImageUrl" label={t.image} hint={t.imageHint} autoComplete="off" autoCapitalize="none" spellcheck={false} defaultValue={profileImageUrl ?? ""} />
      <MoneyField name="hourlyRate" label={t.rate} hint={t.rateHint} defaultValue={hourlyRate ?? ""} />
      <MemberPicker label={t.account} value={userId} onChange={setUserId} />
      <p class="hint">{t.accountHint}</p>
      <input type="hidden" name="userId" value={userId ?? ""} />
    </>
  );
}

function readFields(values: FormValues) {
  return {
    name: values.text("name"),
    bio: values.text("bio"),
    specialties: splitList(values.text("specialties")),
    experienceYears: Number(values.text("experienceYears")),
    profileImageUrl: values.optional("profileImageUrl") ?? null,
    hourlyRate: values.optional("hourlyRate")?.replace(",", ".") ?? null,
    userId: values.optional("userId") ?? null,
  };
}

const catalog: Catalog<StaffInstructorsTexts> = { en: () => import("../../texts/staff-instructors.en.ts"), es: () => import("../../texts/staff-instructors.es.ts") };
await mountStaff({ catalog, section: "instructors", Page: Instructors });
