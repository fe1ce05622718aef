// A member with bookings and payments.

import { useEffect, useRef, useState } from "preact/hooks";
import { Banknote, CalendarPlus, CircleOff, CircleX, ClipboardCheck, HeartPulse, Ticket } from "lucide";
import { api, call, readAllPages, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Field } from "../../components/form.tsx";
import { Button, Dialog, Empty, Skeleton } from "../../components/ui.tsx";
import { bookFor } from "../../staff/bookings.ts";
import { CancelBookingDialog } from "../../staff/cancel-booking.tsx";
import { type Credit, type CreditEntry, MemberCredit } from "../../staff/credit.tsx";
import { ChoiceDialog } from "../../staff/dialogs.tsx";
import { FailurePanel } from "../../staff/failure-panel.tsx";
import { WaiveDialog } from "../../staff/fees.tsx";
import { FullDialog, isWaitlistOpen } from "../../staff/full-class.tsx";
import { Icon } from "../../staff/icon.tsx";
import { useList } from "../../staff/lists.ts";
import { mountStaff } from "../../staff/mount.tsx";
import { type Membership, MembershipTable } from "../../staff/memberships.tsx";
import { OrderTable } from "../../staff/orders.tsx";
import { ActionMenu, PageHead, Segments, useToday } from "../../staff/parts.tsx";
import { MemberPasses } from "../../staff/passes.tsx";
import { PaymentAmounts, PaymentStatus } from "../../staff/payments.tsx";
import type { Order, Pass } from "../../staff/shop.ts";
import { type Column, DataTable } from "../../staff/table.tsx";
import { PayDialog, SellDialog } from "../../staff/till.tsx";
import type { StaffMemberTexts } from "../../texts/staff-member.en.ts";
import { attempt, report, say } from "../../tools/action.ts";
import type { Catalog } from "../../tools/language.ts";
import { useLoad } from "../../tools/load.ts";
import { useStore } from "../../tools/store.ts";
import { studio } from "../../tools/studio.ts";
import { dayOf, formatDay, formatMomentIn, formatPrice, formatTimeIn } from "../../tools/time.ts";
import "./member.css";

type Member = Schema<"Member">;
type Booking = Schema<"Booking">;
type Payment = Schema<"ListedPayment">;
type Occurrence = Schema<"Occurrence">;
type Texts = { t: StaffMemberTexts };
type When = "upcoming" | "past";

const ID = location.pathname.split("/").at(-1) ?? "";

function MemberPage({ t }: Texts) {
  /** The member: undefined until it is loaded, null if there is none. */
  const [member, setMember] = useState<Member | null | undefined>(undefined);
  const [failure, setFailure] = useState<Failure | null>(null);

  const load = async () => {
    setFailure(null);
    try {
      const { items } = await call(api.GET("/api/admin/members", { params: { query: { id: ID } } }));
      setMember(items[0] ?? null);
    } catch (failed) {
      if (!(failed instanceof Failure)) throw failed;
      setFailure(failed);
    }
  };
  useEffect(() => void load().catch(report), []);

  const back = (
    <a class="button quiet small" href="/staff/members">
      {t.back}
    </a>
  );
  return (
    <div class="staff-page">
      {failure && <FailurePanel text={t.failed} failure={failure} onRetry={() => void load().catch(report)} />}
      {!failure && member === undefined && <Skeleton count={5} height="5rem" />}
      {member === null && (
        <>
          <PageHead title={t.title}>{back}</PageHead>
          <Empty text={t.unknown}>{back}</Empty>
        </>
      )}
      {member && <MemberDetails t={t} member={member} back={back} />}
    </div>
  );
}

function MemberDetails({ t, member, back }: Texts & { member: Member; back: preact.JSX.Element }) {
  const [when, setWhen] = useState<When>("upcoming");
  const [isBooking, setBooking] = useState(false);
  const [isSelling, setSelling] = useState(false);
  const bookings = useList<Booking>(when, (cursor) =>
    call(api.GET("/api/admin/member-bookings", { params: { query: { memberId: member.id, when, ...(cursor ? { cursor } : {}) } } })),
  );
  const payments = useList<Payment>("", (cursor) =>
    call(api.GET("/api/admin/payments", { params: { query: { memberId: member.id, ...(cursor ? { cursor } : {}) } } })),
  );
  const passes = useList<Pass>("", (cursor) => call(api.GET("/api/admin/passes", { params: { query: { memberId: member.id, ...(cursor ? { cursor } : {}) } } })));
  const memberships = useList<Membership>("", (cursor) => call(api.GET("/api/admin/memberships", { params: { query: { memberId: member.id, ...(cursor ? { cursor } : {}) } } })));
  const orders = useList<Order>("", (cursor) => call(api.GET("/api/admin/orders", { params: { query: { memberId: member.id, ...(cursor ? { cursor } : {}) } } })));
  const [credit, setCredit] = useState<Credit | null>(null);
  const creditEntries = useList<CreditEntry>("", async (cursor) => {
    const found = await call(api.GET("/api/admin/credit", { params: { query: { memberId: member.id, ...(cursor ? { cursor } : {}) } } }));
    setCredit(found);
    return found;
  });
  const reload = () => {
    for (const list of [bookings, payments, memberships, passes, orders, creditEntries]) void list.reload().catch(report);
  };
  // A link to the passes scrolls to them when their place is known.
  const isPlaced = passes.items !== null && bookings.items !== null;
  const hasScrolled = useRef(false);
  useEffect(() => {
    if (!isPlaced || hasScrolled.current) return;
    hasScrolled.current = true;
    if (location.hash === "#passes") document.getElementById("passes")?.scrollIntoView();
  }, [isPlaced]);
  return (
    <>
      <PageHead title={member.name} hint={<Contact t={t} member={member} />}>
        <Button size="small" onClick={() => setBooking(true)}>
          <Icon of={CalendarPlus} />
          {t.book}
        </Button>
        {back}
      </PageHead>
      <section class="member-part">
        <header>
          <h2>{t.bookings}</h2>
          <Segments<When>
            label={t.which}
            value={when}
            options={[
              ["upcoming", t.upcoming],
              ["past", t.past],
            ]}
            onChange={setWhen}
          />
        </header>
        <Bookings t={t} member={member} list={bookings} empty={when === "upcoming" ? t.noUpcoming : t.noPast} onChange={reload} />
      </section>
      {memberships.items !== null && memberships.items.length > 0 && (
        <section class="member-part">
          <header>
            <h2>{t.till.memberships.title}</h2>
          </header>
          <MembershipTable t={t.till} list={memberships} onChange={reload} />
        </section>
      )}
      <section class="member-part" id="passes">
        <header>
          <h2>{t.till.passes}</h2>
          <Button kind="soft" size="small" onClick={() => setSelling(true)}>
            <Icon of={Ticket} />
            {t.till.sell}
          </Button>
        </header>
        <MemberPasses t={t.till} list={passes} onChange={reload} />
      </section>
      <section class="member-part">
        <header>
          <h2>{t.payments}</h2>
        </header>
        <DataTable caption={t.payments} columns={paymentColumns(t)} list={payments} rowKey={({ id }) => id} failed={t.paymentsFailed} empty={<Empty text={t.noPayments} />} />
      </section>
      <section class="member-part">
        <header>
          <h2>{t.till.orders}</h2>
        </header>
        <OrderTable t={t.till} caption={t.till.orders} list={orders} empty={<Empty text={t.till.noOrders} />} onChange={reload} />
      </section>
      <MemberCredit t={t.till} member={member} credit={credit} list={creditEntries} onChange={reload} />
      {isSelling && <SellDialog t={t.till} member={member} onClose={() => setSelling(false)} onChange={reload} />}
      {isBooking && <BookDialog t={t} member={member} onClose={() => setBooking(false)} onBook={reload} />}
    </>
  );
}

function Contact({ t, member: { email, emailVerified, phone, level, createdAt } }: Texts & { member: Member }) {
  return (
    <span class="member-contact">
      <a href={`mailto:${email}`}>{email}</a>
      {phone && <a href={`tel:${phone.replace(/[^+\d]/g, "")}`}>{phone}</a>}
      <span>{t.staff.levels[level] ?? level}</span>
      <span>{t.since(formatDay(dayOf(new Date(createdAt)), { year: "numeric", month: "long", day: "numeric" }))}</span>
      {!emailVerified && <span class="tag warn">{t.unconfirmed}</span>}
    </span>
  );
}

interface BookingsProps extends Texts {
  member: Member;
  list: ReturnType<typeof useList<Booking>>;
  empty: string;
  onChange: () => void;
}

function Bookings({ t, member, list, empty, onChange }: BookingsProps) {
  const [cancelling, setCancelling] = useState<Booking | null>(null);
  const [reading, setReading] = useState<Booking | null>(null);
  const [waiving, setWaiving] = useState<Booking | null>(null);
  const [paying, setPaying] = useState<Booking | null>(null);
  const whenOf = ({ class: { startTime, timeZone } }: Booking) => formatMomentIn(startTime, timeZone);
  return (
    <>
      <DataTable
        caption={t.bookings}
        columns={bookingColumns(t)}
        list={list}
        rowKey={({ id }) => id}
        failed={t.bookingsFailed}
        empty={<Empty text={empty} />}
        actions={(booking) => {
          const isOpen = ["booked", "waitlisted"].includes(booking.status);
          const owes = Number(booking.amountDue) > 0;
          const isComing = Date.parse(booking.class.endTime) > Date.now() && booking.status !== "cancelled";
          return (
            <ActionMenu
              label={t.actionsOf(booking.class.title, whenOf(booking))}
              items={[
                { text: t.roster, icon: ClipboardCheck, onClick: () => location.assign(`/staff/roster/${booking.scheduledClassId}`) },
                ...(isComing ? [{ text: t.notes, icon: HeartPulse, onClick: () => setReading(booking) }] : []),
                ...(owes ? [{ text: t.takePayment, icon: Banknote, onClick: () => setPaying(booking) }] : []),
                ...(owes && booking.fee ? [{ text: t.waive.action, icon: CircleOff, onClick: () => setWaiving(booking) }] : []),
                ...(isOpen ? [{ text: t.cancelBooking.action, icon: CircleX, isDangerous: true, onClick: () => setCancelling(booking) }] : []),
              ]}
            />
          );
        }}
      />
      {cancelling && (
        <CancelBookingDialog
          t={t.cancelBooking}
          bookingId={cancelling.id}
          name={member.name}
          what={`${cancelling.class.title}, ${whenOf(cancelling)}`}
          isWaiting={cancelling.status === "waitlisted"}
          isPaid={cancelling.paymentStatus === "paid"}
          fee={cancelling.lateCancellationFee}
          currency={cancelling.currency}
          passName={cancelling.pass?.name}
          course={cancelling.course && { ...cancelling.course, pays: Number(cancelling.price) === 0 && !cancelling.pass }}
          freeCancellationUntil={cancelling.freeCancellationUntil}
          onClose={() => setCancelling(null)}
          onCancel={onChange}
        />
      )}
      {waiving && (
        <WaiveDialog t={t.waive} bookingId={waiving.id} name={member.name} amount={formatPrice(waiving.amountDue, waiving.currency)} onClose={() => setWaiving(null)} onChange={onChange} />
      )}
      {paying && (
        <PayDialog
          t={t.till}
          member={member}
          bookingId={paying.id}
          scheduledClassId={paying.scheduledClassId}
          price={paying.amountDue}
          currency={paying.currency}
          onClose={() => setPaying(null)}
          onChange={onChange}
        />
      )}
      {reading && <NotesDialog t={t} member={member} booking={reading} onClose={() => setReading(null)} />}
    </>
  );
}

function bookingColumns(t: StaffMemberTexts): Array<Column<Booking>> {
  return [
    { key: "class", label: t.bookingColumns.class, isTitle: true, cell: (booking) => <a href={`/staff/roster/${booking.scheduledClassId}`}>{booking.class.title}</a> },
    { key: "when", label: t.bookingColumns.when, cell: (booking) => formatMomentIn(booking.class.startTime, booking.class.timeZone) },
    {
      key: "status",
      label: t.bookingColumns.status,
      cell: ({ status, lateCancellation, waitlistPosition }) => (
        <span class="tags">
          <span class={`tag ${status === "booked" || status === "attended" ? "good" : status === "no_show" ? "bad" : ""}`}>
            {t.statuses[status] ?? status}
            {waitlistPosition ? ` (${waitlistPosition})` : ""}
          </span>
          {lateCancellation && <span class="tag warn">{t.late}</span>}
        </span>
      ),
    },
    { key: "payment", label: t.bookingColumns.payment, cell: (booking) => <BookingPayment t={t} booking={booking} /> },
  ];
}

/** What pays for a booking, what is still to be paid, or the pass that has its class back. */
function BookingPayment({ t, booking: { amountDue, currency, fee, paymentStatus, payment, pass, isGiven } }: Texts & { booking: Booking }) {
  if (fee && Number(amountDue) > 0) return <span class="tag warn">{t.owes(formatPrice(amountDue, currency))}</span>;
  if (pass) return <span class="tag">{pass.usesCredit ? pass.name : t.returnedTo(pass.name)}</span>;
  if (isGiven) return <span class="tag">{t.given}</span>;
  if (paymentStatus) return <PaymentStatus status={paymentStatus} method={payment?.method} />;
  return Number(amountDue) > 0 ? <span class="tag warn">{t.unpaid(formatPrice(amountDue, currency))}</span> : null;
}

function paymentColumns(t: StaffMemberTexts): Array<Column<Payment>> {
  return [
    { key: "class", label: t.paymentColumns.class, isTitle: true, cell: (payment) => payment.class.title },
    { key: "date", label: t.paymentColumns.date, cell: ({ createdAt }) => formatMomentIn(createdAt, studio.value?.timeZone) },
    { key: "amount", label: t.paymentColumns.amount, isNumber: true, cell: (payment) => <PaymentAmounts payment={payment} /> },
    { key: "status", label: t.paymentColumns.status, cell: ({ status, method }) => <PaymentStatus status={status} method={method} /> },
  ];
}

/** Shows medical notes after the person has confirmed, because reading them is recorded. */
function NotesDialog({ t, member, booking, onClose }: Texts & { member: Member; booking: Booking; onClose: () => void }) {
  const [notes, setNotes] = useState<Schema<"MedicalNotes"> | null>(null);
  const read = () => void attempt(async () => setNotes(await call(api.POST("/api/admin/medical-notes", { body: { bookingId: booking.id } }))));
  return (
    <Dialog title={t.notesTitle(member.name)} isOpen onClose={onClose}>
      <p>{notes ? (notes.unreadable ? t.unreadableNotes : (notes.medicalConditions ?? t.noNotes)) : t.notesText}</p>
      <p class="actions">
        {!notes && <Button onClick={read}>{t.notesAction}</Button>}
        <Button kind="quiet" onClick={onClose}>
          {t.staff.close}
        </Button>
      </p>
    </Dialog>
  );
}

/** Books a class of a day for the member. */
function BookDialog({ t, member, onClose, onBook }: Texts & { member: Member; onClose: () => void; onBook: () => void }) {
  const today = useToday();
  const zone = useStore(studio)?.timeZone;
  const [day, setDay] = useState(today);
  /** The full class for which a reason is asked. */
  const [fullClass, setFullClass] = useState<Occurrence | null>(null);
  const load = async () => ({ day, all: await readAllPages((page) => call(api.GET("/api/classes/schedule", { params: { query: { from: day, to: day, ...page } } }))) });
  const { loaded, failure, reload } = useLoad(load, day);
  // Until the classes of another day are loaded, those of the day before are not shown.
  const classes = loaded?.day === day ? loaded.all.filter(({ isCancelled, endTime }) => !isCancelled && Date.parse(endTime) > Date.now()) : undefined;

  const finish = ({ status }: Booking, { title }: Occurrence) => {
    onClose();
    onBook();
    say(status === "waitlisted" ? t.waiting(title) : t.booked(title));
  };
  const book = async (one: Occurrence) => {
    if (one.placesLeft === 0) return setFullClass(one);
    await attempt(async () => {
      try {
        finish(await bookFor(member.id, one.id), one);
      } catch (failure) {
        if (!(failure instanceof Failure) || failure.code !== "class_full") throw failure;
        // Someone else has taken the last spot.
        setFullClass(one);
      }
    });
  };
  if (fullClass) {
    return (
      <FullDialog
        t={t.full}
        occurrence={fullClass}
        userId={member.id}
        name={member.name}
        waiting={fullClass.waitlistLength}
        canWait={isWaitlistOpen(fullClass)}
        onClose={onClose}
        onBook={async (booking) => finish(booking, fullClass)}
      />
    );
  }
  return (
    <ChoiceDialog
      title={t.bookTitle(member.name)}
      isOpen
      onClose={onClose}
      label={t.bookClass}
      choices={classes?.map((one) => ({
        key: one.id,
        text: `${formatTimeIn(one.startTime, zone)} ${one.title}`,
        hint: one.placesLeft > 0 ? t.spots(one.placesLeft) : t.fullClass,
        onChoose: () => book(one),
      }))}
      empty={t.noClasses}
      failed={t.classesFailed}
      failure={failure}
      onRetry={reload}
    >
      <Field name="day" type="date" label={t.bookDay} defaultValue={day} min={today} required autofocus onChange={(event) => setDay((event.currentTarget as HTMLInputElement).value || today)} />
    </ChoiceDialog>
  );
}

const catalog: Catalog<StaffMemberTexts> = { en: () => import("../../texts/staff-member.en.ts"), es: () => import("../../texts/staff-member.es.ts") };
await mountStaff({ catalog, section: "members", Page: MemberPage });
