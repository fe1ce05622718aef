// One date of a class, which a link names.

import { calendarLink } from "../../classes/calendar.ts";
import { ClassButton, Price, Spots, useClassState } from "../../classes/card.tsx";
import { classPath, coursePath, isBookedWithCourse, minutesOf } from "../../classes/facts.ts";
import { bookings, type Occurrence } from "../../classes/live.ts";
import { Button } from "../../components/ui.tsx";
import { passPart } from "../../passes/pass-part.ts";
import type { ClassTypesTexts } from "../../texts/class-types.en.ts";
import { say } from "../../tools/action.ts";
import { useStore, useStorePart } from "../../tools/store.ts";
import { formatDay, formatTime } from "../../tools/time.ts";

interface Props {
  t: ClassTypesTexts;
  occurrence: Occurrence;
}

export function SharedClass({ t, occurrence }: Props) {
  const { id, title, instructor, room, localDate, localTime } = occurrence;
  const state = useClassState(occurrence);
  const bookingId = useStorePart(bookings, (all) => all.get(id)?.id);
  const passes = useStore(passPart);
  const isOver = new Date(occurrence.endTime) <= new Date();
  const day = `${formatDay(localDate)}, ${formatTime(localTime)}`;

  const share = async () => {
    const url = new URL(classPath(occurrence), location.href).href;
    try {
      if (typeof navigator.share === "function") await navigator.share({ title, text: `${title}, ${day}`, url });
      else {
        await navigator.clipboard.writeText(url);
        say(t.linkCopied);
      }
    } catch (failure) {
      // The person has closed the menu.
      if (failure instanceof DOMException && failure.name === "AbortError") return;
      say(t.copyYourself(url));
    }
  };

  return (
    <section class={`card shared ${state.isCancelled ? "is-cancelled" : ""}`} aria-labelledby="shared-day">
      <h2 id="shared-day">
        <time dateTime={occurrence.startTime}>
          <span>{formatDay(localDate)},</span> <span>{formatTime(localTime)}</span>
        </time>
      </h2>
      <p class="class-facts">
        <a href={`/instructors/${instructor.id}`}>{t.classes.with(instructor.name)}</a> · {room} · {t.classes.minutes(minutesOf(occurrence))} ·{" "}
        <Price t={t.classes} occurrence={occurrence} isLong />
      </p>
      {state.isCancelled ? <p>{t.dateCancelled}</p> : isOver ? <p>{t.dateOver}</p> : <Spots t={t.classes} state={state} />}
      {!isOver && !state.isCancelled && (
        <p class="actions">
          <ClassButton t={t.classes} occurrence={occurrence} state={state} isMain />
          <Button kind="quiet" size="small" onClick={() => void share()}>
            {t.share}
          </Button>
          {!state.hasStarted && (
            <a class="button quiet small" {...calendarLink({ ...occurrence, id: bookingId ?? id, instructor: instructor.name })}>
              {t.classes.addToCalendar}
            </a>
          )}
        </p>
      )}
      {occurrence.course && (
        <p>
          <a href={coursePath(occurrence.course)}>{t.classes.ofCourse(occurrence.course.name)}</a>
        </p>
      )}
      {passes && !bookingId && !isBookedWithCourse(occurrence) && !state.isCancelled && !state.hasStarted && state.placesLeft > 0 && (
        <passes.Ways t={passes.t} classTexts={t.classes} occurrence={occurrence} isMain />
      )}
    </section>
  );
}
