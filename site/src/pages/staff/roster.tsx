// The roster of a class, for a phone at the door. It works without a connection.

import { useMemo, useState } from "preact/hooks";
import { CircleX, CloudOff, Printer, UserRoundCog, UserRoundPlus } from "lucide";
import { Button, Empty, Skeleton } from "../../components/ui.tsx";
import type { StaffUser } from "../../staff/access.ts";
import { bookFor } from "../../staff/bookings.ts";
import { CheckInNotices } from "../../staff/check-in-notices.tsx";
import { CancelClassDialog, SubstituteDialog } from "../../staff/class-dialogs.tsx";
import { FailurePanel, StaleNote } from "../../staff/failure-panel.tsx";
import { isWaitlistOpen } from "../../staff/full-class.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useRefresh } from "../../staff/live.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { ActionMenu, PageHead, Segments, useToday } from "../../staff/parts.tsx";
import { SearchField } from "../../staff/search.tsx";
import type { StaffRosterTexts } from "../../texts/staff-roster.en.ts";
import { attempt, report, say, sayWithNext } from "../../tools/action.ts";
import { isOffline } from "../../tools/connection.ts";
import type { Catalog } from "../../tools/language.ts";
import { useLatest } from "../../tools/latest.ts";
import { useStore } from "../../tools/store.ts";
import { formatMomentIn, formatTimeIn } from "../../tools/time.ts";
import { AddDialog } from "./roster/add.tsx";
import { type Occurrence, type Roster, type RosterRow, useRoster } from "./roster/data.ts";
import { MemberDialogs, type View } from "./roster/member.tsx";
import { CancelledRow, LateRow, MemberRow, type Texts, WaitingRow } from "./roster/rows.tsx";
import "./roster.css";

/** How long before the start check-in opens. The API has the same rule. */
const CHECK_IN_OPENS_MS = 60 * 60 * 1000;

type Filter = "everyone" | "expected" | "unpaid";

/** The id of the class in the address. */
function classId(): string {
  return location.pathname.split("/").at(-1) ?? "";
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** How long a check-in may take before the page says that it is not sent. */
const SENDING_MS = 2_000;

/** Whether the last check-in of a row waits for the connection. */
function isUnsent({ queued }: RosterRow, isDisconnectedConnection: boolean): boolean {
  return queued !== null && (isDisconnectedConnection || Date.parse(queued.at) + SENDING_MS < Date.now());
}

function RosterPage({ t, user }: { t: StaffRosterTexts; user: StaffUser }) {
  const roster = useRoster(classId(), user);
  const { occurrence, rows, failure, reload } = roster;
  // The events are for staff.
  useRefresh(reload, user.isStaff ? occurrence?.localDate : null);
  if (failure && !rows) {
    return (
      <div class="staff-page">
        <PageHead title={t.title} />
        <FailurePanel text={t.failed} failure={failure} onRetry={() => void reload().catch(report)} />
      </div>
    );
  }
  if (!occurrence || !rows) {
    return (
      <div class="staff-page roster">
        <PageHead title={t.title} hint=" " />
        <Skeleton count={7} height="4.25rem" />
      </div>
    );
  }
  return <Loaded t={t} user={user} roster={roster} occurrence={occurrence} rows={rows} />;
}

interface LoadedProps extends Texts {
  user: StaffUser;
  roster: Roster;
  occurrence: Occurrence;
  rows: RosterRow[];
}

function Loaded({ t, user, roster, occurrence, rows }: LoadedProps) {
  const { waiting, cancelled, reload, toggle } = roster;
  const isDisconnected = useStore(isOffline);
  const today = useToday();
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<Filter>("everyone");
  const [open, setOpen] = useState<{ bookingId: string; view: View } | null>(null);
  const [dialog, setDialog] = useState<"add" | "cancel" | "substitute" | null>(null);

  const { title, startTime, endTime, timeZone, room, instructor, isCancelled, maxParticipants } = occurrence;
  const opensAt = Date.parse(startTime) - CHECK_IN_OPENS_MS;
  const isOpen = opensAt <= Date.now();
  const canCheckIn = isOpen && !isCancelled;
  const here = rows.filter(({ status }) => status === "attended").length;
  const unsent = rows.filter((row) => isUnsent(row, isDisconnected)).length;
  const counts = { everyone: rows.length, expected: rows.filter(({ status }) => status === "booked").length, unpaid: rows.filter(({ desk }) => desk?.isUnpaid).length };

  const shown = useMemo(() => {
    const words = plain(search).split(/\s+/).filter(Boolean);
    return rows.filter(
      (row) =>
        (filter === "everyone" || (filter === "expected" ? row.status === "booked" : row.desk?.isUnpaid)) &&
        words.every((word) => plain(`${row.name} ${row.desk?.email ?? ""}`).includes(word)),
    );
  }, [rows, search, filter]);

  const latestRows = useLatest(rows);
  const checkIn = (row: RosterRow) => {
    toggle(row);
    if (row.status === "attended") return say(t.undone(row.name));
    const undo = () => {
      // The row as it is by then, with the check-in that is to be undone.
      const latest = latestRows().find(({ bookingId }) => bookingId === row.bookingId);
      if (latest?.status !== "attended") return;
      // If a colleague checked the member in first, the dialog shows who it was.
      if (latest.checkedInBy && latest.checkedInBy.id !== user.id) setOpen({ bookingId: row.bookingId, view: "member" });
      else checkIn(latest);
    };
    sayWithNext(t.checkedIn(row.name), { text: t.staff.undo, run: undo });
  };

  const promote = (row: RosterRow) => {
    if (rows.length >= maxParticipants) return setOpen({ bookingId: row.bookingId, view: "beyond" });
    const { desk } = row;
    if (!desk) return;
    void attempt(async () => {
      await bookFor(desk.userId, occurrence.id);
      await reload();
      say(t.promoted(row.name));
    });
  };

  const found = open && [...rows, ...waiting, ...cancelled].find(({ bookingId }) => bookingId === open.bookingId);
  const opened = found?.desk && { ...found.desk, ...found };
  const isChangeable = user.isStaff && !isCancelled;
  const late = cancelled.filter(({ desk }) => desk?.fee);
  const changed = { id: occurrence.id, title, instructorId: instructor.id, startTime, endTime, timeZone };
  const hasStarted = new Date(startTime) <= new Date();
  return (
    <div class="staff-page roster">
      <PageHead title={title} hint={`${formatMomentIn(startTime, timeZone)} – ${formatTimeIn(endTime, timeZone)} · ${t.where(room, instructor.name)}`}>
        {isChangeable && (
          <Button onClick={() => setDialog("add")}>
            <Icon of={UserRoundPlus} />
            {t.add}
          </Button>
        )}
        <ActionMenu
          label={t.more}
          items={[
            { text: t.print, icon: Printer, onClick: () => print() },
            ...(!isChangeable || hasStarted ? [] : [{ text: t.substitute, icon: UserRoundCog, onClick: () => setDialog("substitute") }]),
            ...(!isChangeable ? [] : [{ text: t.cancelClass, icon: CircleX, isDangerous: true, onClick: () => setDialog("cancel") }]),
          ]}
        />
      </PageHead>
      {isCancelled && <p class="roster-note bad">{t.cancelled}</p>}
      {!isCancelled && !isOpen && <p class="roster-note">{t.opensAt(formatMomentIn(new Date(opensAt).toISOString(), timeZone))}</p>}
      {!isCancelled && rows.length > maxParticipants && <p class="roster-note">{t.aboveCapacity(rows.length, maxParticipants)} {waiting.length > 0 && isWaitlistOpen(occurrence) && t.nobodyMovesUp}</p>}
      {roster.failure && <StaleNote failure={roster.failure} />}
      <CheckInNotices t={t.checkIns} zone={timeZone} userId={user.id} />
      {isCancelled ? (
        user.isStaff && <CancelledRows t={t} rows={cancelled} zone={timeZone} onOpen={({ bookingId }) => setOpen({ bookingId, view: "member" })} />
      ) : (
        <>
          <div class="roster-bar no-print">
            <SearchField label={t.search} value={search} onSearch={setSearch} isInstant />
            <p class="roster-count" role="status">
              <strong>{t.here(here, rows.length)}</strong>
              {unsent > 0 && (
                <span class="unsent">
                  <Icon of={CloudOff} /> {t.unsent(unsent)}
                </span>
              )}
            </p>
          </div>
          <div class="toolbar no-print">
            <Segments
              label={t.show}
              value={filter}
              options={[
                ["everyone", `${t.everyone} ${counts.everyone}`],
                ["expected", `${t.expected} ${counts.expected}`],
                ...(user.isStaff ? [["unpaid", `${t.unpaidOnly} ${counts.unpaid}`] as const] : []),
              ]}
              onChange={setFilter}
            />
          </div>
          {rows.length === 0 ? (
            <Empty text={t.none}>
              {isChangeable && <Button onClick={() => setDialog("add")}>{t.addTitle}</Button>}
            </Empty>
          ) : shown.length === 0 ? (
            <Empty text={t.noneMatch}>
              <Button
                kind="plain"
                onClick={() => {
                  setSearch("");
                  setFilter("everyone");
                }}
              >
                {t.showEveryone}
              </Button>
            </Empty>
          ) : (
            <ul class="plain-list roster-list" aria-label={t.title}>
              {shown.map((row) => (
                <MemberRow
                  key={row.bookingId}
                  t={t}
                  row={row}
                  isUnsent={isUnsent(row, isDisconnected)}
                  zone={timeZone}
                  canCheckIn={canCheckIn}
                  onToggle={() => checkIn(row)}
                  onOpen={() => setOpen({ bookingId: row.bookingId, view: "member" })}
                  onPay={() => setOpen({ bookingId: row.bookingId, view: "pay" })}
                />
              ))}
            </ul>
          )}
        </>
      )}
      {waiting.length > 0 && (
        <section class="waitlist">
          <h2>{t.waitlist}</h2>
          <ul class="plain-list roster-list" aria-label={t.waitlist}>
            {waiting.map((row) => (
              <WaitingRow
                key={row.bookingId}
                t={t}
                row={row}
                canPromote={isChangeable && occurrence.localDate >= today}
                onPromote={() => promote(row)}
                onOpen={() => setOpen({ bookingId: row.bookingId, view: "member" })}
              />
            ))}
          </ul>
        </section>
      )}
      {user.isStaff && !isCancelled && late.length > 0 && (
        <section class="late-cancellations">
          <h2>{t.cancelledLate}</h2>
          <ul class="plain-list roster-list" aria-label={t.cancelledLate}>
            {late.map((row) => (
              <LateRow
                key={row.bookingId}
                t={t}
                row={row}
                onOpen={() => setOpen({ bookingId: row.bookingId, view: "member" })}
                onPay={() => setOpen({ bookingId: row.bookingId, view: "pay" })}
              />
            ))}
          </ul>
        </section>
      )}
      {opened && open && (
        <MemberDialogs
          key={open.view}
          view={open.view}
          t={t}
          row={opened}
          occurrence={occurrence}
          canCheckIn={canCheckIn}
          waiting={waiting.length}
          onToggle={() => checkIn(opened)}
          onShow={(view) => setOpen({ bookingId: opened.bookingId, view })}
          onClose={() => setOpen(null)}
          onChange={reload}
        />
      )}
      {dialog === "add" && <AddDialog t={t} occurrence={occurrence} taken={rows.length} waiting={waiting.length} canCheckIn={canCheckIn} onClose={() => setDialog(null)} onPay={(bookingId) => setOpen({ bookingId, view: "pay" })} onChange={reload} />}
      {dialog === "cancel" && <CancelClassDialog t={t.classChanges} occurrence={changed} onClose={() => setDialog(null)} onChange={() => void reload().catch(report)} />}
      {dialog === "substitute" && <SubstituteDialog t={t.classChanges} occurrence={changed} onClose={() => setDialog(null)} onChange={() => void reload().catch(report)} />}
    </div>
  );
}

/** Who had booked a class that is cancelled. Staff may want to tell them, and give money back. */
function CancelledRows({ t, rows, zone, onOpen }: Texts & { rows: RosterRow[]; zone: string; onOpen: (row: RosterRow) => void }) {
  if (rows.length === 0) return <Empty text={t.nobodyHadBooked} />;
  const last = rows[0]?.desk?.cancelledAt;
  const isDue = rows.some(({ desk }) => desk?.paymentStatus === "refund_due" && desk.paymentMethod === "desk");
  return (
    <section class="cancelled-bookings">
      <header>
        <h2>{t.hadBooked}</h2>
        {isDue && (
          <a class="button soft small" href="/staff/payments?status=refund_due">
            {t.refundsDue}
          </a>
        )}
      </header>
      <p class="hint">{t.gotMail}</p>
      <ul class="plain-list roster-list" aria-label={t.hadBooked}>
        {rows.map((row) => (
          <CancelledRow key={row.bookingId} t={t} row={row} before={row.desk && row.desk.cancelledAt !== last ? row.desk.cancelledAt : null} zone={zone} onOpen={() => onOpen(row)} />
        ))}
      </ul>
    </section>
  );
}

const catalog: Catalog<StaffRosterTexts> = { en: () => import("../../texts/staff-roster.en.ts"), es: () => import("../../texts/staff-roster.es.ts") };
await mountStaff({ catalog, section: "today", access: "team", Page: RosterPage });
