// The members of the studio: a search, and accounts for people who come without one.

import { useState } from "preact/hooks";
import { UserRoundPlus } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Field, type FormValues, Select } from "../../components/form.tsx";
import { Button, Empty } from "../../components/ui.tsx";
import { longDay } from "../../staff/dates.ts";
import { FormDialog } from "../../staff/dialogs.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead } from "../../staff/parts.tsx";
import { SearchField } from "../../staff/search.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import type { StaffMembersTexts } from "../../texts/staff-members.en.ts";
import { say } from "../../tools/action.ts";
import { type Catalog, language } from "../../tools/language.ts";
import { dayOf, formatDay, parseDay } from "../../tools/time.ts";

type Member = Schema<"Member">;
type Texts = { t: StaffMembersTexts };

function Members({ t }: Texts) {
  const [{ search, quietSince }, setFilters] = useState(readFilters());
  const [isAdding, setAdding] = useState(false);
  const list = useList<Member>(`${quietSince} ${search}`, (cursor) =>
    call(
      api.GET("/api/admin/members", {
        params: { query: { ...(search ? { search } : {}), ...(quietSince ? { quietSince } : {}), ...(cursor ? { cursor } : {}) } },
      }),
    ),
  );

  const filter = (name: "search" | "quietSince", value: string) => {
    const query = new URLSearchParams(location.search);
    if (value) query.set(name, value);
    else query.delete(name);
    history.replaceState(null, "", `/staff/members${query.size > 0 ? `?${query}` : ""}`);
    setFilters(readFilters());
  };

  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint}>
        <Button size="small" onClick={() => setAdding(true)}>
          <Icon of={UserRoundPlus} />
          {t.add}
        </Button>
      </PageHead>
      <div class="toolbar">
        <SearchField label={t.search} value={search} onSearch={(text) => filter("search", text)} />
      </div>
      {quietSince && (
        <p class="actions">
          {t.quietSince(formatDay(quietSince, { year: "numeric", month: "long", day: "numeric" }))}
          <Button kind="quiet" size="small" onClick={() => filter("quietSince", "")}>
            {t.showAll}
          </Button>
        </p>
      )}
      <DataTable
        caption={t.title}
        columns={columnsOf(t)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.failed}
        empty={
          <Empty text={search ? t.staff.nothingFound(search) : t.none}>
            <Button kind="plain" onClick={() => setAdding(true)}>
              {t.add}
            </Button>
          </Empty>
        }
      />
      <AddDialog t={t} isOpen={isAdding} onClose={() => setAdding(false)} onAdd={(member) => list.change((known) => [member, ...known])} />
    </div>
  );
}

function readFilters(): { search: string; quietSince: string | null } {
  const query = new URLSearchParams(location.search);
  return { search: query.get("search") ?? "", quietSince: parseDay(query.get("quietSince")) };
}

function columnsOf(t: StaffMembersTexts): Array<Column<Member>> {
  return [
    { key: "name", label: t.columns.name, isTitle: true, cell: ({ id, name }) => <a href={`/staff/members/${id}`}>{name}</a> },
    {
      key: "email",
      label: t.columns.email,
      cell: ({ email, emailVerified }) => (
        <span class="tags">
          <a href={`mailto:${email}`}>{email}</a>
          {!emailVerified && <span class="tag warn">{t.unconfirmed}</span>}
        </span>
      ),
    },
    { key: "phone", label: t.columns.phone, cell: ({ phone }) => phone && <a href={`tel:${phone.replace(/[^+\d]/g, "")}`}>{phone}</a> },
    { key: "level", label: t.columns.level, cell: ({ level }) => t.staff.levels[level] ?? level },
    { key: "visit", label: t.columns.visit, cell: ({ lastVisit }) => (lastVisit ? shortDay(lastVisit) : <span class="hint">{t.noVisit}</span>) },
    { key: "since", label: t.columns.since, cell: ({ createdAt }) => shortDay(createdAt) },
  ];
}

function shortDay(moment: string): string {
  return longDay(dayOf(new Date(moment)));
}

interface AddProps extends Texts {
  isOpen: boolean;
  onClose: () => void;
  onAdd: (member: Member) => void;
}

/** Creates an account without a password, and invites its owner. */
function AddDialog({ t, isOpen, onClose, onAdd }: AddProps) {
  const add = async (values: FormValues) => {
    const [lastName, phone] = [values.optional("lastName"), values.optional("phone")];
    const member = await call(
      api.POST("/api/admin/members", {
        body: {
          firstName: values.text("firstName"),
          ...(lastName ? { lastName } : {}),
          email: values.text("email"),
          ...(phone ? { phone } : {}),
          level: values.text("level") as Schema<"ExperienceLevel">,
          locale: values.text("locale") as Schema<"Locale">,
        },
      }),
    );
    onAdd(member);
    say(t.added(member.name));
  };
  const levels = (["beginner", "intermediate", "advanced"] as const).map((level) => [level, t.staff.levels[level] ?? level] as const);
  return (
    <FormDialog title={t.addTitle} isOpen={isOpen} onClose={onClose} action={t.send} onSend={add}>
      <p>{t.addText}</p>
      <Field name="firstName" label={t.firstName} required autoComplete="off" maxLength={100} />
      <Field name="lastName" label={t.lastName} autoComplete="off" maxLength={100} />
      <Field name="email" type="email" label={t.email} required autoComplete="off" />
      <Field name="phone" type="tel" label={t.phone} hint={t.phoneHint} autoComplete="off" />
      <Select name="level" label={t.level} options={levels} />
      <Select name="locale" label={t.language} defaultValue={language.value} options={Object.entries(t.languages)} />
    </FormDialog>
  );
}

const catalog: Catalog<StaffMembersTexts> = { en: () => import("../../texts/staff-members.en.ts"), es: () => import("../../texts/staff-members.es.ts") };
await mountStaff({ catalog, section: "members", Page: Members });
