// A list of what a studio has, such as rooms: entries are added, changed, retired, and brought back.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Archive, ArchiveRestore, Pencil, Plus } from "lucide";
import type { Schema } from "../api/client.ts";
import type { FormValues } from "../components/form.tsx";
import { Button, Empty } from "../components/ui.tsx";
import type { StudioListTexts } from "../texts/studio-list.en.ts";
import { attempt, say } from "../tools/action.ts";
import { ConfirmDialog, FormDialog } from "./dialogs.tsx";
import { Icon } from "./icon.tsx";
import { useList } from "./lists.ts";
import { ActionMenu, PageHead, Segments } from "./parts.tsx";
import { type Column, DataTable } from "./table.tsx";

interface Entry {
  id: string;
  name: string;
  isActive: boolean;
}

export interface ListQuery {
  active: boolean;
  cursor?: string;
}

interface Props<Item extends Entry> {
  t: StudioListTexts;
  texts: { title: string; hint?: string; failed: string; none: string; add: string };
  /** Buttons for the other views of the page. */
  views?: ComponentChildren;
  columns: ReadonlyArray<Column<Item>>;
  /** The fields of the form. Without an item, the form adds one. */
  fields: (item: Item | null) => ComponentChildren;
  load: (query: ListQuery) => Promise<{ items: Item[]; nextCursor?: string | null }>;
  create: (values: FormValues) => Promise<Item>;
  update: (item: Item, values: FormValues) => Promise<Item>;
  retire: (id: string) => Promise<Schema<"RetirementResult">>;
  reactivate: (id: string) => Promise<Item>;
}

type View = "active" | "retired";

export function StudioList<Item extends Entry>({ t, texts, views, columns, fields, load, create, update, retire, reactivate }: Props<Item>) {
  const [view, setView] = useState<View>("active");
  const [isAdding, setAdding] = useState(false);
  const [edited, setEdited] = useState<Item | null>(null);
  const [retired, setRetired] = useState<Item | null>(null);
  const list = useList<Item>(view, (cursor) => load({ active: view === "active", ...(cursor ? { cursor } : {}) }));

  const replace = (changed: Item) => list.change((known) => known.map((one) => (one.id === changed.id ? changed : one)));
  const remove = ({ id }: Item) => list.change((known) => known.filter((one) => one.id !== id));

  const add = async (values: FormValues) => {
    const added = await create(values);
    if (view === "active") list.change((known) => [added, ...known]);
    say(t.added(added.name));
  };
  const save = async (item: Item, values: FormValues) => {
    const saved = await update(item, values);
    replace(saved);
    say(t.saved(saved.name));
  };
  const confirmRetirement = async (item: Item) => {
    const { activePatterns, comingClasses } = await retire(item.id);
    remove(item);
    const isUsed = activePatterns + comingClasses > 0;
    say(isUsed ? t.stillUsed(item.name, activePatterns, comingClasses) : t.retiredNow(item.name));
  };
  const bringBack = (item: Item) =>
    void attempt(async () => {
      remove(await reactivate(item.id));
      say(t.reactivated(item.name));
    });

  const menu = (item: Item) => (
    <ActionMenu
      label={t.actionsOf(item.name)}
      items={[
        { text: t.edit, icon: Pencil, onClick: () => setEdited(item) },
        item.isActive
          ? { text: t.retire, icon: Archive, isDangerous: true, onClick: () => setRetired(item) }
          : { text: t.reactivate, icon: ArchiveRestore, onClick: () => bringBack(item) },
      ]}
    />
  );

  return (
    <div class="staff-page">
      <PageHead title={texts.title} hint={texts.hint}>
        <Button size="small" onClick={() => setAdding(true)}>
          <Icon of={Plus} />
          {texts.add}
        </Button>
      </PageHead>
      <div class="toolbar">
        {views}
        <Segments<View>
          label={t.which}
          value={view}
          options={[
            ["active", t.active],
            ["retired", t.retired],
          ]}
          onChange={setView}
        />
      </div>
      <DataTable
        caption={texts.title}
        columns={columns}
        list={list}
        rowKey={({ id }) => id}
        failed={texts.failed}
        empty={
          view === "retired" ? (
            <Empty text={t.noneRetired} />
          ) : (
            <Empty text={texts.none}>
              <Button onClick={() => setAdding(true)}>{texts.add}</Button>
            </Empty>
          )
        }
        actions={menu}
      />
      <FormDialog title={texts.add} isOpen={isAdding} onClose={() => setAdding(false)} onSend={add}>
        {fields(null)}
      </FormDialog>
      {edited && (
        <FormDialog key={edited.id} title={t.editTitle(edited.name)} isOpen onClose={() => setEdited(null)} onSend={(values) => save(edited, values)}>
          {fields(edited)}
        </FormDialog>
      )}
      {retired && (
        <ConfirmDialog title={t.retireTitle(retired.name)} action={t.retire} isDangerous isOpen onClose={() => setRetired(null)} onConfirm={() => confirmRetirement(retired)}>
          <p>{t.retireText}</p>
        </ConfirmDialog>
      )}
    </div>
  );
}
