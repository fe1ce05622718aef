// A chart of figures over time.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { language } from "../../../tools/language.ts";

/** The height of a chart, in pixels. */
const HEIGHT = 220;

/** The width of an axis without its labels, and of a letter of them, in pixels. */
const AXIS_WIDTH = 18;
const LETTER_WIDTH = 7;

/** Lines are told apart by their dashes as well as by their colors. */
const DASHES = [[], [6, 4]];

export interface Line {
  name: string;
  values: Array<number | null>;
  /** A custom property of the style sheet. */
  color: string;
  format?: (value: number) => string;
}

interface Props {
  label: string;
  /** The start of each bucket, such as 2026-03-08. */
  days: string[];
  lines: Line[];
}

export function Chart({ label, days, lines }: Props) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const draw = () => new uPlot(optionsOf(target, lines), [days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1_000), ...lines.map(({ values }) => values)], target);
    let chart = draw();
    const resize = new ResizeObserver(() => chart.setSize({ width: target.clientWidth, height: HEIGHT }));
    resize.observe(target);
    // The canvas does not follow the colors of the style sheet by itself.
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => {
      chart.destroy();
      chart = draw();
    };
    scheme.addEventListener("change", redraw);
    return () => {
      resize.disconnect();
      scheme.removeEventListener("change", redraw);
      chart.destroy();
    };
  }, [days, lines]);
  return <div ref={element} class="chart" role="img" aria-label={label} style={{ minHeight: `${HEIGHT}px` }} />;
}

function optionsOf(target: HTMLElement, lines: Line[]): uPlot.Options {
  const style = getComputedStyle(target);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: `12px ${style.fontFamily}` };
  const format = lines[0]?.format ?? ((value: number) => new Intl.NumberFormat(language.value).format(value));
  const dayFormat = new Intl.DateTimeFormat(language.value, { month: "short", day: "numeric", timeZone: "UTC" });
  return {
    width: target.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
    legend: { show: lines.length > 1, live: false },
    cursor: { show: false },
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [
      { ...axis, values: (_chart, ticks) => ticks.map((tick) => dayFormat.format(new Date(tick * 1_000))) },
      { ...axis, size: (_chart, labels) => AXIS_WIDTH + LETTER_WIDTH * Math.max(0, ...(labels ?? []).map(({ length }) => length)), values: (_chart, ticks) => ticks.map((tick) => (Number.isInteger(tick) || lines[0]?.format ? format(tick) : "")) },
    ],
    series: [
      {},
      ...lines.map((line, index) => ({ label: line.name, stroke: color(line.color), width: 2, dash: DASHES[index % DASHES.length] ?? [], points: { show: false } })),
    ],
  };
}
