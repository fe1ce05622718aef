// What members see on the page of their bookings.

import { useEffect, useState } from "preact/hooks";
import { api, call, readAllPages } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { followCheckout } from "../../checkout-return.ts";
import { cancelBooking } from "../../classes/actions.ts";
import { calendarLink } from "../../classes/calendar.ts";
import { useKeptFocus } from "../../classes/card.tsx";
import { classPath, coursePath } from "../../classes/facts.ts";
import { type Booking, bookings, bookingZone, cancelledClasses, followChanges, loadBookings } from "../../classes/live.ts";
import { CalendarFeed } from "../../components/calendar-feed.tsx";
import { Button, Card, Dialog, Empty } from "../../components/ui.tsx";
import { dueOf, goOnPaying, loadOrder, type Order } from "../../open-order.ts";
import { loadPassPart, passPart } from "../../passes/pass-part.ts";
import type { BookingsTexts } from "../../texts/bookings.en.ts";
import { attempt, report, say } from "../../tools/action.ts";
import { useLatest } from "../../tools/latest.ts";
import { sendUntilAnswered } from "../../tools/repeat.ts";
import { Store, useStore } from "../../tools/store.ts";
import { studio } from "../../tools/studio.ts";
import { formatMomentIn, formatPrice } from "../../tools/time.ts";
import { loadCredit, MyCredit } from "./credit.tsx";

/** Statuses of a payment with which the booking is still to be paid. Some bookings have no payment. */
const UNPAID = [null, undefined, "pending", "failed", "cancelled"];

/** Statuses of a payment of which at least a part is lost with a late cancellation. */
const PAID = ["paid", "partly_refunded"];

/** The id of the heading that gets the focus when the card with the focus is gone. */
const UPCOMING = "upcoming";

type Texts = { t: BookingsTexts };

/** The bookings for which a fee is to be paid. */
const owedFees = new Store<Booking[]>([]);

/** Loads the bookings, passes, fees, and credit of the member. */
export async function loadMember(): Promise<void> {
  await Promise.all([loadBookings(), loadPassPart(), loadFees().catch(skipIfOffline), loadCredit().catch(skipIfOffline)]);
}

/** Fees and credit cannot be used without a connection, so the page shows the bookings alone then. */
function skipIfOffline(failure: unknown): void {
  if (!(failure instanceof Failure && failure.isUnanswered)) throw failure;
}

async function loadFees(): Promise<void> {
  const query = { when: "all" as const, owesFee: true };
  owedFees.set(await readAllPages((page) => call(api.GET("/api/bookings/list", { params: { query: { ...query, ...page } } }))));
}

export function MyBookings({ t }: Texts) {
  const texts = useLatest(t.classes);
  const upcoming = useStore(bookings);
  const cancelled = useStore(cancelledClasses);
  const passes = useStore(passPart);
  const fees = useStore(owedFees);

  useEffect(() => {
    followPayment(t).catch(report);
  }, []);
  useEffect(() => followChanges({ texts, ids: () => [...bookings.value.keys()] }), []);

  const items = [...upcoming.values(), ...cancelled].sort((one, other) => one.class.startTime.localeCompare(other.class.startTime));
  return (
    <div class="reading page bookings">
      <h1 class="page-title">{t.title}</h1>
      <p class="lead">{t.lead}</p>
      {fees.length > 0 && (
        <section class="fees">
          <h2>{t.fees}</h2>
          <div class="stack">
            {fees.map((booking) => (
              <FeeCard key={booking.id} t={t} booking={booking} />
            ))}
          </div>
        </section>
      )}
      <Courses t={t} items={items} />
      <h2 id={UPCOMING} tabIndex={-1}>
        {t.upcoming}
      </h2>
      {items.length === 0 ? (
        <Empty text={t.noneUpcoming}>
          <a class="button" href="/timetable">
            {t.timetable}
          </a>
        </Empty>
      ) : (
        <div class="stack">
          {items.map((booking) => (
            <BookingCard key={booking.id} t={t} booking={booking} />
          ))}
        </div>
      )}
      {passes && <passes.MyMembership t={passes.t} />}
      {passes && <passes.MyPasses t={passes.t} />}
      <MyCredit t={t.credit} />
      <Card class="calendar">
        <h2>{t.calendar.title}</h2>
        <CalendarFeed t={t.calendar} />
      </Card>
      <Past t={t} />
    </div>
  );
}

/** The courses that the member is in, with the dates that are left. */
function Courses({ t, items }: Texts & { items: Booking[] }) {
  const classes = items.filter(({ course, status, class: { isCancelled } }) => course && !isCancelled && status === "booked");
  const orders = [...new Set(classes.map(({ course }) => course?.orderId))];
  if (orders.length === 0) return null;
  return (
    <section class="courses">
      <h2>{t.course.title}</h2>
      <div class="stack">
        {orders.map((orderId) => {
          const own = classes.filter(({ course }) => course?.orderId === orderId);
          return (
            <Card key={orderId} class="booking">
              <h3>{own[0]?.course?.name}</h3>
              <p class="hint">{t.course.count(own.length)}</p>
              <ul class="plain-list">
                {own.map((booking) => (
                  <li key={booking.id}>
                    <time dateTime={booking.class.startTime}>{whenOf(booking)}</time>
                  </li>
                ))}
              </ul>
              {own[0]?.course?.isPaid === false && <PayCourse t={t} course={own[0].course} />}
            </Card>
          );
        })}
      </div>
    </section>
  );
}

/** The button that goes on paying for a course, with what the order still costs. */
function PayCourse({ t, course: { courseId, orderId, name } }: Texts & { course: NonNullable<Booking["course"]> }) {
  const [order, setOrder] = useState<Order | null>(null);
  useEffect(() => {
    // Without the amount, the course can still be paid.
    loadOrder(orderId).then(setOrder, () => setOrder(null));
  }, [orderId]);
  const pay = async () => {
    const ended = await goOnPaying(orderId);
    // The shop says what can be done.
    if (ended) location.assign(coursePath({ id: courseId }));
  };
  return (
    <>
      <p>
        {t.course.unpaidSpots} {order?.checkoutUrl && t.course.due(formatPrice(dueOf(order), order.currency))}
      </p>
      <p class="actions">
        <Button size="small" aria-label={t.course.payNamed(name)} onClick={() => attempt(pay)}>
          {t.course.pay}
        </Button>
      </p>
    </>
  );
}

/** Says what has become of the payment with which Stripe has redirected here. */
function followPayment(t: BookingsTexts): Promise<void> {
  return followCheckout("booking", t.returned, async (bookingId) => {
    const { payment } = await call(api.GET("/api/bookings/payment", { params: { query: { bookingId } } }));
    if (payment?.status !== "paid") return false;
    await Promise.all([loadBookings(), loadFees()]);
    say(t.returned.paid);
    return true;
  });
}

function whenOf(booking: Booking): string {
  return formatMomentIn(booking.class.startTime, bookingZone.value);
}

/** Starts a payment. Returns whether the browser goes to the page on which a card is used. */
async function startPayment(t: BookingsTexts, { id, amountDue }: Booking, method: "card" | "desk"): Promise<boolean> {
  const payment = await sendUntilAnswered(`pay ${id} ${amountDue} ${method}`, t.classes, (key) =>
    call(api.POST("/api/bookings/payment", { params: { header: { "Idempotency-Key": key } }, body: { bookingId: id, method } })),
  );
  if (payment.checkoutUrl) location.assign(payment.checkoutUrl);
  return Boolean(payment.checkoutUrl);
}

/** A fee that is to be paid, and why. */
function FeeCard({ t, booking }: Texts & { booking: Booking }) {
  const takesCards = useStore(studio)?.paymentMethods.includes("card") ?? false;
  const { title } = booking.class;
  const when = whenOf(booking);
  return (
    <Card class="booking">
      <div class="booking-head">
        <div>
          <h3>{title}</h3>
          <p class="hint">
            <time dateTime={booking.class.startTime}>{when}</time> · {booking.status === "no_show" ? t.feeNoShow : t.feeLate}
          </p>
        </div>
        <strong>{formatPrice(booking.amountDue, booking.currency)}</strong>
      </div>
      {takesCards ? (
        <div class="actions">
          <Button size="small" aria-label={t.named(t.payCard, title, when)} onClick={() => attempt(async () => void (await startPayment(t, booking, "card")))}>
            {t.payCard}
          </Button>
        </div>
      ) : (
        <p class="hint">{t.feeAtDesk}</p>
      )}
    </Card>
  );
}

function BookingCard({ t, booking }: Texts & { booking: Booking }) {
  const [isCancelling, setCancelling] = useState(false);
  const [isCancellationSent, setCancellationSent] = useState(false);
  const passes = useStore(passPart);
  const takesCards = useStore(studio)?.paymentMethods.includes("card") ?? false;
  const { classTypeId, title, room, instructor, isCancelled } = booking.class;
  const isWaiting = booking.status === "waitlisted";
  const isFree = Number(booking.price) === 0;
  const isActive = !isCancelled && (isWaiting || booking.status === "booked") && new Date(booking.class.startTime) > new Date();
  const mustPay = isActive && !isWaiting && !isFree && UNPAID.includes(booking.paymentStatus);
  const paysAtDesk = mustPay && booking.paymentStatus === "pending" && booking.payment?.method === "desk";
  const actions = useKeptFocus(paysAtDesk);
  const until = booking.freeCancellationUntil;
  const isFreeToCancel = until ? new Date(until) > new Date() : false;
  const when = whenOf(booking);
  const named = (action: string) => t.named(action, title, when);

  const pay = (method: "card" | "desk") =>
    attempt(async () => {
      if (await startPayment(t, booking, method)) return;
      await loadBookings();
      say(t.deskChosen);
    });

  return (
    <Card class="booking">
      <div class="booking-head">
        <div>
          <p class="booking-when">
            <time dateTime={booking.class.startTime}>{when}</time>
          </p>
          <h3>
            <a href={classPath({ classTypeId, id: booking.scheduledClassId })}>{title}</a>
          </h3>
          <p class="hint">
            {t.classes.with(instructor)} · {room}
          </p>
        </div>
        <Status t={t} booking={booking} />
      </div>
      {isActive && !isWaiting && (
        <p class="hint">
          {isPaidWithCourse(booking) ? <CourseTerms t={t} course={booking.course} currency={booking.currency} /> : until && (isFreeToCancel ? t.freeUntil(formatMomentIn(until, bookingZone.value)) : !booking.isGiven && t.freeOver)}
          {booking.pass && (
            <>
              <br />
              {passes?.paid(booking.pass)}
            </>
          )}
          {booking.isGiven && (
            <>
              <br />
              {t.given}
            </>
          )}
          {!isFree && (
            <>
              <br />
              {formatPrice(booking.price, booking.currency)} · {paysAtDesk ? t.paysAtDesk : (t.payment[booking.paymentStatus ?? ""] ?? t.unpaid)}
            </>
          )}
        </p>
      )}
      {isCancelled && <GivenBack t={t} booking={booking} />}
      {isActive && (
        <div class="actions" ref={actions}>
          {mustPay && (
            <>
              {takesCards && (
                <Button kind={paysAtDesk ? "plain" : "primary"} size="small" aria-label={named(t.payCard)} onClick={() => pay("card")}>
                  {t.payCard}
                </Button>
              )}
              {!paysAtDesk && (
                <Button kind={takesCards ? "plain" : "primary"} size="small" aria-label={named(t.payDesk)} onClick={() => pay("desk")}>
                  {t.payDesk}
                </Button>
              )}
            </>
          )}
          {!isWaiting && (
            <a class="button quiet small" {...calendarLink({ ...booking.class, id: booking.id })} aria-label={named(t.classes.addToCalendar)}>
              {t.classes.addToCalendar}
            </a>
          )}
          <Button kind="quiet" size="small" aria-label={named(isWaiting ? t.leave : t.cancel)} isWorking={isCancellationSent} onClick={() => setCancelling(true)}>
            {isWaiting ? t.leave : t.cancel}
          </Button>
        </div>
      )}
      <CancelDialog
        t={t}
        booking={booking}
        isOpen={isCancelling}
        isFreeToCancel={isFreeToCancel || isWaiting}
        onClose={() => setCancelling(false)}
        onWork={setCancellationSent}
      />
    </Card>
  );
}

/** Whether nothing but a course pays for the spot. */
function isPaidWithCourse(booking: Booking): booking is Booking & { course: NonNullable<Booking["course"]> } {
  return booking.course !== null && Number(booking.price) === 0 && !booking.pass && booking.status !== "waitlisted";
}

/** Which course pays for a booking, and what a cancellation gives back. */
function CourseTerms({ t, course: { name, isPaid, isRefundable, share }, currency }: Texts & { course: NonNullable<Booking["course"]>; currency: string }) {
  return (
    <>
      {t.course.of(name)} {isRefundable ? t.course.shareBack(formatPrice(share, currency)) : t.course.nothingBack} {!isPaid && t.course.unpaid}
    </>
  );
}

/** Says what has become of the money or the class of a booking whose class was cancelled. */
function GivenBack({ t, booking }: Texts & { booking: Booking }) {
  const passes = useStore(passPart);
  const { pass, payment, paymentStatus, course } = booking;
  if (course && Number(course.refund) > 0) return <p class="hint">{t.course.studioCancelled(formatPrice(course.refund, booking.currency))}</p>;
  if (pass) return passes && <p class="hint">{passes.goesBack(pass)}</p>;
  if (!payment || !paymentStatus || UNPAID.includes(paymentStatus)) return null;
  const isDueAtDesk = paymentStatus === "refund_due" && payment.method === "desk";
  return <p class="hint">{isDueAtDesk ? t.cancelRefundDesk : `${formatPrice(payment.amount, booking.currency)} · ${t.payment[paymentStatus] ?? paymentStatus}`}</p>;
}

function Status({ t, booking }: Texts & { booking: Booking }) {
  if (booking.class.isCancelled) return <span class="tag bad">{t.classCancelled}</span>;
  if (booking.status === "waitlisted") return <span class="tag warn">{t.classes.waitlisted(booking.waitlistPosition ?? null)}</span>;
  const kind = booking.status === "booked" || booking.status === "attended" ? "good" : "";
  return <span class={`tag ${kind}`}>{t.status[booking.status] ?? booking.status}</span>;
}

interface CancelProps extends Texts {
  booking: Booking;
  isOpen: boolean;
  isFreeToCancel: boolean;
  onClose: () => void;
  /** Tells whether the cancellation is being sent. */
  onWork: (isWorking: boolean) => void;
}

/** Asks before a cancellation, and says what it costs. */
function CancelDialog({ t, booking, isOpen, isFreeToCancel, onClose, onWork }: CancelProps) {
  const passes = useStore(passPart);
  const { pass } = booking;
  const { title } = booking.class;
  const when = whenOf(booking);
  const isWaiting = booking.status === "waitlisted";
  const isPaid = PAID.includes(booking.paymentStatus ?? "");
  const isPaidAtDesk = booking.payment?.method === "desk";
  const fee = Number(booking.lateCancellationFee);
  const isMoreBack = isPaid && !isFreeToCancel && fee < Number(booking.price);

  const cancel = () => {
    onClose();
    onWork(true);
    void attempt(async () => {
      const cancelled = await cancelBooking(t.classes, booking);
      document.getElementById(UPCOMING)?.focus();
      if (Number(cancelled.amountDue) > 0) {
        await loadFees();
        return say(t.cancelledOwes(formatPrice(cancelled.amountDue, cancelled.currency)));
      }
      if (cancelled.pass && passes) return say(passes.cancelled(cancelled.pass));
      const share = cancelled.course?.refund ?? "0";
      if (Number(share) > 0) return say(`${t.cancelled} ${t.course.back(formatPrice(share, cancelled.currency))}`);
      const isRefunded = cancelled.paymentStatus === "refund_due";
      say(isWaiting ? t.classes.left : isRefunded ? (isPaidAtDesk ? t.cancelledRefundDesk : t.cancelledRefundCard) : t.cancelled);
    }).finally(() => onWork(false));
  };

  const courseText = ({ isRefundable, share }: NonNullable<Booking["course"]>) =>
    `${t.course.cancel(title, when)} ${isRefundable ? t.course.back(formatPrice(share, booking.currency)) : t.course.cancelNothing}`;
  const text = isWaiting
    ? t.classes.leaveText(title, when)
    : isFreeToCancel
      ? t.cancelFree(title, when)
      : fee > 0
        ? (isPaid ? t.cancelLate : t.cancelLateUnpaid)(title, when, formatPrice(booking.lateCancellationFee, booking.currency))
        : pass && passes
          ? passes.late(booking, pass, bookingZone.value)
          : t.cancelLateFree(title, when);
  return (
    <Dialog title={isWaiting ? t.classes.leaveTitle : t.cancelTitle} isOpen={isOpen} onClose={onClose}>
      <p>
        {isPaidWithCourse(booking) ? courseText(booking.course) : text} {isFreeToCancel && (pass ? passes?.goesBack(pass) : isPaid && (isPaidAtDesk ? t.cancelRefundDesk : t.cancelRefundCard))}
        {isMoreBack && t.cancelRest}
      </p>
      <p class="actions">
        <Button onClick={cancel}>{isWaiting ? t.leave : t.cancel}</Button>
        <Button kind="plain" autofocus onClick={onClose}>
          {isWaiting ? t.classes.keep : t.keep}
        </Button>
      </p>
    </Dialog>
  );
}

function Past({ t }: Texts) {
  const [items, setItems] = useState<Booking[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);

  const load = (from: string | null) =>
    attempt(async () => {
      const query = { when: "past" as const, limit: 20, ...(from ? { cursor: from } : {}) };
      const page = await call(api.GET("/api/bookings/list", { params: { query } }));
      setItems((known) => [...(from && known ? known : []), ...page.items]);
      setCursor(page.nextCursor ?? null);
    });

  return (
    <section class="past">
      <h2>{t.past}</h2>
      <p class="hint">
        <a href="/receipts">{t.receipts}</a>
      </p>
      {items === null ? (
        <p class="actions">
          <Button kind="quiet" size="small" onClick={() => load(null)}>
            {t.showPast}
          </Button>
        </p>
      ) : items.length === 0 ? (
        <p class="hint">{t.nonePast}</p>
      ) : (
        <ul class="plain-list past-list">
          {items.map((booking) => (
            <li key={booking.id}>
              <span>
                <strong>{booking.class.title}</strong>
                <span class="hint">
                  {whenOf(booking)} · {booking.class.instructor}
                </span>
              </span>
              <Status t={t} booking={booking} />
            </li>
          ))}
        </ul>
      )}
      {cursor && (
        <p class="actions">
          <Button kind="quiet" size="small" onClick={() => load(cursor)}>
            {t.more}
          </Button>
        </p>
      )}
    </section>
  );
}
