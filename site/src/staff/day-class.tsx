// A class in a list of classes. The row leads to its roster.

import type { ComponentChildren } from "preact";
import type { DayClassTexts } from "../texts/day-class.en.ts";
import { formatTimeIn } from "../tools/time.ts";
import "./day-class.css";

interface ListedClass {
  id: string;
  title: string;
  startTime: string;
  endTime: string;
  room: string;
  places: number;
  taken: number;
  waitlisted: number;
  checkedIn: number;
  isCancelled: boolean;
  /** The name of the instructor. Instructors see only their own classes, without it. */
  instructor?: string;
  /** How many have not paid. Instructors do not see it. */
  unpaid?: number;
}

interface Props {
  t: DayClassTexts;
  occurrence: ListedClass;
  zone: string;
  /** The level of the heading. */
  heading: "h2" | "h3";
  /** A menu with what else can be done. */
  children?: ComponentChildren;
}

export function DayClass({ t, occurrence, zone, heading: Heading, children }: Props) {
  const { id, title, startTime, endTime, room, instructor, isCancelled } = occurrence;
  const [now, start, end] = [Date.now(), Date.parse(startTime), Date.parse(endTime)];
  const state = isCancelled ? "cancelled" : end <= now ? "over" : start <= now ? "now" : "";
  const time = formatTimeIn(startTime, zone);
  return (
    <article class={`day-class ${state}`}>
      <p class="class-time">
        <time dateTime={startTime}>{time}</time>
        <span>{formatTimeIn(endTime, zone)}</span>
      </p>
      <div class="class-what">
        <Heading>
          <a href={`/staff/roster/${id}`} aria-label={t.open(title, time)}>
            {title}
          </a>
        </Heading>
        <p class="hint">{instructor ? `${room} · ${t.with(instructor)}` : room}</p>
      </div>
      {isCancelled ? (
        <p class="class-figures">
          <span class="tag bad">{t.cancelled}</span>
        </p>
      ) : (
        <Figures t={t} occurrence={occurrence} state={state} />
      )}
      {children}
    </article>
  );
}

function Figures({ t, occurrence: { places, taken, checkedIn, waitlisted, unpaid = 0 }, state }: Pick<Props, "t" | "occurrence"> & { state: string }) {
  return (
    <div class="class-figures">
      <Spots label={t.taken(taken, places)} taken={taken} places={places} />
      <p class="tags">
        {state === "now" && <span class="tag good">{t.now}</span>}
        {state === "over" && <span class="tag">{t.over}</span>}
        {checkedIn > 0 && <span class="tag good">{t.checkedIn(checkedIn)}</span>}
        {unpaid > 0 && <span class="tag warn">{t.unpaid(unpaid)}</span>}
        {waitlisted > 0 && <span class="tag">{t.waiting(waitlisted)}</span>}
      </p>
    </div>
  );
}

/** How many spots are taken, as a number and a bar. */
function Spots({ label, taken, places }: { label: string; taken: number; places: number }) {
  return (
    <p class="spots" role="img" aria-label={label}>
      <span class="spots-taken">
        <strong>{taken}</strong>/{places}
      </span>
      <meter class={taken >= places ? "full" : undefined} min={0} max={Math.max(places, 1)} value={taken} aria-hidden="true" />
    </p>
  );
}
