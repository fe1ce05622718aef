// The security log.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Select } from "../../components/form.tsx";
import { Empty } from "../../components/ui.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead } from "../../staff/parts.tsx";
import { SearchField } from "../../staff/search.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import type { AdminSecurityTexts } from "../../texts/admin-security.en.ts";
import type { Catalog } from "../../tools/language.ts";
import { formatMomentIn } from "../../tools/time.ts";
import "./security.css";

type Event = Schema<"SecurityEvent">;
type Kind = Schema<"SecurityEventKind">;
type Texts = { t: AdminSecurityTexts };

const FILTERS = ["kind", "user", "ip"] as const;

function readFilters(): Record<(typeof FILTERS)[number], string> {
  const query = new URLSearchParams(location.search);
  return { kind: query.get("kind") ?? "", user: query.get("user") ?? "", ip: query.get("ip") ?? "" };
}

function Security({ t }: Texts) {
  const [{ kind, user, ip }, setFilters] = useState(readFilters());
  const list = useList<Event>([kind, user, ip].join(" "), (cursor) =>
    call(
      api.GET("/api/admin/security-events", {
        params: { query: { ...(kind ? { kind: kind as Kind } : {}), ...(user ? { userId: user } : {}), ...(ip ? { ip } : {}), ...(cursor ? { cursor } : {}) } },
      }),
    ),
  );

  const filter = (name: (typeof FILTERS)[number], value: string) => {
    const query = new URLSearchParams(location.search);
    if (value) query.set(name, value);
    else query.delete(name);
    history.replaceState(null, "", `/admin/security${query.size > 0 ? `?${query}` : ""}`);
    setFilters(readFilters());
  };

  const kinds = Object.entries(t.kinds).sort(([, one], [, other]) => one.localeCompare(other));
  const member = user && list.items?.find(({ email }) => email)?.email;
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint} />
      <div class="toolbar">
        <Select name="kind" label={t.kind} defaultValue={kind} onChange={(value) => filter("kind", value)} options={[["", t.everyKind], ...kinds]} />
        <SearchField label={t.ip} value={ip} onSearch={(text) => filter("ip", text)} />
      </div>
      {user && (
        <p class="actions">
          {member ? t.onlyMember(member) : t.ofMember}
          <button type="button" class="button quiet small" onClick={() => filter("user", "")}>
            {t.showAll}
          </button>
        </p>
      )}
      <DataTable caption={t.title} columns={columnsOf(t, (id) => filter("user", id))} list={list} rowKey={({ id }) => id} failed={t.failed} empty={<Empty text={t.none} />} />
    </div>
  );
}

function columnsOf(t: AdminSecurityTexts, onMember: (id: string) => void): Array<Column<Event>> {
  return [
    { key: "kind", label: t.columns.kind, isTitle: true, cell: ({ kind }) => t.kinds[kind] },
    {
      key: "member",
      label: t.columns.member,
      cell: ({ userId, email }) =>
        userId ? (
          <button type="button" class="link email" onClick={() => onMember(userId)}>
            {email ?? userId}
          </button>
        ) : (
          (email ?? t.nobody)
        ),
    },
    { key: "when", label: t.columns.when, cell: ({ createdAt }) => <time dateTime={createdAt}>{formatMomentIn(createdAt)}</time> },
    {
      key: "where",
      label: t.columns.where,
      cell: ({ ip, browser, device }) => (
        <>
          {ip}
          <small class="hint">{[browser, device].filter(Boolean).join(", ")}</small>
        </>
      ),
    },
    { key: "detail", label: t.columns.detail, cell: ({ detail }) => Object.keys(detail).length > 0 && <span class="event-detail">{describe(detail)}</span> },
  ];
}

/** The details as "name: value" lines. Their names are those of the API. */
function describe(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("\n");
}

const catalog: Catalog<AdminSecurityTexts> = { en: () => import("../../texts/admin-security.en.ts"), es: () => import("../../texts/admin-security.es.ts") };
await mountStaff({ catalog, section: "security", access: "admin", Page: Security });
