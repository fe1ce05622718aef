// The dialog that adds a member, or someone who comes for the first time.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, call, type Schema } from "../../../api/client.ts";
import { Failure } from "../../../api/failure.ts";
import { Check, Field, Form, type FormValues } from "../../../components/form.tsx";
import { Button, Dialog } from "../../../components/ui.tsx";
import { bookFor, type BookingOptions, changeBooking } from "../../../staff/bookings.ts";
import { FullDialog, isWaitlistOpen } from "../../../staff/full-class.tsx";
import { useMemberSearch } from "../../../staff/member-search.ts";
import { Segments } from "../../../staff/parts.tsx";
import { SearchField } from "../../../staff/search.tsx";
import { describePayment } from "../../../staff/shop.ts";
import { attempt, say, sayWithNext } from "../../../tools/action.ts";
import type { Occurrence } from "./data.ts";
import { GiveDialog } from "./give.tsx";
import type { Texts } from "./rows.tsx";

/** How many members a search shows. */
const FOUND = 8;

interface Props extends Texts {
  occurrence: Occurrence;
  /** How many have a spot. */
  taken: number;
  /** How many are on the waitlist. */
  waiting: number;
  canCheckIn: boolean;
  onClose: () => void;
  /** Opens the payment of a booking. */
  onPay: (bookingId: string) => void;
  /** Loads the roster again. */
  onChange: () => Promise<void>;
}

/** Who is added to the class. */
interface Person {
  id: string;
  name: string;
  /** Whether someone who was added as new has an account already. */
  wasMember?: boolean;
  /** Whether an account was created for the person now. */
  isNew?: boolean;
}

export function AddDialog({ t, occurrence, taken, waiting, canCheckIn, onClose, onPay, onChange }: Props) {
  const [kind, setKind] = useState<"member" | "walkIn">("member");
  const [search, setSearch] = useState("");
  /** Whether to check the member in too. People who are added at the desk are usually there. */
  const [isHere, setHere] = useState(canCheckIn);
  const [isGiven, setGiven] = useState(false);
  /** Who is added although the class is full, or joins its waitlist. */
  const [personForFullClass, setPersonForFullClass] = useState<Person | null>(null);
  /** Who gets the spot for free. */
  const [personToGive, setPersonToGive] = useState<Person | null>(null);
  /** Whether the booking was made. A dialog that asks for a reason is also closed after it. */
  const isBooked = useRef(false);
  /** Why the spot is given, which was typed before the class was full. */
  const [reason, setReason] = useState("");

  const finish = async (booking: Schema<"Booking">, { name, wasMember }: Person) => {
    isBooked.current = true;
    const isWaiting = booking.status === "waitlisted";
    const isCheckedIn = isHere && canCheckIn && !isWaiting;
    // The booking is made even if the check-in fails, which the roster can then repeat.
    const failed: unknown = isCheckedIn ? await changeBooking(booking.id, "checkIn").then(() => null, (failure) => failure) : null;
    await onChange();
    onClose();
    if (failed) throw failed instanceof Failure && !failed.isSignedOut ? new Failure(`${t.bookedNotHere(name)} ${failed.message}`, { requestId: failed.requestId }) : failed;
    if (isWaiting) return say(t.waitlisted(name), true);
    const text = isCheckedIn ? (wasMember ? t.wasMemberHere(name) : t.bookedHere(name)) : wasMember ? t.wasMember(name) : t.booked(name);
    const isUnpaid = Number(booking.amountDue) > 0;
    if (booking.isGiven) say(`${text} ${t.givenByStudio}.`);
    else if (isUnpaid) sayWithNext(text, { text: t.markPaid, run: () => onPay(booking.id) });
    else say(booking.pass ? `${text} ${describePayment(t.till, booking.pass)}` : text);
  };
  /** Says that someone new has an account, if the dialog that asks for a reason is closed. */
  const leave = ({ name, isNew }: Person) => {
    onClose();
    if (isNew && !isBooked.current) say(t.hasOnlyAccount(name), true);
  };
  const book = async (person: Person, options: BookingOptions) => {
    try {
      await finish(await bookFor(person.id, occurrence.id, options), person);
    } catch (failure) {
      if (!(failure instanceof Failure) || failure.code !== "class_full") throw failure;
      // Someone else has taken the last spot.
      setPersonForFullClass(person);
      setReason(options.reason ?? "");
      // Shows the failure, because the typed reason did not lead to a booking.
      if (options.give) throw failure;
    }
  };
  const add = async (person: Person) => {
    if (taken >= occurrence.maxParticipants) return setPersonForFullClass(person);
    if (isGiven) return setPersonToGive(person);
    await book(person, {});
  };
  const canBeGiven = Number(occurrence.price) > 0;
  if (personForFullClass) {
    return (
      <FullDialog
        t={t.full}
        occurrence={occurrence}
        userId={personForFullClass.id}
        name={personForFullClass.name}
        waiting={waiting}
        canWait={!isGiven && isWaitlistOpen(occurrence)}
        free={isGiven ? { text: t.giveText, reasonHint: t.giveReasonHint } : undefined}
        reason={reason}
        onClose={() => leave(personForFullClass)}
        onBook={(booking) => finish(booking, personForFullClass)}
      />
    );
  }
  if (personToGive) return <GiveDialog t={t} name={personToGive.name} onClose={() => leave(personToGive)} onGive={(reason) => book(personToGive, { give: true, reason })} />;

  return (
    <Dialog title={t.addTitle} isOpen onClose={onClose}>
      <div class="add-to-class">
        <Segments
          label={t.addTitle}
          value={kind}
          options={[
            ["member", t.member],
            ["walkIn", t.walkIn],
          ]}
          onChange={setKind}
        />
        {(canCheckIn || canBeGiven) && (
          <div class="add-options">
            {canCheckIn && <Check label={t.checkInNow} checked={isHere} onChange={(event) => setHere((event.target as HTMLInputElement).checked)} />}
            {canBeGiven && <Check label={t.give} checked={isGiven} onChange={(event) => setGiven((event.target as HTMLInputElement).checked)} />}
          </div>
        )}
        {kind === "member" ? (
          <FindMember t={t} search={search} onSearch={setSearch} onAdd={add} onNew={() => setKind("walkIn")} />
        ) : (
          <WalkIn t={t} search={search} onAdd={add} />
        )}
        <p class="actions">
          <Button kind="quiet" onClick={onClose}>
            {t.staff.close}
          </Button>
        </p>
      </div>
    </Dialog>
  );
}

interface FindProps extends Texts {
  search: string;
  onSearch: (search: string) => void;
  onAdd: (person: Person) => Promise<void>;
  onNew: () => void;
}

function FindMember({ t, search, onSearch, onAdd, onNew }: FindProps) {
  const found = useMemberSearch(search, FOUND);
  return (
    <>
      <SearchField label={t.searchMembers} value={search} onSearch={onSearch} autofocus />
      <div class="found-members" aria-live="polite">
        {!search ? (
          <p class="hint">{t.typeName}</p>
        ) : found?.length === 0 ? (
          <>
            <p class="hint">{t.noMember}</p>
            <Button kind="soft" onClick={onNew}>
              {t.addNew(search)}
            </Button>
          </>
        ) : (
          <ul class="plain-list">
            {found?.map((member) => (
              <li key={member.id}>
                <span>
                  <strong>{member.name}</strong>
                  <span class="hint">{member.email}</span>
                </span>
                <Button size="small" aria-label={t.bookName(member.name)} onClick={() => attempt(() => onAdd(member))}>
                  {t.book}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </>
  );
}

/** Someone who comes for the first time. What was searched for is the name or the address. */
function WalkIn({ t, search, onAdd }: Texts & Pick<FindProps, "search" | "onAdd">) {
  const names = useRef<HTMLDivElement>(null);
  const isAddress = search.includes("@");
  const [known = "", ...more] = isAddress ? [] : search.split(/\s+/);
  useEffect(() => {
    const missing = known ? "[name=email]" : "[name=firstName]";
    names.current?.closest("form")?.querySelector<HTMLElement>(missing)?.focus();
  }, []);

  const send = async (values: FormValues) => {
    const [firstName, lastName] = [values.text("firstName"), values.optional("lastName")];
    const name = [firstName, lastName].filter(Boolean).join(" ");
    let person: Person;
    try {
      const { id } = await call(api.POST("/api/admin/members", { body: { firstName, email: values.text("email"), ...(lastName ? { lastName } : {}) } }));
      person = { id, name, isNew: true };
    } catch (failure) {
      // The person has registered before.
      if (!(failure instanceof Failure) || failure.code !== "member_exists" || !failure.memberId) throw failure;
      person = { id: failure.memberId, name, wasMember: true };
    }
    await onAdd(person);
  };
  return (
    <Form onSend={send}>
      <div ref={names} class="pair">
        <Field name="firstName" label={t.firstName} required autoComplete="off" defaultValue={known} />
        <Field name="lastName" label={t.lastName} autoComplete="off" defaultValue={more.join(" ")} />
      </div>
      <Field name="email" type="email" label={t.email} hint={t.emailHint} required autoComplete="off" defaultValue={isAddress ? search : ""} />
      <Button type="submit">{t.addPerson}</Button>
    </Form>
  );
}
