-- What the front desk needs: bookings after the start of the class, the time of a check-in,
-- and bookings that move to another class.

alter table bookings
    -- When the member was checked in. Null: they were not, or it was before this migration.
    add column checked_in_at timestamptz,
    -- When the booking was last moved to another class. Lists that are sorted by start are
    -- read page by page, and a booking that moves in between must not be missed.
    add column moved_at timestamptz,
    -- What the calendar feed adds to the iCalendar sequence of the class. The sum rises when
    -- the booking moves to another class, because calendars ignore an update with a lower one.
    add column sequence_offset integer not null default 0;

-- The previous version of the program writes the status alone.
create function note_check_in() returns trigger language plpgsql as $$
begin
    new.checked_in_at = case new.status when 'attended' then coalesce(new.checked_in_at, now()) end;
    return new;
end
$$;

create trigger bookings_checked_in before update of status on bookings
    for each row when (old.status <> new.status and 'attended' in (old.status, new.status))
    execute function note_check_in();

-- The visits of a member are counted on every roster.
create index bookings_visits_idx on bookings (user_id) where status = 'attended';

-- Staff list the payments of all members, newest first.
create index payments_created_idx on payments (created_at, id);

-- Check-in opens an hour before the start. Members could be checked in at any time before
-- this migration, and a member who is checked in cannot cancel.
update bookings b set status = 'booked'
from scheduled_classes c
where c.id = b.scheduled_class_id and b.status = 'attended'
  and c.start_time > now() + interval '1 hour';

-- A booking that moves takes a spot in one class and frees one in another.
create or replace function keep_current_participants() returns trigger language plpgsql as $$
declare
    taken text[] := array['booked', 'attended', 'no_show'];
    before integer := 0;
    after integer := 0;
begin
    if tg_op <> 'INSERT' then
        before = (old.status = any (taken))::integer;
    end if;
    if tg_op <> 'DELETE' then
        after = (new.status = any (taken))::integer;
    end if;
    if tg_op = 'UPDATE' and new.scheduled_class_id <> old.scheduled_class_id then
        update scheduled_classes
        set current_participants = current_participants
            + case id when new.scheduled_class_id then after else -before end
        where id in (old.scheduled_class_id, new.scheduled_class_id);
    elsif before <> after then
        update scheduled_classes
        set current_participants = current_participants + after - before
        where id = coalesce(new.scheduled_class_id, old.scheduled_class_id);
    end if;
    return null;
end
$$;

drop trigger bookings_participants on bookings;
create trigger bookings_participants
    after insert or delete or update of status, scheduled_class_id on bookings
    for each row execute function keep_current_participants();

-- Counts the member's bookings and waitlist entries that overlap a class, and those that
-- are still to be paid, without the booking that moves to the class.
create function count_upcoming_bookings(
    member_id uuid, class scheduled_classes, at timestamptz, moved_id uuid,
    out overlapping bigint, out unpaid bigint
) language sql stable as $$
    select count(*) filter (where c.start_time < class.end_time and c.end_time > class.start_time),
        count(*) filter (where c.start_time > at and b.price > 0 and not exists (
            select from payments p where p.booking_id = b.id and p.status = 'paid'))
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.user_id = member_id and b.status in ('booked', 'waitlisted', 'attended')
      and b.scheduled_class_id <> class.id and b.id is distinct from moved_id
      and c.end_time > at and not c.is_cancelled
$$;

-- Books a spot in a class for a member, or puts the member on its waitlist, with the e-mail
-- and the event that report it. Returns the outcome, and the booking if there is one.
-- With `moved_id`, that booking of the member moves to the class instead. It keeps its price
-- and its payment. The caller reports the move and fills the spot that becomes free.
--
-- This is the successor of the function with the same name and fewer parameters. The
-- previous version of the program calls that one, so a later migration drops it.
--
-- A request that can only learn that the class is full takes no lock. All others first
-- lock the member's row, in share mode, so that the account is not closed meanwhile. Then
-- they take a lock for the member's bookings, so that the limits below are checked for
-- one booking at a time, and then the class. A move also locks the class that the booking
-- leaves, both in the order of their ids. The outcome depends on the class as it was
-- read under the lock. Waitlist tickets are drawn under that lock, so they rise in the
-- order of arrival.
--
-- Members can book until the start, and staff until the end, for a member who comes late or
-- without a booking. A booking after the start is not confirmed by e-mail, because
-- the member is at the door.
--
-- A member on the waitlist who asks again when there is a spot moves up to it. This also
-- works after automatic promotion has ended.
--
-- Booking again after a cancellation reopens the earlier booking if its payment is still
-- there, so that nobody pays twice. After a late cancellation the waitlist does the same.
-- The reopened booking then keeps its `free_until`: otherwise a late cancellation could be
-- undone by booking and cancelling again. It also keeps a `free_until` within the
-- cancellation window: otherwise the grace could be renewed without end.
create function book_class(
    new_id uuid, member_id uuid, class_id uuid, waits boolean, at timestamptz,
    cutoff interval, cancellation_window interval, grace interval, max_unpaid integer,
    currency text, by_staff boolean, moved_id uuid,
    out outcome text, out booking_id uuid
) language plpgsql as $$
declare
    class scheduled_classes;
    address text;
    price numeric(10, 2);
    current_booking bookings;
    payment payments;
    counts record;
    new_free_until timestamptz;
begin
    select * into class from scheduled_classes where id = class_id;
    if not found then
        outcome = 'class_unknown';
        return;
    end if;
    if class.is_cancelled or class.start_time <= at or waits or moved_id is not null
        or class.current_participants < class.max_participants
    then
        select email into address from users where id = member_id and is_active for share;
        if not found then
            outcome = 'account_closed';
            return;
        end if;
        perform pg_advisory_xact_lock(hashtextextended('bookings ' || member_id, 0));
        if moved_id is not null then
            perform from scheduled_classes c
            where c.id in (class_id, (select scheduled_class_id from bookings where id = moved_id))
            order by c.id for no key update;
        end if;
        select * into class from scheduled_classes where id = class_id for no key update;
    end if;

    outcome = case
        when class.is_cancelled then 'class_cancelled'
        when by_staff and class.end_time <= at then 'class_over'
        when not by_staff and class.start_time <= at then 'class_started'
        when class.current_participants < class.max_participants then 'booked'
        when not waits then 'class_full'
        when class.start_time <= at + cutoff then 'waitlist_closed'
        else 'waitlisted' end;
    if outcome not in ('booked', 'waitlisted', 'class_full') then
        return;
    end if;
    select * into current_booking from bookings b
    where b.user_id = member_id and b.scheduled_class_id = class_id and b.status <> 'cancelled';
    if found and (moved_id is not null
        or not (outcome = 'booked' and current_booking.status = 'waitlisted'))
    then
        outcome = 'already_booked';
    end if;
    if outcome not in ('booked', 'waitlisted') then
        return;
    end if;

    if moved_id is null and current_booking.id is null then
        payment = find_reusable_payment(member_id, class_id, outcome = 'booked');
    end if;
    select coalesce(class.price_override, t.price_per_class) into price
    from class_types t where t.id = class.class_type_id;
    select * into counts from count_upcoming_bookings(member_id, class, at, moved_id);
    if counts.overlapping > 0 then
        outcome = 'overlapping_booking';
        return;
    end if;
    -- A waitlist entry was counted when it was made.
    if price > 0 and current_booking.id is null and payment.id is null
        and counts.unpaid >= max_unpaid
    then
        outcome = 'too_many_unpaid_bookings';
        return;
    end if;

    if outcome = 'booked' then
        new_free_until = least(class.start_time,
            greatest(class.start_time - cancellation_window, at + grace));
    end if;
    if moved_id is not null then
        update bookings b set scheduled_class_id = class_id, moved_at = now(),
            free_until = greatest(b.free_until, new_free_until),
            sequence_offset = 1 + greatest(0, b.sequence_offset + previous.sequence - class.sequence)
        from scheduled_classes previous
        where b.id = moved_id and b.status = 'booked' and previous.id = b.scheduled_class_id
        returning b.id into booking_id;
        if not found then
            outcome = 'not_movable';
        end if;
        return;
    end if;
    if current_booking.id is not null then
        booking_id = current_booking.id;
        update bookings b set status = 'booked', waitlist_position = null,
            free_until = coalesce(b.free_until, new_free_until)
        where b.id = booking_id;
    elsif payment.id is not null then
        booking_id = payment.booking_id;
        update bookings b set status = outcome,
            waitlist_position = case outcome when 'waitlisted' then nextval('waitlist_tickets') end,
            cancelled_at = null, cancellation_reason = null, late_cancellation = false,
            free_until = case
                when b.late_cancellation or b.free_until > class.start_time - cancellation_window
                    then b.free_until
                else new_free_until end
        where b.id = booking_id;
        update refunds r set state = 'withdrawn'
        where r.payment_id = payment.id and r.state = 'due' and payment.status = 'refund_due';
    else
        insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position,
            price, currency, booked_at, free_until)
        values (new_id, member_id, class_id, outcome,
            case outcome when 'waitlisted' then nextval('waitlist_tickets') end,
            price, book_class.currency, at, new_free_until)
        returning id into booking_id;
    end if;
    if class.start_time > at then
        insert into mail_outbox (id, recipient, kind, payload)
        values (gen_random_uuid(), address,
            case outcome when 'booked' then 'booking_confirmed' else 'booking_waitlisted' end,
            jsonb_build_object('bookingId', booking_id));
    end if;
    insert into member_events (id, user_id, kind, data)
    values (gen_random_uuid(), member_id,
        case outcome when 'booked' then 'booking_confirmed' else 'booking_waitlisted' end,
        jsonb_build_object('bookingId', booking_id, 'scheduledClassId', class_id));
end
$$;
