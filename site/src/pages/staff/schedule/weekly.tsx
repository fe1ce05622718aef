// The weekly classes from which dates are made.

import { useState } from "preact/hooks";
import { CalendarX2 } from "lucide";
import { api, call, type Schema } from "../../../api/client.ts";
import { Empty } from "../../../components/ui.tsx";
import { longDay } from "../../../staff/dates.ts";
import { useList } from "../../../staff/lists.ts";
import { ActionMenu } from "../../../staff/parts.tsx";
import { type Column, DataTable } from "../../../staff/table.tsx";
import type { StaffScheduleTexts } from "../../../texts/staff-schedule.en.ts";
import { report } from "../../../tools/action.ts";
import { formatDay, formatTime } from "../../../tools/time.ts";
import { EndWeeklyDialog } from "./dialogs.tsx";

type WeeklyClass = Schema<"WeeklyClass">;

/** January 4, 1970 was a Sunday, which is day 0 of the API. */
const SUNDAY = "1970-01-04";

export function WeeklyClasses({ t, version }: { t: StaffScheduleTexts; version: number }) {
  const [ended, setEnded] = useState<WeeklyClass | null>(null);
  const list = useList<WeeklyClass>(String(version), (cursor) => call(api.GET("/api/admin/schedule", { params: { query: cursor ? { cursor } : {} } })));
  return (
    <>
      <DataTable
        caption={t.weekly}
        columns={columnsOf(t)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.weeklyFailed}
        empty={<Empty text={t.weeklyNone} />}
        actions={(weekly) =>
          weekly.isActive && (
            <ActionMenu label={t.actionsOf(weekly.classType, whenOf(weekly))} items={[{ text: t.endWeekly, icon: CalendarX2, isDangerous: true, onClick: () => setEnded(weekly) }]} />
          )
        }
      />
      {ended && <EndWeeklyDialog t={t} weekly={ended} onClose={() => setEnded(null)} onChange={() => void list.reload().catch(report)} />}
    </>
  );
}

function whenOf({ dayOfWeek, startTime }: WeeklyClass): string {
  const weekday = formatDay(`1970-01-${String(Number(SUNDAY.slice(-2)) + dayOfWeek).padStart(2, "0")}`, { weekday: "long" });
  return `${weekday}, ${formatTime(startTime)}`;
}

function columnsOf(t: StaffScheduleTexts): Array<Column<WeeklyClass>> {
  return [
    { key: "title", label: t.weeklyColumns.title, isTitle: true, cell: ({ classType }) => classType },
    { key: "when", label: t.weeklyColumns.when, cell: whenOf },
    { key: "room", label: t.weeklyColumns.room, cell: ({ room }) => room },
    { key: "instructor", label: t.weeklyColumns.instructor, cell: ({ instructor }) => instructor },
    {
      key: "until",
      label: t.weeklyColumns.until,
      cell: ({ isActive, effectiveUntil }) =>
        isActive ? effectiveUntil ? longDay(effectiveUntil) : <span class="hint">{t.noEnd}</span> : <span class="tag">{t.retired}</span>,
    },
  ];
}
