// The rows of a roster: a large button to check in, the member, and what is to be paid.

import type { ComponentChildren } from "preact";
import { Check, CloudOff, HeartPulse } from "lucide";
import { Icon } from "../../../staff/icon.tsx";
import { PaymentStatus } from "../../../staff/payments.tsx";
import type { StaffRosterTexts } from "../../../texts/staff-roster.en.ts";
import { formatMomentIn, formatPrice, formatTimeIn } from "../../../tools/time.ts";
import type { RosterRow } from "./data.ts";

export type Texts = { t: StaffRosterTexts };

interface RowProps extends Texts {
  row: RosterRow;
  isUnsent: boolean;
  zone: string;
  canCheckIn: boolean;
  onToggle: () => void;
  onOpen: () => void;
  onPay: () => void;
}

/** The course that the class was booked with. */
function CourseTag({ t, desk }: Pick<RowProps, "t"> & { desk: RowProps["row"]["desk"] }) {
  if (!desk?.courseName) return null;
  return desk.isCoursePaid ? <span class="tag">{desk.courseName}</span> : <span class="tag warn">{t.courseNotPaid(desk.courseName)}</span>;
}

export function MemberRow({ t, row, isUnsent, zone, canCheckIn, onToggle, onOpen, onPay }: RowProps) {
  const isHere = row.status === "attended";
  const { desk } = row;
  const price = desk && formatPrice(desk.amountDue, desk.currency);
  return (
    <li class={isHere ? "roster-row here" : "roster-row"}>
      <button type="button" class="check-in" aria-pressed={isHere} aria-label={t.checkIn(row.name)} disabled={!canCheckIn} onClick={onToggle}>
        <Icon of={Check} />
      </button>
      <Who t={t} row={row} onOpen={onOpen}>
        {isHere && row.checkedInAt && <span class="since">{t.hereSince(formatTimeIn(row.checkedInAt, zone))}</span>}
        {isUnsent && (
          <span class="unsent">
            <Icon of={CloudOff} /> {t.notSent}
          </span>
        )}
        {desk?.passName && <span class="tag">{desk.passName}</span>}
        {desk && desk.givenReason !== null && <span class="tag">{t.givenTag}</span>}
        {!desk && row.coverage && <span class={row.coverage === "unpaid" ? "tag warn" : "tag"}>{t.coverage[row.coverage]}</span>}
        <CourseTag t={t} desk={desk} />
        {row.status === "no_show" && <span class="tag bad">{t.noShow}</span>}
        {row.visits === Number(isHere) && <span class="tag first-visit">{t.firstVisit}</span>}
        <span>{t.staff.levels[row.level]}</span>
        {desk?.hasMedicalNotes && (
          <span class="has-notes" title={t.notes}>
            <Icon of={HeartPulse} />
            <span class="unseen">{t.notes}</span>
          </span>
        )}
      </Who>
      {desk?.isUnpaid && price && (
        <button type="button" class="pay" aria-label={t.payFor(row.name, price)} onClick={onPay}>
          <span>{t.unpaid}</span>
          {price}
        </button>
      )}
    </li>
  );
}

interface WaitingProps extends Texts {
  row: RosterRow;
  canPromote: boolean;
  onPromote: () => void;
  onOpen: () => void;
}

export function WaitingRow({ t, row, canPromote, onPromote, onOpen }: WaitingProps) {
  return (
    <li class="roster-row">
      <span class="position">{row.waitlistPosition}</span>
      <Who t={t} row={row} onOpen={onOpen}>
        <span>{t.staff.levels[row.level]}</span>
      </Who>
      {canPromote && (
        <button type="button" class="promote" aria-label={t.promoteName(row.name)} onClick={onPromote}>
          {t.promote}
        </button>
      )}
    </li>
  );
}

interface LateProps extends Texts {
  row: RosterRow;
  onOpen: () => void;
  onPay: () => void;
}

/** A member who has cancelled too late, and what is to be paid for it. */
export function LateRow({ t, row, onOpen, onPay }: LateProps) {
  const { desk } = row;
  const due = desk && formatPrice(desk.amountDue, desk.currency);
  return (
    <li class="roster-row">
      <Who t={t} row={row} onOpen={onOpen}>
        {desk?.passName && <span class="tag">{desk.passName}</span>}
        <CourseTag t={t} desk={desk} />
        {desk?.paymentStatus && !desk.isUnpaid && <PaymentStatus status={desk.paymentStatus} method={desk.paymentMethod ?? undefined} />}
      </Who>
      {desk?.isUnpaid && due && (
        <button type="button" class="pay" aria-label={t.payFor(row.name, due)} onClick={onPay}>
          <span>{t.unpaid}</span>
          {due}
        </button>
      )}
    </li>
  );
}

interface CancelledProps extends Texts {
  row: RosterRow;
  /** When the member had given up the spot before the class was cancelled. */
  before: string | null;
  zone: string;
  onOpen: () => void;
}

/** A member who had booked a class that is cancelled, and what has become of the money. */
export function CancelledRow({ t, row, before, zone, onOpen }: CancelledProps) {
  const { desk } = row;
  // A payment that was chosen but not made ends with the booking.
  const payment = desk?.paymentStatus === "cancelled" ? null : desk?.paymentStatus;
  return (
    <li class="roster-row">
      <Who t={t} row={row} onOpen={onOpen}>
        {desk?.passName && <span class="tag">{desk.passName}</span>}
        <CourseTag t={t} desk={desk} />
        {payment && <PaymentStatus status={payment} method={desk?.paymentMethod ?? undefined} />}
        {!payment && !before && Number(desk?.price) > 0 && <PaymentStatus status="cancelled" />}
        {payment && desk && <span>{formatPrice(desk.price, desk.currency)}</span>}
        {before && <span>{t.cancelledBefore(formatMomentIn(before, zone))}</span>}
      </Who>
    </li>
  );
}

/** The name, which opens the dialog about the member. Instructors have none. */
function Who({ t, row, onOpen, children }: Texts & { row: RosterRow; onOpen: () => void; children: ComponentChildren }) {
  const content = (
    <>
      <strong>{row.name}</strong>
      <span class="facts-of">{children}</span>
    </>
  );
  if (!row.desk) return <div class="who">{content}</div>;
  return (
    <button type="button" class="who" aria-label={t.detailsOf(row.name)} onClick={onOpen}>
      {content}
    </button>
  );
}
