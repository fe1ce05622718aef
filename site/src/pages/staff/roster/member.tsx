// The dialogs about one member of a roster.

import { useState } from "preact/hooks";
import { Banknote, CalendarSync, Check, CircleOff, CircleX, Gift, type IconNode, Mail, Phone, Ticket, Undo2, UserRoundX } from "lucide";
import { api, call, type Schema } from "../../../api/client.ts";
import { Button, Dialog } from "../../../components/ui.tsx";
import { changeBooking } from "../../../staff/bookings.ts";
import { CancelBookingDialog } from "../../../staff/cancel-booking.tsx";
import { ChoiceDialog } from "../../../staff/dialogs.tsx";
import { WaiveDialog } from "../../../staff/fees.tsx";
import { FullDialog } from "../../../staff/full-class.tsx";
import { Icon } from "../../../staff/icon.tsx";
import { PayDialog, SellDialog } from "../../../staff/till.tsx";
import { attempt, say, sayWithNext } from "../../../tools/action.ts";
import { useLoad } from "../../../tools/load.ts";
import { formatMomentIn, formatPrice, formatTimeIn } from "../../../tools/time.ts";
import type { DeskEntry, Occurrence, RosterRow } from "./data.ts";
import { GiveDialog } from "./give.tsx";
import type { Texts } from "./rows.tsx";

/** What is shown about a member. */
export type View = "member" | "pay" | "sell" | "waive" | "give" | "move" | "cancel" | "beyond";

/** A row as staff see it. */
export type DeskRow = RosterRow & DeskEntry;

interface Props extends Texts {
  row: DeskRow;
  occurrence: Occurrence;
  canCheckIn: boolean;
  /** How many members are on the waitlist. */
  waiting: number;
  onToggle: () => void;
  onShow: (view: View) => void;
  onClose: () => void;
  /** Loads the roster again. */
  onChange: () => Promise<void>;
}

/** The dialog of the view. One is open at a time. */
export function MemberDialogs({ view, ...props }: Props & { view: View }) {
  if (view === "pay" || view === "sell") return <TillDialog isPayment={view === "pay"} {...props} />;
  if (view === "move") return <MoveDialog {...props} />;
  if (view === "waive") {
    const { t, row, onClose, onChange } = props;
    return <WaiveDialog t={t.waive} bookingId={row.bookingId} name={row.name} amount={formatPrice(row.amountDue, row.currency)} onClose={onClose} onChange={onChange} />;
  }
  if (view === "cancel") {
    const { t, row, onClose, onChange } = props;
    return (
      <CancelBookingDialog
        t={t.cancelBooking}
        bookingId={row.bookingId}
        name={row.name}
        isWaiting={row.status === "waitlisted"}
        isPaid={row.paymentStatus === "paid"}
        fee={row.lateCancellationFee}
        currency={row.currency}
        passName={row.passName}
        course={courseOf(row)}
        freeCancellationUntil={row.freeCancellationUntil}
        onClose={onClose}
        onCancel={onChange}
      />
    );
  }
  if (view === "give") {
    const { t, row, onClose, onChange } = props;
    const give = async (reason: string) => {
      await changeBooking(row.bookingId, "give", { reason });
      await onChange();
      say(t.given(row.name));
    };
    return <GiveDialog t={t} name={row.name} onClose={onClose} onGive={give} />;
  }
  if (view === "beyond") {
    const { t, row, occurrence, waiting, onClose, onChange } = props;
    const book = async () => {
      await onChange();
      say(t.promoted(row.name));
    };
    return <FullDialog t={t.full} occurrence={occurrence} userId={row.userId} name={row.name} waiting={waiting} isWaiting onClose={onClose} onBook={book} />;
  }
  return <MemberDialog {...props} />;
}

function MemberDialog({ t, row, occurrence, canCheckIn, onToggle, onShow, onClose, onChange }: Props) {
  const isWaiting = row.status === "waitlisted";
  const isHere = row.status === "attended";
  const isNoShow = row.status === "no_show";
  const hasStarted = new Date(occurrence.startTime) <= new Date();
  const since = row.checkedInAt && formatTimeIn(row.checkedInAt, occurrence.timeZone);

  const mark = (action: "noShow" | "undoAttendance") =>
    attempt(async () => {
      await changeBooking(row.bookingId, action);
      await onChange();
      onClose();
      if (action === "noShow") {
        sayWithNext(t.markedNoShow(row.name), { text: t.staff.undo, run: () => void mark("undoAttendance") });
      } else say(t.expectedAgain(row.name));
    });
  const toggle = () => {
    onToggle();
    onClose();
  };

  return (
    <Dialog title={row.name} isOpen onClose={onClose}>
      <p class="hint">
        {[t.staff.levels[row.level], t.visits(row.visits), isWaiting ? t.position(row.waitlistPosition ?? 0) : describeCoverage(t, row)].filter(Boolean).join(" · ")}
      </p>
      {isHere && since && <p>{row.checkedInBy ? t.hereSinceBy(since, row.checkedInBy.name) : t.hereSince(since)}</p>}
      {row.givenReason && <p>{t.givenBecause(row.givenReason)}</p>}
      <ul class="plain-list action-list">
        {!isWaiting && !isNoShow && canCheckIn && <Action icon={isHere ? Undo2 : Check} text={isHere ? t.undoCheckIn : t.checkInAction} onClick={toggle} />}
        {row.isUnpaid ? <Action icon={Banknote} text={t.markPaid} onClick={() => onShow("pay")} /> : <Action icon={Ticket} text={t.till.sell} onClick={() => onShow("sell")} />}
        {row.isUnpaid && (row.status === "booked" || isHere) && <Action icon={Gift} text={t.give} onClick={() => onShow("give")} />}
        {row.isUnpaid && row.fee && <Action icon={CircleOff} text={t.waive.action} onClick={() => onShow("waive")} />}
        {isNoShow && <Action icon={Undo2} text={t.undoNoShow} onClick={() => void mark("undoAttendance")} />}
        {row.status === "booked" && hasStarted && <Action icon={UserRoundX} text={t.markNoShow} onClick={() => void mark("noShow")} />}
        {row.status === "booked" && <Action icon={CalendarSync} text={t.move} onClick={() => onShow("move")} />}
        {(row.status === "booked" || isWaiting) && <Action icon={CircleX} text={isWaiting ? t.cancelBooking.leave : t.cancelBooking.action} isDangerous onClick={() => onShow("cancel")} />}
        {row.phone && <ActionLink icon={Phone} text={t.call(row.phone)} href={`tel:${row.phone.replace(/[^+\d]/g, "")}`} />}
        <ActionLink icon={Mail} text={t.write(row.email)} href={`mailto:${row.email}`} />
      </ul>
      {!isWaiting && row.status !== "cancelled" && <Emergency t={t} row={row} />}
      <p class="actions">
        <Button kind="quiet" autofocus onClick={onClose}>
          {t.staff.close}
        </Button>
      </p>
    </Dialog>
  );
}

/** The course that a booking is part of. */
function courseOf({ courseName, isCoursePaid, isCourseRefundable, price, passName }: DeskRow) {
  return courseName === null ? null : { name: courseName, isPaid: isCoursePaid === true, isRefundable: isCourseRefundable === true, pays: Number(price) === 0 && passName === null };
}

/** What pays for the spot, or that it is unpaid. */
function describeCoverage(t: Texts["t"], { passName, courseName, isCoursePaid, givenReason, paymentStatus, isUnpaid }: DeskRow): string {
  if (passName) return passName;
  if (givenReason !== null) return t.givenByStudio;
  if (courseName && !isUnpaid && isCoursePaid) return courseName;
  const payment = t.staff.payment[paymentStatus ?? ""];
  if (payment) return payment;
  if (courseName) return t.courseNotPaid(courseName);
  return isUnpaid ? t.unpaid : "";
}

interface ActionProps {
  icon: IconNode;
  text: string;
}

function Action({ icon, text, onClick, isDangerous }: ActionProps & { onClick: () => void; isDangerous?: boolean }) {
  return (
    <li>
      <button type="button" class={isDangerous ? "bad" : undefined} onClick={onClick}>
        <Icon of={icon} />
        {text}
      </button>
    </li>
  );
}

function ActionLink({ icon, text, href }: ActionProps & { href: string }) {
  return (
    <li>
      <a href={href}>
        <Icon of={icon} />
        {text}
      </a>
    </li>
  );
}

/** Whom to call and what to know. The API records who reads medical notes. */
function Emergency({ t, row }: Texts & { row: DeskRow }) {
  const [isShown, show] = useState(false);
  const [notes, setNotes] = useState<Schema<"MedicalNotes"> | null>(null);
  const read = () => {
    show(true);
    if (!row.hasMedicalNotes) return;
    void attempt(async () => setNotes(await call(api.POST("/api/admin/medical-notes", { body: { bookingId: row.bookingId } }))));
  };
  const { emergencyContactName: name, emergencyContactPhone: phone } = row;
  return (
    <section class="emergency">
      <h3>{t.emergency}</h3>
      {!isShown ? (
        <>
          <Button kind="quiet" onClick={read}>
            {t.showNotes}
          </Button>
          {row.hasMedicalNotes && <p class="hint">{t.notesLogged}</p>}
        </>
      ) : (
        <dl>
          <dt>{t.contact}</dt>
          <dd>{name || phone ? [name, phone && <a href={`tel:${phone.replace(/[^+\d]/g, "")}`}>{phone}</a>].filter(Boolean).map((part, index) => <span key={index}>{part} </span>) : t.noContact}</dd>
          <dt>{t.notes}</dt>
          <dd>{!row.hasMedicalNotes ? t.noNotes : !notes ? "…" : notes.unreadable ? t.unreadable : (notes.medicalConditions ?? t.noNotes)}</dd>
        </dl>
      )}
    </section>
  );
}

/** Takes the payment of a booking, or sells a pass for other classes. */
function TillDialog({ t, row, occurrence, isPayment, onClose, onChange }: Props & { isPayment: boolean }) {
  const { bookingId, amountDue, currency } = row;
  const sale = { t: t.till, member: { id: row.userId, name: row.name }, onClose, onChange };
  return isPayment ? <PayDialog {...sale} bookingId={bookingId} scheduledClassId={occurrence.id} price={amountDue} currency={currency} /> : <SellDialog {...sale} />;
}

function MoveDialog({ t, row, occurrence, onClose, onChange }: Props) {
  const load = () => call(api.GET("/api/classes/details", { params: { query: { id: occurrence.classTypeId } } }));
  const list = useLoad(load, occurrence.classTypeId);
  const dates = list.loaded?.upcomingClasses.filter(({ id, placesLeft }) => id !== occurrence.id && placesLeft > 0);
  const move = (id: string, when: string) =>
    attempt(async () => {
      await changeBooking(row.bookingId, "move", { scheduledClassId: id });
      await onChange();
      onClose();
      say(t.moved(row.name, when));
    });
  return (
    <ChoiceDialog
      title={t.moveTitle(row.name)}
      isOpen
      onClose={onClose}
      label={t.moveTo}
      choices={dates?.map(({ id, startTime, timeZone, placesLeft }) => {
        const when = formatMomentIn(startTime, timeZone);
        return { key: id, text: when, hint: t.spotsLeft(placesLeft), onChoose: () => move(id, when) };
      })}
      empty={t.noDates}
      failed={t.datesFailed}
      failure={list.failure}
      onRetry={list.reload}
    />
  );
}
