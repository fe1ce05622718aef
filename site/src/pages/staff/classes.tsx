// The class types of the studio.

import { api, call, type Schema } from "../../api/client.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { Money } from "../../staff/parts.tsx";
import { StudioList } from "../../staff/studio-list.tsx";
import type { Column } from "../../staff/table.tsx";
import type { StaffClassesTexts } from "../../texts/staff-classes.en.ts";
import type { Catalog } from "../../tools/language.ts";
import { ClassTypeFields, readClassType } from "./classes/fields.tsx";

type ClassType = Schema<"StaffClassType">;
type Texts = { t: StaffClassesTexts };

function ClassTypes({ t }: Texts) {
  return (
    <StudioList<ClassType>
      t={t.list}
      texts={t}
      columns={columnsOf(t)}
      fields={(classType) => <ClassTypeFields t={t} classType={classType} />}
      load={(query) => call(api.GET("/api/admin/classes", { params: { query } }))}
      create={(values) => call(api.POST("/api/admin/classes", { body: readClassType(values) }))}
      update={({ id }, values) => call(api.PATCH("/api/admin/classes", { body: { id, ...readClassType(values) } }))}
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

const catalog: Catalog<StaffClassesTexts> = { en: () => import("../../texts/staff-classes.en.ts"), es: () => import("../../texts/staff-classes.es.ts") };
await mountStaff({ catalog, section: "classes", Page: ClassTypes });
