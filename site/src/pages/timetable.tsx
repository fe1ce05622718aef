// The timetable: seven days of classes. The address has the first day and the filters.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, call, readAllPages } from "../api/client.ts";
import { ClassCard } from "../classes/card.tsx";
import type { Occurrence } from "../classes/live.ts";
import { useLiveClasses } from "../classes/live-classes.ts";
import { describeContent, eventItem } from "../classes/structured-data.ts";
import { mount } from "../components/mount.tsx";
import { Button, Empty, ErrorPanel, Skeleton, SkipLink } from "../components/ui.tsx";
import type { TimetableTexts } from "../texts/timetable.en.ts";
import { useCurrent } from "../tools/current.ts";
import type { Catalog } from "../tools/language.ts";
import { addDays, dayOf, formatDay, parseDay } from "../tools/time.ts";
import { useTurn } from "../tools/turn.ts";
import "./timetable.css";

const DAYS = 7;

/** After how many cards another task renders the next day. They fill the window of a phone. */
const CARDS_OF_TURN = 6;

interface Filters {
  level: string;
  style: string;
  instructor: string;
  room: string;
}

/** The query of the address. */
interface TimetableQuery extends Filters {
  /** The first of the seven days, or null for today. */
  week: string | null;
}

function readQuery(): TimetableQuery {
  const parameters = new URLSearchParams(location.search);
  const text = (name: string) => parameters.get(name) ?? "";
  return { week: parseDay(parameters.get("week")), level: text("level"), style: text("style"), instructor: text("instructor"), room: text("room") };
}

function addressOf(query: TimetableQuery): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value) parameters.set(name, value);
  }
  return parameters.size > 0 ? `/timetable?${parameters}` : "/timetable";
}

interface Shown {
  first: string;
  today: string;
  items: Occurrence[];
}

/** Loads seven days. Without a first day, they begin today in the studio's time zone. */
async function loadDays(week: string | null): Promise<Shown> {
  const range = week ? { from: week, to: addDays(week, DAYS - 1) } : {};
  const found = await readAllPages<Occurrence>((query) => call(api.GET("/api/classes/schedule", { params: { query: { ...query, ...range } } })));
  const all = found.sort((one, other) => one.startTime.localeCompare(other.startTime));
  const today = dayOf(new Date(), all[0]?.timeZone);
  const first = week ?? today;
  const last = addDays(first, DAYS - 1);
  return { first, today, items: all.filter(({ localDate }) => localDate >= first && localDate <= last) };
}

function Timetable({ t }: { t: TimetableTexts }) {
  const [query, setQuery] = useState(readQuery());
  const { loaded, failure, reload } = useLiveClasses({
    t: t.classes,
    load: () => loadDays(query.week),
    classesOf: ({ items }) => items,
    key: query.week ?? "",
  });

  useEffect(() => {
    if (loaded) describeContent({ path: "/timetable" }, () => loaded.items.map(eventItem));
  }, [loaded]);

  useEffect(() => {
    const follow = () => setQuery(readQuery());
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);

  const goTo = (next: TimetableQuery) => {
    history.pushState(null, "", addressOf(next));
    setQuery(next);
  };

  return (
    <div class="wide page timetable">
      {loaded && <SkipLink to="days">{t.skip}</SkipLink>}
      <h1>{t.title}</h1>
      <p class="lead">{t.lead}</p>
      <Controls t={t} query={query} shown={failure ? withoutClasses(query.week) : loaded} onChange={goTo} />
      {failure ? (
        <ErrorPanel text={t.failed} requestId={failure.requestId} onRetry={reload} />
      ) : loaded ? (
        <Days t={t} query={query} shown={loaded} onChange={goTo} />
      ) : (
        <Skeleton count={4} height="11rem" />
      )}
    </div>
  );
}

/** The days of a week whose classes could not be loaded. */
function withoutClasses(week: string | null): Shown {
  const today = dayOf(new Date());
  return { first: week ?? today, today, items: [] };
}

interface ControlsProps {
  t: TimetableTexts;
  query: TimetableQuery;
  shown: Shown | null;
  onChange: (query: TimetableQuery) => void;
}

function Controls({ t, query, shown, onChange }: ControlsProps) {
  const items = shown?.items ?? [];
  const styles = useMemo(() => [...new Set([...items.flatMap((item) => item.styles), query.style].filter(Boolean))].sort(), [items, query.style]);
  const teachers = useMemo(
    () => [...new Map(items.map(({ instructor }) => [instructor.id, instructor.name]))].sort((one, other) => one[1].localeCompare(other[1])),
    [items],
  );
  const rooms = useMemo(() => [...new Set([...items.map((item) => item.room), query.room].filter(Boolean))].sort(), [items, query.room]);
  // A phone shows the level, and the others after a tap.
  const [isOpen, setOpen] = useState(false);
  const folded = [query.style, query.instructor, query.room].filter(Boolean).length;
  const choose = (name: keyof Filters) => (event: Event) => onChange({ ...query, [name]: (event.currentTarget as HTMLSelectElement).value });
  const move = (days: number) => {
    if (!shown) return;
    const first = addDays(shown.first, days);
    onChange({ ...query, week: first <= shown.today ? null : first });
  };
  return (
    <div class="controls">
      <div class="week" role="group" aria-label={t.week}>
        <Button kind="quiet" size="small" disabled={!shown || shown.first <= shown.today} onClick={() => move(-DAYS)}>
          ← {t.earlier}
        </Button>
        <strong>
          {shown && `${formatDay(shown.first, { month: "short", day: "numeric" })} – ${formatDay(addDays(shown.first, DAYS - 1), { month: "short", day: "numeric" })}`}
        </strong>
        <Button kind="quiet" size="small" disabled={!shown} onClick={() => move(DAYS)}>
          {t.later} →
        </Button>
      </div>
      <div class="filters" role="group" aria-label={t.filters}>
        <Choice label={t.level} all={t.allLevels} value={query.level} options={Object.entries(t.classes.levels)} onChange={choose("level")} />
        <Button class="more-filters" kind="quiet" size="small" aria-expanded={isOpen} aria-controls="folded-filters" onClick={() => setOpen(!isOpen)}>
          {t.moreFilters(folded)}
        </Button>
        <div id="folded-filters" class={isOpen ? "folded-filters is-open" : "folded-filters"}>
          <Choice label={t.style} all={t.allStyles} value={query.style} options={styles.map((style) => [style, capitalized(style)])} onChange={choose("style")} />
          <Choice label={t.teacher} all={t.allTeachers} value={query.instructor} options={teachers} onChange={choose("instructor")} />
          <Choice label={t.room} all={t.allRooms} value={query.room} options={rooms.map((room) => [room, room])} onChange={choose("room")} />
        </div>
      </div>
    </div>
  );
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

interface ChoiceProps {
  label: string;
  all: string;
  value: string;
  options: Array<[string, string]>;
  onChange: (event: Event) => void;
}

function Choice({ label, all, value, options, onChange }: ChoiceProps) {
  return (
    <label class="choice">
      <span class="unseen">{label}</span>
      <select value={value} onChange={onChange}>
        <option value="">{all}</option>
        {options.map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Days({ t, query, shown, onChange }: ControlsProps & { shown: Shown }) {
  const items = shown.items.filter(
    (item) =>
      (!query.level || item.level === query.level) &&
      (!query.style || item.styles.includes(query.style)) &&
      (!query.instructor || item.instructor.id === query.instructor) &&
      (!query.room || item.room === query.room),
  );
  const isFiltered = items.length < shown.items.length;
  const days = Array.from({ length: DAYS }, (_, index) => addDays(shown.first, index));
  if (items.length === 0) {
    return (
      <Empty text={isFiltered ? t.noneMatch : t.noneAtAll}>
        {isFiltered && (
          <Button kind="plain" onClick={() => onChange({ week: query.week, level: "", style: "", instructor: "", room: "" })}>
            {t.clear}
          </Button>
        )}
        <Button kind="plain" onClick={() => onChange({ ...query, week: addDays(shown.first, DAYS) })}>
          {t.nextDays}
        </Button>
      </Empty>
    );
  }
  const zone = items[0]?.timeZone;
  return (
    <>
      <DayStrip t={t} days={days} isEmpty={(day) => items.every(({ localDate }) => localDate !== day)} />
      <div id="days" class="days" tabIndex={-1}>
        {days.map((day) => (
          <Day
            key={day}
            t={t}
            day={day}
            isToday={day === shown.today}
            items={items.filter(({ localDate }) => localDate === day)}
            turn={Math.floor(items.filter(({ localDate }) => localDate < day).length / CARDS_OF_TURN)}
          />
        ))}
      </div>
      {zone && <p class="hint zone">{t.zone(zone)}</p>}
    </>
  );
}

interface DayProps {
  t: TimetableTexts;
  day: string;
  isToday: boolean;
  items: Occurrence[];
  /** See `useTurn`. */
  turn: number;
}

function Day({ t, day, isToday, items, turn }: DayProps) {
  const isTurn = useTurn(turn);
  // Nobody can book a class that has started, so it does not stand before those that can be booked.
  const started = items.filter(({ startTime }) => new Date(startTime) <= new Date());
  const upcoming = items.filter((item) => !started.includes(item));
  const cards = (classes: Occurrence[]) => classes.map((occurrence) => <ClassCard key={occurrence.id} t={t.classes} occurrence={occurrence} />);
  return (
    <section class="day" id={`day-${day}`} aria-labelledby={`heading-${day}`}>
      <h2 id={`heading-${day}`}>
        <span class="weekday">{isToday ? t.today : formatDay(day, { weekday: "long" })}</span>
        <span class="date">{formatDay(day, { month: "short", day: "numeric" })}</span>
      </h2>
      {items.length === 0 && <p class="hint">{t.none}</p>}
      {started.length > 0 && (
        <details class="started">
          <summary>{t.started(started.length)}</summary>
          {cards(started)}
        </details>
      )}
      {isTurn && cards(upcoming)}
      {!isTurn && upcoming.length > 0 && <Skeleton count={upcoming.length} height="11rem" />}
    </section>
  );
}

interface StripProps {
  t: TimetableTexts;
  days: string[];
  isEmpty: (day: string) => boolean;
}

/** Links to the days, as one stop of the Tab key. The arrow keys lead from day to day. */
function DayStrip({ t, days, isEmpty }: StripProps) {
  const current = useCurrent(days.map((day) => `day-${day}`));
  const strip = useRef<HTMLElement>(null);
  const [focused, setFocused] = useState<string | null>(null);
  const stop = focused ?? days.find((day) => current === `day-${day}`) ?? days[0];
  const move = (event: KeyboardEvent) => {
    const at = days.indexOf(focused ?? "");
    const targets: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: days.length - 1 };
    const link = strip.current?.children[targets[event.key] ?? -1];
    if (!(link instanceof HTMLElement)) return;
    event.preventDefault();
    link.focus();
  };
  return (
    <nav class="day-strip" aria-label={t.days} ref={strip} onKeyDown={move}>
      {days.map((day) => (
        <a
          key={day}
          href={`#day-${day}`}
          class={isEmpty(day) ? "without" : undefined}
          tabIndex={day === stop ? 0 : -1}
          aria-current={current === `day-${day}` ? "true" : undefined}
          onFocus={() => setFocused(day)}
          onBlur={() => setFocused(null)}
        >
          <span>{formatDay(day, { weekday: "short" })}</span>
          <strong>{formatDay(day, { day: "numeric" })}</strong>
        </a>
      ))}
    </nav>
  );
}

const catalog: Catalog<TimetableTexts> = { en: () => import("../texts/timetable.en.ts"), es: () => import("../texts/timetable.es.ts") };
await mount(catalog, Timetable);
