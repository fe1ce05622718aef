// How full the classes are, by weekday and hour.

import type { Schema } from "../../../api/client.ts";
import type { StaffAnalyticsTexts } from "../../../texts/staff-analytics.en.ts";
import { formatDay, formatTime } from "../../../tools/time.ts";
import { formatRate } from "./figures.ts";

type Hour = Schema<"AnalyticsHour">;

/** How many shades the style sheet has. */
const SHADES = 5;

/** June 1, 1970 was a Monday, which is weekday 1 of ISO 8601. */
function weekdayName(weekday: number, width: "short" | "long"): string {
  return formatDay(`1970-06-0${weekday}`, { weekday: width });
}

export function HeatMap({ t, hours: cells }: { t: StaffAnalyticsTexts; hours: Hour[] }) {
  const weekdays = [1, 2, 3, 4, 5, 6, 7];
  const hours = [...new Set(cells.map(({ hour }) => hour))].sort((one, other) => one - other);
  const timeOf = (hour: number) => formatTime(`${String(hour).padStart(2, "0")}:00`);
  return (
    <div class="wide-table" tabIndex={0} role="region" aria-label={t.heatMap}>
      <table class="heat-map">
        <caption class="unseen">{t.heatMap}</caption>
        <thead>
          <tr>
            <th scope="col">{t.hour}</th>
            {weekdays.map((weekday) => (
              <th key={weekday} scope="col">
                {weekdayName(weekday, "short")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {hours.map((hour) => (
            <tr key={hour}>
              <th scope="row">{timeOf(hour)}</th>
              {weekdays.map((weekday) => {
                const cell = cells.find((one) => one.weekday === weekday && one.hour === hour);
                if (!cell) return <td key={weekday} />;
                const rate = cell.occupancyRate ?? 0;
                const shade = Math.min(SHADES - 1, Math.floor(rate * SHADES));
                return (
                  <td key={weekday} class={`heat-${shade}`} title={t.heatCell(weekdayName(weekday, "long"), timeOf(hour), formatRate(t, cell.occupancyRate), cell.classes)}>
                    {formatRate(t, cell.occupancyRate)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
