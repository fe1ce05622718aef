// User accounts: roles, blocked sign-ins, and deactivation.

import { useState } from "preact/hooks";
import { KeyRound, LogOut, ShieldCheck, ShieldOff, UserRoundCheck, UserRoundCog, UserRoundX } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Field, type FormValues, Select } from "../../components/form.tsx";
import { Empty } from "../../components/ui.tsx";
import type { StaffUser } from "../../staff/access.ts";
import { FormDialog, TypeNameDialog } from "../../staff/dialogs.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead } from "../../staff/parts.tsx";
import { SearchField } from "../../staff/search.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import type { AdminUsersTexts } from "../../texts/admin-users.en.ts";
import { attempt, say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { formatMomentIn } from "../../tools/time.ts";

type Account = Schema<"UserAccount">;
type Role = Schema<"UserRole">;
type Change = Omit<Schema<"UpdateUser">, "id">;
type Texts = { t: AdminUsersTexts };

const ROLES: readonly Role[] = ["member", "staff", "admin"];

/** The dialogs about an account. */
type DialogKind = "role" | "endSessions" | "removeSecondFactor" | "deactivate";

function readFilters(): { search: string; role: Role | null } {
  const query = new URLSearchParams(location.search);
  return { search: query.get("search") ?? "", role: ROLES.find((role) => role === query.get("role")) ?? null };
}

function Users({ t, user }: Texts & { user: StaffUser }) {
  const [{ search, role }, setFilters] = useState(readFilters());
  const [opened, setOpened] = useState<{ account: Account; kind: DialogKind } | null>(null);
  const list = useList<Account>(`${role} ${search}`, (cursor) =>
    call(api.GET("/api/admin/users", { params: { query: { ...(search ? { search } : {}), ...(role ? { role } : {}), ...(cursor ? { cursor } : {}) } } })),
  );

  const filter = (name: "search" | "role", value: string) => {
    const query = new URLSearchParams(location.search);
    if (value) query.set(name, value);
    else query.delete(name);
    history.replaceState(null, "", `/admin/users${query.size > 0 ? `?${query}` : ""}`);
    setFilters(readFilters());
  };

  const change = async (account: Account, body: Change, done: string) => {
    const updated = await call(api.PATCH("/api/admin/users", { body: { id: account.id, ...body } }));
    list.change((known) => known.map((one) => (one.id === updated.id ? updated : one)));
    say(done);
  };

  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.hint} />
      <div class="toolbar">
        <SearchField label={t.search} value={search} onSearch={(text) => filter("search", text)} />
        <Select
          name="role"
          label={t.role}
          defaultValue={role ?? ""}
          onChange={(value) => filter("role", value)}
          options={[["", t.everyRole], ...ROLES.map((one) => [one, t.roles[one] ?? one] as const)]}
        />
      </div>
      <DataTable
        caption={t.title}
        columns={columnsOf(t, user)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.failed}
        empty={<Empty text={search ? t.staff.nothingFound(search) : t.none} />}
        actions={(account) =>
          account.closedAt ? null : (
            <AccountMenu
              t={t}
              account={account}
              isOwn={account.id === user.id}
              onOpen={(kind) => setOpened({ account, kind })}
              onChange={(body, done) => void attempt(() => change(account, body, done))}
            />
          )
        }
      />
      {opened?.kind === "role" && (
        <RoleDialog key={opened.account.id} t={t} account={opened.account} onClose={() => setOpened(null)} onChange={(body, done) => change(opened.account, body, done)} />
      )}
      {opened && opened.kind !== "role" && (
        <ConfirmByNameDialog
          key={opened.account.id}
          t={t}
          account={opened.account}
          kind={opened.kind}
          onClose={() => setOpened(null)}
          onChange={(body, done) => change(opened.account, body, done)}
        />
      )}
    </div>
  );
}

function columnsOf(t: AdminUsersTexts, user: StaffUser): Array<Column<Account>> {
  return [
    {
      key: "name",
      label: t.columns.name,
      isTitle: true,
      cell: ({ id, name }) => (
        <>
          {name} {id === user.id && <span class="tag">{t.you}</span>}
        </>
      ),
    },
    {
      key: "email",
      label: t.columns.email,
      cell: ({ email, emailVerified, closedAt }) => (
        <span class="tags">
          {!closedAt && <a href={`mailto:${email}`}>{email}</a>}
          {!closedAt && !emailVerified && <span class="tag warn">{t.unconfirmed}</span>}
        </span>
      ),
    },
    { key: "role", label: t.columns.role, cell: ({ role }) => <span class={role === "member" ? "tag" : "tag good"}>{t.roles[role] ?? role}</span> },
    {
      key: "state",
      label: t.columns.state,
      cell: ({ isActive, closedAt, lockedUntil }) => (
        <span class="tags">
          {closedAt ? <span class="tag">{t.closed}</span> : isActive ? t.active : <span class="tag bad">{t.deactivated}</span>}
          {lockedUntil && <span class="tag warn">{t.locked(formatMomentIn(lockedUntil))}</span>}
        </span>
      ),
    },
    { key: "sessions", label: t.columns.sessions, isNumber: true, cell: ({ sessions }) => sessions },
  ];
}

interface MenuProps extends Texts {
  account: Account;
  isOwn: boolean;
  onOpen: (kind: DialogKind) => void;
  onChange: (body: Change, done: string) => void;
}

function AccountMenu({ t, account: { id, name, isActive, lockedUntil }, isOwn, onOpen, onChange }: MenuProps) {
  const own = [{ text: t.history, icon: ShieldCheck, onClick: () => location.assign(`/admin/security?user=${id}`) }];
  const others = [
    ...(isActive ? [{ text: t.changeRole, icon: UserRoundCog, onClick: () => onOpen("role") }] : []),
    ...(lockedUntil ? [{ text: t.unlock, icon: KeyRound, onClick: () => onChange({ unlock: true }, t.isUnlocked(name)) }] : []),
    { text: t.endSessions, icon: LogOut, onClick: () => onOpen("endSessions") },
    { text: t.removeSecondFactor, icon: ShieldOff, isDangerous: true, onClick: () => onOpen("removeSecondFactor") },
    isActive
      ? { text: t.deactivate, icon: UserRoundX, isDangerous: true, onClick: () => onOpen("deactivate") }
      : { text: t.activate, icon: UserRoundCheck, onClick: () => onChange({ isActive: true }, t.isActivated(name)) },
  ];
  return <ActionMenu label={t.actionsOf(name)} items={isOwn ? own : [...own, ...others]} />;
}

interface DialogProps extends Texts {
  account: Account;
  onClose: () => void;
  onChange: (body: Change, done: string) => Promise<void>;
}

/** Gives another role. Without a password, the API asks for a recent sign-in instead. */
function RoleDialog({ t, account: { name, role: current }, onClose, onChange }: DialogProps) {
  const [role, setRole] = useState<Role>(current);
  const send = (values: FormValues) => {
    const currentPassword = values.optional("currentPassword");
    return onChange({ role, ...(currentPassword ? { currentPassword } : {}) }, t.isRole(name, t.roles[role] ?? role));
  };
  return (
    <FormDialog title={t.changeRoleTitle(name)} isOpen onClose={onClose} onSend={send}>
      <Select name="role" label={t.role} defaultValue={current} options={ROLES.map((one) => [one, t.roles[one] ?? one] as const)} onChange={(value) => setRole(value as Role)} />
      <p class="hint">{t.roleHint}</p>
      {role !== "member" && <Field name="currentPassword" type="password" label={t.yourPassword} hint={t.yourPasswordHint} autoComplete="current-password" />}
    </FormDialog>
  );
}

/** Asks the person to type the name of the account before an action that the member would notice. */
function ConfirmByNameDialog({ t, account: { name }, kind, onClose, onChange }: DialogProps & { kind: Exclude<DialogKind, "role"> }) {
  const { title, text, action, body, done } = {
    endSessions: { title: t.endSessionsTitle, text: t.endSessionsText, action: t.endSessions, body: { endSessions: true }, done: t.sessionsEnded },
    removeSecondFactor: {
      title: t.removeSecondFactorTitle,
      text: t.removeSecondFactorText,
      action: t.removeSecondFactor,
      body: { removeSecondFactor: true },
      done: t.secondFactorRemoved,
    },
    deactivate: { title: t.deactivateTitle, text: t.deactivateText, action: t.deactivate, body: { isActive: false }, done: t.isDeactivated },
  }[kind];
  return (
    <TypeNameDialog title={title(name)} name={name} action={action} isOpen onClose={onClose} onConfirm={() => onChange(body, done(name))}>
      <p>{text}</p>
    </TypeNameDialog>
  );
}

const catalog: Catalog<AdminUsersTexts> = { en: () => import("../../texts/admin-users.en.ts"), es: () => import("../../texts/admin-users.es.ts") };
await mountStaff({ catalog, section: "users", access: "admin", Page: Users });
