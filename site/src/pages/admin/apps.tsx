// Partner applications. A secret is shown once.

import { useState } from "preact/hooks";
import { Check, KeyRound, Pencil, Plus, Power, PowerOff } from "lucide";
import { api, call, type Schema } from "../../api/client.ts";
import { Check as CheckBox, Field, type FormValues, TextArea } from "../../components/form.tsx";
import { Button, Dialog, Empty } from "../../components/ui.tsx";
import { longDay } from "../../staff/dates.ts";
import { FormDialog, TypeNameDialog } from "../../staff/dialogs.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead } from "../../staff/parts.tsx";
import { type Column, DataTable } from "../../staff/table.tsx";
import type { AdminAppsTexts } from "../../texts/admin-apps.en.ts";
import { attempt, say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { dayOf } from "../../tools/time.ts";
import "./apps.css";

type App = Schema<"PartnerApp">;
type AppWithSecret = Schema<"PartnerAppWithSecret">;
type Change = Omit<Schema<"UpdatePartnerApp">, "id">;
type Texts = { t: AdminAppsTexts };

/** The dialogs about an application. */
type DialogKind = "edit" | "rotate" | "endRotation" | "switchOff";

function Apps({ t }: Texts) {
  const [isAdding, setAdding] = useState(false);
  const [opened, setOpened] = useState<{ app: App; kind: DialogKind } | null>(null);
  const [revealed, setRevealed] = useState<{ name: string; secret: string } | null>(null);
  const list = useList<App>("", (cursor) => call(api.GET("/api/admin/apps", { params: { query: cursor ? { cursor } : {} } })));

  /** Shows an application as it is now, and its secret if it has a new one. */
  const show = ({ secret, ...app }: AppWithSecret, done: string) => {
    list.change((known) => (known.some(({ id }) => id === app.id) ? known.map((one) => (one.id === app.id ? app : one)) : [app, ...known]));
    if (secret) setRevealed({ name: app.name, secret });
    else say(done);
  };

  const change = async ({ id }: App, body: Change, done: string) => show(await call(api.PATCH("/api/admin/apps", { body: { id, ...body } })), done);

  const add = async (values: FormValues) => {
    const body = { name: values.text("name"), allowedOrigins: linesOf(values.text("allowedOrigins")), singleUse: values.checked("singleUse") };
    show(await call(api.POST("/api/admin/apps", { body })), t.registered(body.name));
  };

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
        actions={(app) => (
          <AppMenu t={t} app={app} onOpen={(kind) => setOpened({ app, kind })} onSwitchOn={() => void attempt(() => change(app, { isActive: true }, t.isOn(app.name)))} />
        )}
      />
      <FormDialog title={t.addTitle} isOpen={isAdding} onClose={() => setAdding(false)} action={t.add} onSend={add}>
        <Field name="name" label={t.name} hint={t.nameHint} required autoComplete="off" autoCapitalize="none" spellcheck={false} />
        <TextArea name="allowedOrigins" label={t.origins} hint={t.originsHint} />
        <CheckBox name="singleUse" label={t.singleUseLabel} />
      </FormDialog>
      {opened?.kind === "edit" && (
        <FormDialog
          title={t.editTitle(opened.app.name)}
          isOpen
          onClose={() => setOpened(null)}
          onSend={(values) => change(opened.app, changesOf(opened.app, values), t.saved(opened.app.name))}
        >
          <TextArea name="allowedOrigins" label={t.origins} hint={t.originsHint} defaultValue={opened.app.allowedOrigins.join("\n")} />
          <CheckBox name="singleUse" label={t.singleUseLabel} checked={opened.app.singleUse} />
        </FormDialog>
      )}
      {opened && opened.kind !== "edit" && (
        <ConfirmByNameDialog t={t} app={opened.app} kind={opened.kind} onClose={() => setOpened(null)} onChange={(body, done) => change(opened.app, body, done)} />
      )}
      {revealed && <SecretDialog t={t} {...revealed} onClose={() => setRevealed(null)} />}
    </div>
  );
}

/** The changed settings. A request with `singleUse` revokes all tokens of the application. */
function changesOf(app: App, values: FormValues): Change {
  const singleUse = values.checked("singleUse");
  return { allowedOrigins: linesOf(values.text("allowedOrigins")), ...(singleUse === app.singleUse ? {} : { singleUse }) };
}

function linesOf(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

function columnsOf(t: AdminAppsTexts): Array<Column<App>> {
  return [
    { key: "name", label: t.columns.name, isTitle: true, cell: ({ name }) => name },
    { key: "origins", label: t.columns.origins, cell: ({ allowedOrigins }) => <span class="origins">{allowedOrigins.join("\n")}</span> },
    { key: "tokens", label: t.columns.tokens, cell: ({ singleUse }) => (singleUse ? t.singleUse : t.reusable) },
    {
      key: "state",
      label: t.columns.state,
      cell: ({ isActive, isRotating }) => (
        <span class="tags">
          <span class={isActive ? "tag good" : "tag bad"}>{isActive ? t.active : t.inactive}</span>
          {isRotating && <span class="tag warn">{t.rotating}</span>}
        </span>
      ),
    },
    { key: "since", label: t.columns.since, cell: ({ createdAt }) => longDay(dayOf(new Date(createdAt))) },
  ];
}

interface MenuProps extends Texts {
  app: App;
  onOpen: (kind: DialogKind) => void;
  onSwitchOn: () => void;
}

function AppMenu({ t, app: { name, isActive, isRotating }, onOpen, onSwitchOn }: MenuProps) {
  return (
    <ActionMenu
      label={t.actionsOf(name)}
      items={[
        { text: t.edit, icon: Pencil, onClick: () => onOpen("edit") },
        isRotating ? { text: t.endRotation, icon: Check, isDangerous: true, onClick: () => onOpen("endRotation") } : { text: t.rotate, icon: KeyRound, onClick: () => onOpen("rotate") },
        isActive ? { text: t.switchOff, icon: PowerOff, isDangerous: true, onClick: () => onOpen("switchOff") } : { text: t.switchOn, icon: Power, onClick: onSwitchOn },
      ]}
    />
  );
}

interface ConfirmProps extends Texts {
  app: App;
  kind: Exclude<DialogKind, "edit">;
  onClose: () => void;
  onChange: (body: Change, done: string) => Promise<void>;
}

/** Asks the person to type the name of the application before an action that its users would notice. */
function ConfirmByNameDialog({ t, app: { name }, kind, onClose, onChange }: ConfirmProps) {
  const { title, text, action, body, done } = {
    rotate: { title: t.rotateTitle, text: t.rotateText, action: t.rotate, body: { rotateSecret: true }, done: t.saved },
    endRotation: { title: t.endRotationTitle, text: t.endRotationText, action: t.endRotation, body: { endRotation: true }, done: t.rotationEnded },
    switchOff: { title: t.switchOffTitle, text: t.switchOffText, action: t.switchOff, body: { isActive: false }, done: t.isOff },
  }[kind];
  return (
    <TypeNameDialog title={title(name)} name={name} action={action} isOpen onClose={onClose} onConfirm={() => onChange(body, done(name))}>
      <p>{text}</p>
    </TypeNameDialog>
  );
}

/** Shows a new secret until the person has copied it. */
function SecretDialog({ t, name, secret, onClose }: Texts & { name: string; secret: string; onClose: () => void }) {
  const [copied, setCopied] = useState("");
  const copy = () => {
    navigator.clipboard.writeText(secret).then(
      () => setCopied(t.copied),
      () => setCopied(t.notCopied),
    );
  };
  return (
    <Dialog title={t.secretTitle(name)} isOpen onClose={onClose}>
      <p>{t.secretText}</p>
      <output class="secret" aria-label={t.secret}>
        {secret}
      </output>
      <p role="status">{copied}</p>
      <p class="actions">
        <Button autofocus onClick={copy}>
          {t.copy}
        </Button>
        <Button kind="quiet" onClick={onClose}>
          {t.done}
        </Button>
      </p>
    </Dialog>
  );
}

const catalog: Catalog<AdminAppsTexts> = { en: () => import("../../texts/admin-apps.en.ts"), es: () => import("../../texts/admin-apps.es.ts") };
await mountStaff({ catalog, section: "apps", access: "admin", Page: Apps });
