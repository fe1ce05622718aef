// The rooms of the studio.

import { api, call } from "../../api/client.ts";
import { Field } from "../../components/form.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { StudioList } from "../../staff/studio-list.tsx";
import type { StaffRoomsTexts } from "../../texts/staff-rooms.en.ts";
import type { Catalog } from "../../tools/language.ts";

function Rooms({ t }: { t: StaffRoomsTexts }) {
  return (
    <StudioList
      t={t.list}
      texts={t}
      columns={[{ key: "name", label: t.name, isTitle: true, cell: ({ name }) => name }]}
      fields={(room) => <Field name="name" label={t.name} hint={t.nameHint} required autoComplete="off" defaultValue={room?.name ?? ""} />}
      load={(query) => call(api.GET("/api/admin/rooms", { params: { query } }))}
      create={(values) => call(api.POST("/api/admin/rooms", { body: { name: values.text("name") } }))}
      update={({ id }, values) => call(api.PATCH("/api/admin/rooms", { body: { id, name: values.text("name") } }))}
      retire={(id) => call(api.DELETE("/api/admin/rooms", { params: { query: { id } } }))}
      reactivate={(id) => call(api.PATCH("/api/admin/rooms", { body: { id, isActive: true } }))}
    />
  );
}

const catalog: Catalog<StaffRoomsTexts> = { en: () => import("../../texts/staff-rooms.en.ts"), es: () => import("../../texts/staff-rooms.es.ts") };
await mountStaff({ catalog, section: "rooms", Page: Rooms });
