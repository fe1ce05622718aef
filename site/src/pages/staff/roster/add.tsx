// The dialog that adds a member, or someone who comes for the first time.

import { useEffect, useState } from "preact/hooks";
import { api, call, type Schema } from "../../../api/client.ts";
import { Failure } from "../../../api/failure.ts";
import { Check, Field, Form, type FormValues } from "../../../components/form.tsx";
import { Button, Dialog } from "../../../components/ui.tsx";
import { bookFor, changeBooking } from "../../../staff/bookings.ts";
import { Segments } from "../../../staff/parts.tsx";
import { SearchField } from "../../../staff/search.tsx";
import { attempt, report, say } from "../../../tools/action.ts";
import type { Occurrence } from "./data.ts";
import type { Texts } from "./rows.tsx";

type Member = Schema<"Member">;

interface Props extends Texts {
  occurrence: Occurrence;
  canCheckIn: boolean;
  onClose: () => void;
  /** Loads the roster again. */
  onChange: () => Promise<void>;
}

export function AddDialog({ t, occurrence, canCheckIn, onClose, onChange }: Props) {
  const [kind, setKind] = useState<"member" | "walkIn">("member");
  /** Whether to check the member in too. People who are added at the desk are usually there. */
  const [isHere, setHere] = useState(canCheckIn);

  const add = async (userId: string, said: (isWaiting: boolean) => string) => {
    const booking = await bookFor(userId, occurrence.id, true);
    const isWaiting = booking.status === "waitlisted";
    if (isHere && canCheckIn && !isWaiting) await changeBooking(booking.id, "checkIn");
    await onChange();
    onClose();
    say(said(isWaiting), isWaiting);
  };

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
        {canCheckIn && <Check label={t.checkInNow} checked={isHere} onChange={(event) => setHere((event.target as HTMLInputElement).checked)} />}
        {kind === "member" ? <FindMember t={t} onAdd={add} /> : <WalkIn t={t} onAdd={add} />}
        <p class="actions">
          <Button kind="quiet" onClick={onClose}>
            {t.staff.close}
          </Button>
        </p>
      </div>
    </Dialog>
  );
}

type Add = (userId: string, said: (isWaiting: boolean) => string) => Promise<void>;

function FindMember({ t, onAdd }: Texts & { onAdd: Add }) {
  const [search, setSearch] = useState("");
  const [found, setFound] = useState<Member[] | null>(null);
  useEffect(() => {
    setFound(null);
    if (!search) return;
    let isLatest = true;
    call(api.GET("/api/admin/members", { params: { query: { search, limit: 8 } } })).then(({ items }) => isLatest && setFound(items), report);
    return () => {
      isLatest = false;
    };
  }, [search]);
  const add = (member: Member) => attempt(() => onAdd(member.id, (isWaiting) => (isWaiting ? t.waitlisted : t.booked)(member.name)));
  return (
    <>
      <SearchField label={t.searchMembers} value={search} onSearch={setSearch} />
      <div class="found-members" aria-live="polite">
        {!search ? (
          <p class="hint">{t.typeName}</p>
        ) : found?.length === 0 ? (
          <p class="hint">{t.noMember}</p>
        ) : (
          <ul class="plain-list">
            {found?.map((member) => (
              <li key={member.id}>
                <span>
                  <strong>{member.name}</strong>
                  <span class="hint">{member.email}</span>
                </span>
                <Button size="small" aria-label={t.bookName(member.name)} onClick={() => void add(member)}>
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

function WalkIn({ t, onAdd }: Texts & { onAdd: Add }) {
  const send = async (values: FormValues) => {
    const [firstName, lastName] = [values.text("firstName"), values.optional("lastName")];
    const name = [firstName, lastName].filter(Boolean).join(" ");
    let id;
    let wasMember = false;
    try {
      const member = await call(api.POST("/api/admin/members", { body: { firstName, email: values.text("email"), ...(lastName ? { lastName } : {}) } }));
      id = member.id;
    } catch (failure) {
      // The person has registered before.
      if (!(failure instanceof Failure) || failure.code !== "member_exists" || !failure.memberId) throw failure;
      id = failure.memberId;
      wasMember = true;
    }
    await onAdd(id, (isWaiting) => (isWaiting ? t.waitlisted(name) : wasMember ? t.wasMember(name) : t.booked(name)));
  };
  return (
    <Form onSend={send}>
      <div class="pair">
        <Field name="firstName" label={t.firstName} required autoComplete="off" />
        <Field name="lastName" label={t.lastName} autoComplete="off" />
      </div>
      <Field name="email" type="email" label={t.email} hint={t.emailHint} required autoComplete="off" />
      <Button type="submit">{t.addPerson}</Button>
    </Form>
  );
}
