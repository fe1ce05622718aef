// Tables of lists. On a phone, each row is a card.

import type { ComponentChildren } from "preact";
import { ArrowDown, ArrowUp } from "lucide";
import { Button, Skeleton } from "../components/ui.tsx";
import { useStaffTexts } from "./context.ts";
import { FailurePanel } from "./failure-panel.tsx";
import { Icon } from "./icon.tsx";
import type { List } from "./lists.ts";

export interface Column<Item> {
  key: string;
  label: string;
  cell: (item: Item) => ComponentChildren;
  /** Numbers and amounts are aligned at the end. */
  isNumber?: boolean;
  /** The heading of the row, and of its card on a phone. */
  isTitle?: boolean;
  /** Whether the table can be sorted by the column. */
  isSortable?: boolean;
}

export interface Sorting {
  key: string;
  isDescending: boolean;
}

interface Props<Item> {
  /** What the table lists, for screen readers. */
  caption: string;
  columns: ReadonlyArray<Column<Item>>;
  list: List<Item>;
  rowKey: (item: Item) => string;
  /** What the page shows instead of an empty table, such as `Empty`. */
  empty: ComponentChildren;
  /** What the page says when the list could not be loaded. */
  failed: string;
  /** Buttons at the end of each row. */
  actions?: (item: Item) => ComponentChildren;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
}

/** A list as a table, with its loading, empty and failed states and a button for more. */
export function DataTable<Item>({ list, empty, failed, ...table }: Props<Item>) {
  const t = useStaffTexts();
  if (list.failure) return <FailurePanel text={failed} failure={list.failure} onRetry={() => void list.reload()} />;
  if (list.items === null) return <Skeleton count={8} height="3.25rem" />;
  if (list.items.length === 0) return <>{empty}</>;
  return (
    <>
      <Table {...table} items={list.items} />
      {list.hasMore && (
        <p class="actions load-more">
          <Button kind="quiet" size="small" onClick={list.loadMore}>
            {list.isLoadingMore ? t.loadingMore : t.loadMore}
          </Button>
        </p>
      )}
    </>
  );
}

type TableProps<Item> = Omit<Props<Item>, "list" | "empty" | "failed"> & { items: readonly Item[] };

/**
 * The table itself. Its roles are written out, because browsers drop those of a table that is
 * shown as cards.
 */
export function Table<Item>({ caption, columns, items, rowKey, actions, sorting, onSort }: TableProps<Item>) {
  return (
    <table class="data-table" role="table">
      <caption class="unseen">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <HeadCell key={column.key} column={column} sorting={sorting} onSort={onSort} />
          ))}
          {actions && <td role="cell" />}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <tr key={rowKey(item)} role="row">
            {columns.map(({ key, label, cell, isNumber, isTitle }) =>
              isTitle ? (
                <th key={key} scope="row" role="rowheader">
                  {cell(item)}
                </th>
              ) : (
                <td key={key} role="cell" class={isNumber ? "number" : undefined} data-label={label}>
                  {/* One element, which a card shows beside the label. */}
                  <div>{cell(item)}</div>
                </td>
              ),
            )}
            {actions && (
              <td role="cell" class="row-actions">
                {actions(item)}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface HeadCellProps<Item> {
  column: Column<Item>;
  sorting: Sorting | undefined;
  onSort: ((sorting: Sorting) => void) | undefined;
}

function HeadCell<Item>({ column: { key, label, isNumber, isSortable }, sorting, onSort }: HeadCellProps<Item>) {
  const isSorted = sorting?.key === key;
  const isDescending = isSorted && sorting.isDescending;
  const order = isSorted ? (isDescending ? "descending" : "ascending") : undefined;
  return (
    <th scope="col" role="columnheader" class={isNumber ? "number" : undefined} aria-sort={order}>
      {isSortable && onSort ? (
        <button type="button" class="sort" onClick={() => onSort({ key, isDescending: isSorted && !isDescending })}>
          {label}
          {isSorted && <Icon of={isDescending ? ArrowDown : ArrowUp} />}
        </button>
      ) : (
        label
      )}
    </th>
  );
}
