// One class, with what the member can do about it.

import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Dialog } from "../components/ui.tsx";
import { passPart } from "../passes/pass-part.ts";
import type { ClassTexts } from "../texts/classes.en.ts";
import { useStore, useStorePart } from "../tools/store.ts";
import { studio } from "../tools/studio.ts";
import { formatDay, formatTime } from "../tools/time.ts";
import { book, leaveWaitlist, whenOf } from "./actions.ts";
import { calendarLink } from "./calendar.ts";
import { classPath, coursePath, isBookedWithCourse, minutesOf, priceText } from "./facts.ts";
import { availability, bookings, givenUpClasses, type Occurrence } from "./live.ts";
import "./card.css";

/** From this many free spots on, their number does not matter. */
const MANY_SPOTS = 6;

/** What a page is about. */
type Subject = "class" | "instructor" | undefined;

interface Props {
  t: ClassTexts;
  occurrence: Occurrence;
  /** What stands above the time, such as the day. */
  day?: string;
  /** What the card does not repeat. */
  subject?: Subject;
}

/** The stops of the Tab key are the class, its button if it has one, and the link to the calendar if the class is booked. */
export function ClassCard({ t, occurrence, day, subject }: Props) {
  const { title, room, instructor, level, localTime } = occurrence;
  const state = useClassState(occurrence);
  const booking = useStorePart(bookings, (all) => all.get(occurrence.id));
  const isBooked = booking?.status === "booked" && !state.isCancelled && !state.hasStarted;
  const action = useKeptFocus(booking?.status);
  return (
    <article class={`class-card ${state.isCancelled ? "is-cancelled" : ""}`}>
      {subject === "class" ? (
        <h3 class="class-day">
          <a href={classPath(occurrence)}>{day}</a>
        </h3>
      ) : (
        day && <p class="class-day">{day}</p>
      )}
      <p class="class-time">
        <time dateTime={occurrence.startTime}>{formatTime(localTime)}</time>
        <span>{t.minutes(minutesOf(occurrence))}</span>
      </p>
      {subject !== "class" && (
        <h3>
          <a href={classPath(occurrence)}>{title}</a>
        </h3>
      )}
      <ul class="plain-list class-facts">
        {subject !== "instructor" && <li>{t.with(instructor.name)}</li>}
        <li>{room}</li>
        <CourseFact t={t} occurrence={occurrence} />
        {subject !== "class" && (
          <li>
            <span>{t.levels[level] ?? level} ·</span> <Price t={t} occurrence={occurrence} />
          </li>
        )}
      </ul>
      <div class="class-action" ref={action}>
        {!isBooked && <Spots t={t} state={state} />}
        <ClassButton t={t} occurrence={occurrence} state={state} />
        {isBooked && (
          <a
            class="button quiet small"
            aria-label={t.named(t.addToCalendar, title, whenOf(occurrence))}
            {...calendarLink({ ...occurrence, id: booking.id, instructor: instructor.name })}
          >
            {t.addToCalendar}
          </a>
        )}
      </div>
    </article>
  );
}

/** The price, or the pass that pays for the member's booking, or would pay for it. */
export function Price({ t, occurrence, isLong = false }: { t: ClassTexts; occurrence: Occurrence; isLong?: boolean }) {
  const booking = useStorePart(bookings, (all) => all.get(occurrence.id));
  const isGivenUp = useStorePart(givenUpClasses, (all) => all.has(occurrence.id));
  const passes = useStore(passPart);
  const price = priceText(t, occurrence);
  if (passes && booking?.pass) return <>{passes[isLong ? "paid" : "paidShort"](booking.pass)}</>;
  // Without a price, nothing but the course pays.
  if (booking?.course && Number(booking.price) === 0) return <>{booking.course.isPaid ? t.paidWithCourse : t.unpaidWithCourse}</>;
  if (booking?.course) return <>{priceText(t, booking)}</>;
  if (!booking && isGivenUp) return <>{t.paidWithCourse}</>;
  if (!booking && isBookedWithCourse(occurrence)) return <>{t.onlyWithCourse}</>;
  return passes && !booking && !isLong ? <passes.Payer t={passes.t} occurrence={occurrence} price={price} /> : <>{price}</>;
}

/** The course that the class is part of. */
function CourseFact({ t, occurrence: { course } }: { t: ClassTexts; occurrence: Occurrence }) {
  return (
    course && (
      <li>
        <a href={coursePath(course)}>{t.ofCourse(course.name)}</a>
      </li>
    )
  );
}

/** Cards of classes on several days. */
export function DatedCards({ t, classes, subject }: { t: ClassTexts; classes: Occurrence[]; subject?: Subject }) {
  return (
    <>
      {classes.map((occurrence) => (
        <ClassCard
          key={occurrence.id}
          subject={subject}
          t={t}
          occurrence={occurrence}
          day={formatDay(occurrence.localDate, { weekday: "long", month: "short", day: "numeric" })}
        />
      ))}
    </>
  );
}

interface ClassState {
  isCancelled: boolean;
  hasStarted: boolean;
  placesLeft: number;
  waitlistLength: number;
}

/** The latest that is known about a class. */
export function useClassState(occurrence: Occurrence): ClassState {
  return useStorePart(availability, (all) => {
    const latest = all.get(occurrence.id) ?? occurrence;
    return {
      isCancelled: latest.isCancelled,
      hasStarted: new Date(latest.startTime) <= new Date(),
      placesLeft: latest.placesLeft,
      waitlistLength: latest.waitlistLength,
    };
  });
}

/** Keeps the focus in an element when its button is replaced by another after `cause` has changed. */
export function useKeptFocus(cause: unknown) {
  const element = useRef<HTMLDivElement>(null);
  const hadFocus = useRef(false);
  useEffect(() => {
    const note = (event: FocusEvent) => {
      hadFocus.current = element.current?.contains(event.target as Node) ?? false;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, []);
  useEffect(() => {
    if (hadFocus.current && document.activeElement === document.body) element.current?.querySelector<HTMLElement>("a, button")?.focus();
  }, [cause]);
  return element;
}

export function Spots({ t, state }: { t: ClassTexts; state: ClassState }) {
  if (state.isCancelled) return <span class="tag bad">{t.cancelled}</span>;
  if (state.hasStarted) return <span class="tag">{t.started}</span>;
  if (state.placesLeft >= MANY_SPOTS) return <span class="class-spots">{t.manySpots}</span>;
  if (state.placesLeft > 0) return <span class="class-spots few">{t.spots(state.placesLeft)}</span>;
  return <span class="class-spots">{state.waitlistLength > 0 ? t.waiting(state.waitlistLength) : t.full}</span>;
}

interface ButtonProps {
  t: ClassTexts;
  occurrence: Occurrence;
  state: ClassState;
  /** Whether the page is about this class. */
  isMain?: boolean;
}

/** What the member can do: book, join or leave the waitlist, or look at the booking. */
export function ClassButton({ t, occurrence, state, isMain = false }: ButtonProps) {
  const booking = useStorePart(bookings, (all) => all.get(occurrence.id));
  const isGivenUp = useStorePart(givenUpClasses, (all) => all.has(occurrence.id));
  const passes = useStore(passPart);
  const cutoffHours = useStore(studio)?.waitlistCutoffHours ?? 0;
  const [isDialogOpen, setDialogOpen] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  const when = whenOf(occurrence);
  const name = (action: string) => t.named(action, occurrence.title, when);
  if (state.isCancelled || (state.hasStarted && !booking)) return null;
  if (booking?.status === "waitlisted") {
    const label = t.waitlisted(booking.waitlistPosition ?? null);
    return (
      <>
        <Button kind="quiet" size="small" aria-label={name(label)} isWorking={isLeaving} onClick={() => setDialogOpen(true)}>
          {label}
        </Button>
        <Dialog title={t.leaveTitle} isOpen={isDialogOpen} onClose={() => setDialogOpen(false)}>
          <p>{t.leaveText(occurrence.title, when)}</p>
          <p class="actions">
            <Button
              onClick={() => {
                setDialogOpen(false);
                setLeaving(true);
                void leaveWaitlist(t, booking).finally(() => setLeaving(false));
              }}
            >
              {t.leave}
            </Button>
            <Button kind="plain" autofocus onClick={() => setDialogOpen(false)}>
              {t.keep}
            </Button>
          </p>
        </Dialog>
      </>
    );
  }
  if (booking) {
    return (
      <a class="button small booked" href="/bookings" aria-label={name(t.booked)}>
        ✓ {t.booked}
      </a>
    );
  }
  // Who has given up a spot of the course can take it again, or wait for one.
  if (occurrence.course && isBookedWithCourse(occurrence) && !isGivenUp) {
    return (
      <a class={`button small ${isMain ? "" : "soft"}`} href={coursePath(occurrence.course)} aria-label={name(t.seeCourse)}>
        {t.seeCourse}
      </a>
    );
  }
  if (state.placesLeft > 0) {
    return (
      <span class="book">
        <Button kind={isMain ? "primary" : "soft"} size="small" aria-label={name(t.book)} onClick={() => book(t, occurrence, false)}>
          {t.book}
        </Button>
        {passes && !isMain && !isGivenUp && <passes.Ways t={passes.t} classTexts={t} occurrence={occurrence} />}
      </span>
    );
  }
  const isWaitlistClosed = Date.parse(occurrence.startTime) - cutoffHours * 3_600_000 <= Date.now();
  if (isWaitlistClosed) return null;
  return (
    <Button kind="quiet" size="small" aria-label={name(t.joinWaitlist)} onClick={() => book(t, occurrence, true)}>
      {t.joinWaitlist}
    </Button>
  );
}
