// Organizations and who belongs to them.

import { useState } from "preact/hooks";
import { Pencil, Plus, Trash2, Users } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Field, type FormValues } from "../../components/form.tsx";
import { Button, Dialog, Empty } from "../../components/ui.tsx";
import { longDay } from "../../staff/dates.ts";
import { FormDialog } from "../../staff/dialogs.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead } from "../../staff/parts.tsx";
import { SearchField } from "../../staff/search.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import type { AdminOrganizationsTexts } from "../../texts/admin-organizations.en.ts";
import { attempt, say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { dayOf } from "../../tools/time.ts";
import "./organizations.css";

type Organization = Schema<"Organization">;
type Role = Schema<"OrganizationRole">;
type Member = Schema<"Member">;
type Texts = { t: AdminOrganizationsTexts };

const ROLES: readonly Role[] = ["owner", "admin", "member"];

/** How many people a search shows. */
const FOUND = 5;

function Organizations({ t }: Texts) {
  const [isAdding, setAdding] = useState(false);
  const [renamed, setRenamed] = useState<Organization | null>(null);
  const [openId, setOpenId] = useState<string | null>(null);
  const list = useList<Organization>("", (cursor) => call(api.GET("/api/admin/accounts", { params: { query: cursor ? { cursor } : {} } })));

  const update = async (body: Schema<"UpdateOrganization">, done: (name: string) => string) => {
    const updated = await call(api.PATCH("/api/admin/accounts", { body }));
    list.change((known) => known.map((one) => (one.id === updated.id ? updated : one)));
    say(done(updated.name));
  };

  const create = async (values: FormValues) => {
    const created = await call(api.POST("/api/admin/accounts", { body: { name: values.text("name"), slug: values.text("slug") } }));
    list.change((known) => [created, ...known]);
    say(t.created(created.name));
  };

  const opened = list.items?.find(({ id }) => id === openId);
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint}>
        <Button size="small" onClick={() => setAdding(true)}>
          <Icon of={Plus} />
          {t.add}
        </Button>
      </PageHead>
      <DataTable
        caption={t.title}
        columns={columnsOf(t)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.failed}
        empty={<Empty text={t.none} />}
        actions={(organization) => (
          <ActionMenu
            label={t.actionsOf(organization.name)}
            items={[
              { text: t.people, icon: Users, onClick: () => setOpenId(organization.id) },
              { text: t.edit, icon: Pencil, onClick: () => setRenamed(organization) },
            ]}
          />
        )}
      />
      <FormDialog title={t.add} isOpen={isAdding} onClose={() => setAdding(false)} onSend={create}>
        <NameFields t={t} />
      </FormDialog>
      {renamed && (
        <FormDialog
          title={t.editTitle(renamed.name)}
          isOpen
          onClose={() => setRenamed(null)}
          onSend={(values) => update({ id: renamed.id, name: values.text("name"), slug: values.text("slug") }, t.saved)}
        >
          <NameFields t={t} organization={renamed} />
        </FormDialog>
      )}
      {opened && (
        <PeopleDialog
          t={t}
          organization={opened}
          onClose={() => setOpenId(null)}
          onChange={(userId, role, done) => void attempt(() => update({ id: opened.id, members: [{ userId, role }] }, done))}
        />
      )}
    </div>
  );
}

function columnsOf(t: AdminOrganizationsTexts): Array<Column<Organization>> {
  return [
    { key: "name", label: t.columns.name, isTitle: true, cell: ({ name }) => name },
    { key: "slug", label: t.columns.slug, cell: ({ slug }) => slug },
    { key: "members", label: t.columns.members, isNumber: true, cell: ({ members }) => members.length },
    { key: "since", label: t.columns.since, cell: ({ createdAt }) => longDay(dayOf(new Date(createdAt))) },
  ];
}

function NameFields({ t, organization }: Texts & { organization?: Organization }) {
  return (
    <>
      <Field name="name" label={t.name} required autoComplete="off" defaultValue={organization?.name ?? ""} />
      <Field name="slug" label={t.slug} hint={t.slugHint} required autoComplete="off" autoCapitalize="none" spellcheck={false} defaultValue={organization?.slug ?? ""} />
    </>
  );
}

interface PeopleProps extends Texts {
  organization: Organization;
  onClose: () => void;
  /** Gives a person a role. A role of null removes the person. */
  onChange: (userId: string, role: Role | null, done: (name: string) => string) => void;
}

/** Who belongs to an organization, with a search to add others. */
function PeopleDialog({ t, organization: { name, members }, onClose, onChange }: PeopleProps) {
  const [found, setFound] = useState<Member[]>([]);
  const find = (search: string) =>
    void attempt(async () => {
      setFound(search ? (await call(api.GET("/api/admin/members", { params: { query: { search, limit: FOUND } } }))).items : []);
    });
  const isMember = ({ id }: Member) => members.some(({ userId }) => userId === id);
  return (
    <Dialog title={t.peopleTitle(name)} isOpen onClose={onClose}>
      {members.length === 0 && <p>{t.noPeople}</p>}
      <ul class="plain-list people">
        {members.map(({ userId, email, role }) => (
          <li key={userId}>
            <span>{email}</span>
            <select aria-label={t.roleOf(email)} onChange={(event) => onChange(userId, event.currentTarget.value as Role, t.saved)}>
              {ROLES.map((one) => (
                <option key={one} value={one} selected={one === role}>
                  {t.roles[one] ?? one}
                </option>
              ))}
            </select>
            <button type="button" class="icon-button" aria-label={t.remove(email)} onClick={() => onChange(userId, null, (of) => t.removed(email, of))}>
              <Icon of={Trash2} />
            </button>
          </li>
        ))}
      </ul>
      <SearchField label={t.search} value="" onSearch={find} />
      <ul class="plain-list people">
        {found
          .filter((member) => !isMember(member))
          .map((member) => (
            <li key={member.id}>
              <span>
                {member.name}
                <small class="hint"> {member.email}</small>
              </span>
              <Button kind="soft" size="small" aria-label={t.addMember(member.name)} onClick={() => onChange(member.id, "member", (of) => t.added(member.name, of))}>
                <Icon of={Plus} />
              </Button>
            </li>
          ))}
      </ul>
      <p class="actions">
        <Button kind="quiet" onClick={onClose}>
          {t.staff.close}
        </Button>
      </p>
    </Dialog>
  );
}

const catalog: Catalog<AdminOrganizationsTexts> = { en: () => import("../../texts/admin-organizations.en.ts"), es: () => import("../../texts/admin-organizations.es.ts") };
await mountStaff({ catalog, section: "organizations", access: "admin", Page: Organizations });
