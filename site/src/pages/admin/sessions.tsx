// The sessions of all members and visitors.

import { useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Button, Empty } from "../../components/ui.tsx";
import { checkSession } from "../../session.ts";
import { TypeNameDialog } from "../../staff/dialogs.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { PageHead } from "../../staff/parts.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import type { AdminSessionsTexts } from "../../texts/admin-sessions.en.ts";
import type { Catalog } from "../../tools/language.ts";
import { formatMomentIn } from "../../tools/time.ts";
import "../../staff/facts.css";

type Session = Schema<"AdminSession">;
type Statistics = Schema<"SessionStatistics">;
type Texts = { t: AdminSessionsTexts };

function Sessions({ t }: Texts) {
  const [statistics, setStatistics] = useState<Statistics | null>(null);
  const [isEnding, setEnding] = useState(false);
  const list = useList<Session>("", async (cursor) => {
    const page = await call(api.GET("/api/session/sessions", { params: { query: cursor ? { cursor } : {} } }));
    setStatistics(page.statistics);
    return page;
  });

  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint}>
        <Button kind="quiet" size="small" onClick={() => setEnding(true)}>
          {t.endAll}
        </Button>
      </PageHead>
      <ul class="plain-list facts" aria-label={t.facts}>
        <Fact name={t.active} value={statistics?.active} />
        <Fact name={t.users} value={statistics?.users} />
        <Fact name={t.anonymous} value={statistics?.anonymous} />
        <Fact name={t.perUser} value={statistics?.perUser} />
      </ul>
      <DataTable caption={t.title} columns={columnsOf(t)} list={list} rowKey={({ id }) => id} failed={t.failed} empty={<Empty text={t.none} />} />
      <TypeNameDialog
        title={t.endAllTitle}
        name={t.endAllName}
        action={t.endAll}
        isOpen={isEnding}
        onClose={() => setEnding(false)}
        onConfirm={async () => {
          await call(api.DELETE("/api/session/sessions"));
          await checkSession();
        }}
      >
        <p>{t.endAllText}</p>
      </TypeNameDialog>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: number | undefined }) {
  return (
    <li>
      <div>
        <span>{name}</span>
        <strong>{value === undefined ? "–" : new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(value)}</strong>
      </div>
    </li>
  );
}

function columnsOf(t: AdminSessionsTexts): Array<Column<Session>> {
  return [
    {
      key: "member",
      label: t.columns.member,
      isTitle: true,
      cell: ({ email, current }) => (
        <>
          <span class="email">{email ?? t.anonymousMember}</span> {current && <span class="tag good">{t.current}</span>}
        </>
      ),
    },
    { key: "device", label: t.columns.device, cell: ({ browser, device }) => [browser, device].filter(Boolean).join(", ") },
    { key: "ip", label: t.columns.ip, cell: ({ ipAddress }) => ipAddress },
    { key: "active", label: t.columns.active, cell: ({ lastActive }) => formatMomentIn(lastActive) },
    { key: "since", label: t.columns.since, cell: ({ createdAt }) => formatMomentIn(createdAt) },
  ];
}

const catalog: Catalog<AdminSessionsTexts> = { en: () => import("../../texts/admin-sessions.en.ts"), es: () => import("../../texts/admin-sessions.es.ts") };
await mountStaff({ catalog, section: "sessions", access: "admin", Page: Sessions });
