// Figures of the studio: charts, each with a table and a CSV file.

import { useEffect, useMemo, useState } from "preact/hooks";
import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Empty, Skeleton } from "../../components/ui.tsx";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { mountStaff } from "../../staff/mount.tsx";
import { CsvLink, PageHead, Segments, useToday } from "../../staff/parts.tsx";
import { longDay } from "../../staff/dates.ts";
import { daysIn, type Range, RangeFields, readRange } from "../../staff/range.tsx";
import { type Column, Table } from "../../staff/table.tsx";
import type { StaffAnalyticsTexts } from "../../texts/staff-analytics.en.ts";
import { report } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { useLatest } from "../../tools/latest.ts";
import { addDays, formatDay, formatPrice } from "../../tools/time.ts";
import { Chart, type Line } from "./analytics/chart.tsx";
import { formatCount, formatRate, formatRevenue } from "./analytics/figures.ts";
import { HeatMap } from "./analytics/heat-map.tsx";
import "../../staff/facts.css";
import "./analytics.css";

type Analytics = Schema<"Analytics">;
type Bucket = Schema<"AnalyticsBucket">;
type ClassType = Schema<"AnalyticsClassType">;
type Texts = { t: StaffAnalyticsTexts };

type RangeName = "7" | "30" | "90" | "year" | "own";

/** The longest ranges that are shown by day and by week, in days. */
const MOST_DAYS = 92;
const MOST_WEEKS = 366;

function rangeOf(name: RangeName, today: string): Range {
  return name === "year" ? { from: `${today.slice(0, 4)}-01-01`, to: today } : { from: addDays(today, 1 - Number(name)), to: today };
}

function nameOf(range: Range, today: string): RangeName {
  const names = ["7", "30", "90", "year"] as const;
  return names.find((name) => rangeOf(name, today).from === range.from && range.to === today) ?? "own";
}

function AnalyticsPage({ t }: Texts) {
  const today = useToday();
  const [range, setRange] = useState(readRange() ?? rangeOf("30", today));
  const [isOwn, setOwn] = useState(false);
  const [shown, setShown] = useState<Analytics | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const latest = useLatest(range);
  const days = daysIn(range);
  const bucket = days <= MOST_DAYS ? "day" : days <= MOST_WEEKS ? "week" : "month";

  const load = async () => {
    setFailure(null);
    try {
      const found = await call(api.GET("/api/admin/analytics", { params: { query: { ...range, bucket, compare: true } } }));
      if (latest() === range) setShown(found);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      if (latest() === range) setFailure(failed);
    }
  };
  useEffect(() => void load().catch(report), [range]);

  const choose = (next: Range) => {
    history.replaceState(null, "", `/staff/analytics?from=${next.from}&to=${next.to}`);
    setRange(next);
  };
  const name = isOwn ? "own" : nameOf(range, today);
  return (
    <div class="staff-page">
      <PageHead title={t.title} hint={t.period(longDay(range.from), longDay(range.to))} />
      <div class="toolbar">
        <Segments<RangeName>
          label={t.range}
          value={name}
          options={(["7", "30", "90", "year", "own"] as const).map((one) => [one, t.ranges[one] ?? one])}
          onChange={(next) => {
            setOwn(next === "own");
            if (next !== "own") choose(rangeOf(next, today));
          }}
        />
        {name === "own" && <RangeFields t={t} range={range} onChange={choose} />}
      </div>
      {failure && <FailurePanel text={t.failed} failure={failure} onRetry={() => void load().catch(report)} />}
      {!failure && !shown && <Skeleton count={4} height="14rem" />}
      {!failure && shown && <Figures t={t} shown={shown} csv={(table) => csvAddress(range, bucket, table)} />}
    </div>
  );
}

function csvAddress(range: Range, bucket: string, table: string): string {
  return `/api/admin/analytics?${new URLSearchParams({ ...range, bucket, format: "csv", table })}`;
}

function Figures({ t, shown, csv }: Texts & { shown: Analytics; csv: (table: string) => string }) {
  const { buckets, classTypes, heatMap, quietMembers } = shown;
  return (
    <>
      <Totals t={t} shown={shown} />
      <Charts t={t} buckets={buckets} />
      <section class="figures-part">
        <header>
          <h2>{t.showTable}</h2>
          <CsvLink href={csv("buckets")} name="sabor" />
        </header>
        <details>
          <summary>{t.showTable}</summary>
          <Table caption={t.totals} columns={bucketColumns(t, shown.bucket)} items={buckets} rowKey={({ start }) => start} />
        </details>
      </section>
      <section class="figures-part">
        <header>
          <h2>{t.classTypes}</h2>
          <CsvLink href={csv("class_types")} name="sabor-class-types" />
        </header>
        {classTypes.length === 0 ? <Empty text={t.classTypesNone} /> : <Table caption={t.classTypes} columns={classTypeColumns(t)} items={classTypes} rowKey={({ classTypeId }) => classTypeId} />}
      </section>
      {heatMap.length > 0 && (
        <section class="figures-part">
          <header>
            <h2>{t.heatMap}</h2>
            <CsvLink href={csv("heat_map")} name="sabor-hours" />
          </header>
          <p class="hint">{t.heatMapHint}</p>
          <HeatMap t={t} hours={heatMap} />
        </section>
      )}
      <section class="figures-part">
        <h2>{t.quiet}</h2>
        <p>{quietMembers.count === 0 ? t.quietNone : t.quietText(quietMembers.count, longDay(quietMembers.since))}</p>
        {quietMembers.count > 0 && (
          <a class="button quiet small" href={`/staff/members?quietSince=${quietMembers.since}`}>
            {t.quietLink}
          </a>
        )}
      </section>
    </>
  );
}

/** The figures of the whole period, beside those of the period before. */
function Totals({ t, shown: { totals, retention, previous } }: Texts & { shown: Analytics }) {
  const before = previous?.totals;
  const facts: Array<[name: string, value: string, before: string | undefined]> = [
    [t.figures.revenue, formatRevenue(t, totals.revenue), before && formatRevenue(t, before.revenue)],
    [t.figures.bookings, formatCount(totals.bookings), before && formatCount(before.bookings)],
    [t.figures.cancellations, formatCount(totals.cancellations), before && formatCount(before.cancellations)],
    [t.figures.occupancy, formatRate(t, totals.occupancyRate), before && formatRate(t, before.occupancyRate)],
    [t.figures.noShows, formatCount(totals.noShows), before && formatCount(before.noShows)],
    [t.figures.signUps, formatCount(totals.signUps), before && formatCount(before.signUps)],
    [t.figures.firstTimers, formatCount(retention.firstTimers), previous ? formatCount(previous.retention.firstTimers) : undefined],
    [t.figures.returned, formatRate(t, retention.returnRate), previous ? formatRate(t, previous.retention.returnRate) : undefined],
  ];
  return (
    <>
      {previous && <p class="hint">{t.before(longDay(previous.from), longDay(previous.to))}</p>}
      <ul class="plain-list facts period-facts" aria-label={t.totals}>
        {facts.map(([name, value, was]) => (
          <li key={name}>
            <div>
              <span>{name}</span>
              <strong>{value}</strong>
              {was !== undefined && <small>{t.was(was)}</small>}
            </div>
          </li>
        ))}
      </ul>
      {retention.undecided > 0 && <p class="hint">{t.undecided(retention.undecided)}</p>}
    </>
  );
}

function Charts({ t, buckets }: Texts & { buckets: Bucket[] }) {
  const { days, revenue, bookings, people } = useMemo(() => {
    const currency = buckets[0]?.revenue[0]?.currency;
    const lines = (name: string, values: Array<number | null>, color: string, format?: (value: number) => string): Line => ({ name, values, color, ...(format ? { format } : {}) });
    const net = ({ revenue }: Bucket) => Number(revenue.find((one) => one.currency === currency)?.net ?? 0);
    return {
      days: buckets.map(({ start }) => start),
      revenue: [lines(t.figures.revenue, buckets.map(net), "--accent", currency ? (value) => formatPrice(String(value), currency) : undefined)],
      bookings: [
        lines(t.figures.bookings, buckets.map((one) => one.bookings), "--accent"),
        lines(t.figures.cancellations, buckets.map((one) => one.cancellations), "--ink"),
      ],
      people: [
        lines(t.figures.signUps, buckets.map((one) => one.signUps), "--accent"),
        lines(t.figures.firstTimers, buckets.map((one) => one.firstTimers), "--ink"),
      ],
    };
  }, [buckets]);
  return (
    <div class="charts">
      {(
        [
          [t.revenue, revenue],
          [t.bookingsChart, bookings],
          [t.peopleChart, people],
        ] as const
      ).map(([name, lines]) => (
        <section key={name} class="chart-card">
          <h2>{name}</h2>
          <Chart label={t.chartOf(name)} days={days} lines={lines} />
        </section>
      ))}
    </div>
  );
}

function bucketColumns(t: StaffAnalyticsTexts, bucket: Analytics["bucket"]): Array<Column<Bucket>> {
  const options: Intl.DateTimeFormatOptions = bucket === "month" ? { month: "long", year: "numeric" } : { month: "short", day: "numeric", year: "numeric" };
  const number = (key: string, label: string, cell: (one: Bucket) => string): Column<Bucket> => ({ key, label, isNumber: true, cell });
  return [
    { key: "start", label: t[bucket], isTitle: true, cell: ({ start }) => formatDay(start, options) },
    number("revenue", t.columns.revenue, ({ revenue }) => formatRevenue(t, revenue)),
    number("bookings", t.columns.bookings, ({ bookings }) => formatCount(bookings)),
    number("cancellations", t.columns.cancellations, ({ cancellations }) => formatCount(cancellations)),
    number("late", t.columns.late, ({ lateCancellations }) => formatCount(lateCancellations)),
    number("attended", t.columns.attended, ({ attended }) => formatCount(attended)),
    number("noShows", t.columns.noShows, ({ noShows }) => formatCount(noShows)),
    number("signUps", t.columns.signUps, ({ signUps }) => formatCount(signUps)),
    number("firstTimers", t.columns.firstTimers, ({ firstTimers }) => formatCount(firstTimers)),
    number("occupancy", t.columns.occupancy, ({ occupancyRate }) => formatRate(t, occupancyRate)),
  ];
}

function classTypeColumns(t: StaffAnalyticsTexts): Array<Column<ClassType>> {
  const number = (key: string, label: string, cell: (one: ClassType) => string): Column<ClassType> => ({ key, label, isNumber: true, cell });
  return [
    { key: "name", label: t.columns.classType, isTitle: true, cell: ({ name }) => name },
    number("classes", t.columns.classes, ({ classes }) => formatCount(classes)),
    number("occupancy", t.columns.occupancy, ({ occupancyRate }) => formatRate(t, occupancyRate)),
    number("bookings", t.columns.bookings, ({ bookings }) => formatCount(bookings)),
    number("cancellations", t.columns.cancellations, ({ cancellations }) => formatCount(cancellations)),
    number("attended", t.columns.attended, ({ attended }) => formatCount(attended)),
    number("noShows", t.columns.noShows, ({ noShows }) => formatCount(noShows)),
    number("revenue", t.columns.revenue, ({ revenue }) => formatRevenue(t, revenue)),
  ];
}

const catalog: Catalog<StaffAnalyticsTexts> = { en: () => import("../../texts/staff-analytics.en.ts"), es: () => import("../../texts/staff-analytics.es.ts") };
await mountStaff({ catalog, section: "analytics", Page: AnalyticsPage });
