-- A booking says until when it can be cancelled without cost. The rules that a member
-- agreed to then stay in force, whatever the studio changes later.

-- Null: no time was agreed on, because the member only waits for a spot.
alter table bookings add column free_until timestamptz;

-- The rule of the previous version, which does not write the column. The migration
-- cannot read CANCELLATION_WINDOW_HOURS. A studio that has set it states it here too:
--   alter database sabor set sabor.cancellation_window_hours = 24
create function default_cancellation_window() returns interval language sql stable as $$
    select make_interval(hours => coalesce(
        nullif(current_setting('sabor.cancellation_window_hours', true), ''), '12')::integer)
$$;

-- `free_until` only moves later, whichever statement writes it.
create function keep_free_until() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        new.free_until = greatest(old.free_until, new.free_until);
    end if;
    if new.free_until is null and new.status in ('booked', 'attended', 'no_show') then
        select start_time - default_cancellation_window() into new.free_until
        from scheduled_classes where id = new.scheduled_class_id;
    end if;
    return new;
end
$$;

alter table bookings disable trigger bookings_updated_at;
update bookings b set free_until = c.start_time - default_cancellation_window()
from scheduled_classes c
where c.id = b.scheduled_class_id and b.status <> 'waitlisted';
alter table bookings enable trigger bookings_updated_at;

alter table bookings add constraint bookings_free_until
    check (status in ('waitlisted', 'cancelled') or free_until is not null);

create trigger bookings_free_until before insert or update of status, free_until on bookings
    for each row execute function keep_free_until();

-- A class that is booked again after a cancellation is found by this index.
create index bookings_cancelled_member_idx on bookings (user_id, scheduled_class_id)
    where status = 'cancelled';

-- Finds the payment that an earlier, cancelled booking of the member for the class has
-- left: one that was kept because the cancellation was late, or one whose refund can
-- still be withdrawn. Locks the payment and the refund, so that it is not sent meanwhile.
create function find_reusable_payment(
    member_id uuid, class_id uuid, with_refunds boolean
) returns payments language plpgsql as $$
declare
    payment payments;
begin
    select p.* into payment from bookings b join payments p on p.booking_id = b.id
    where b.user_id = member_id and b.scheduled_class_id = class_id and b.status = 'cancelled'
      and p.amount = b.price
      and (p.status = 'paid'
          or (with_refunds and p.status = 'refund_due' and p.attempts = 0))
      and not exists (select from disputes d where d.payment_id = p.id and d.withdrawn)
    order by p.status = 'paid' desc, p.created_at desc limit 1
    for no key update of p;
    if payment.status = 'refund_due' then
        perform from refunds r where r.payment_id = payment.id and r.state = 'due'
        for no key update;
        -- It may have been sent while this function waited for the lock.
        if not found or exists (
            select from refunds r where r.payment_id = payment.id and r.state in ('sent', 'done')
        ) then
            return null;
        end if;
    end if;
    return payment;
end
$$;

-- Counts the member's bookings and waitlist entries that overlap a class, and those that
-- are still to be paid. A waitlist entry counts like a spot, because it becomes one
-- without another question.
create function count_upcoming_bookings(
    member_id uuid, class scheduled_classes, at timestamptz,
    out overlapping bigint, out unpaid bigint
) language sql stable as $$
    select count(*) filter (where c.start_time < class.end_time and c.end_time > class.start_time),
        count(*) filter (where c.start_time > at and b.price > 0 and not exists (
            select from payments p where p.booking_id = b.id and p.status = 'paid'))
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.user_id = member_id and b.status in ('booked', 'waitlisted', 'attended')
      and b.scheduled_class_id <> class.id and c.end_time > at and not c.is_cancelled
$$;

-- Books a spot in a class for a member, or puts the member on its waitlist, with the mail
-- and the event that report it. Returns the outcome, and the booking if there is one.
--
-- This is the successor of the function with the same name and fewer parameters. The
-- previous version of the program calls that one, so a later migration drops it.
--
-- A request that can only learn that the class is full takes no lock. All others first
-- lock the member's row, in share mode, so that the account is not closed meanwhile. Then
-- they take a lock for the member's bookings, so that the limits below are checked for
-- one booking at a time, and then the class. The row of the class that was read under the
-- lock decides. Waitlist tickets are drawn under that lock, so they rise in the order of
-- arrival.
--
-- A member on the waitlist who asks again when there is a spot moves up to it. This can
-- be after the time at which spots stop going to the waitlist by themselves.
--
-- Booking again after a cancellation reopens the earlier booking if its payment is still
-- there, so that nobody pays twice. After a late cancellation the waitlist does the same.
-- The reopened booking keeps its `free_until`: otherwise a late cancellation could be
-- undone by booking and cancelling again.
create function book_class(
    new_id uuid, member_id uuid, class_id uuid, waits boolean, at timestamptz,
    cutoff interval, cancellation_window interval, grace interval, max_unpaid integer,
    currency text,
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
    if class.is_cancelled or class.start_time <= at or waits
        or class.current_participants < class.max_participants
    then
        select email into address from users where id = member_id and is_active for share;
        if not found then
            outcome = 'account_closed';
            return;
        end if;
        perform pg_advisory_xact_lock(hashtextextended('bookings ' || member_id, 0));
        select * into class from scheduled_classes where id = class_id for no key update;
    end if;

    outcome = case
        when class.is_cancelled then 'class_cancelled'
        when class.start_time <= at then 'class_started'
        when class.current_participants < class.max_participants then 'booked'
        when not waits then 'class_full'
        when class.start_time <= at + cutoff then 'waitlist_closed'
        else 'waitlisted' end;
    if outcome not in ('booked', 'waitlisted', 'class_full') then
        return;
    end if;
    select * into current_booking from bookings b
    where b.user_id = member_id and b.scheduled_class_id = class_id and b.status <> 'cancelled';
    if found and not (outcome = 'booked' and current_booking.status = 'waitlisted') then
        outcome = 'already_booked';
    end if;
    if outcome not in ('booked', 'waitlisted') then
        return;
    end if;

    if current_booking.id is null then
        payment = find_reusable_payment(member_id, class_id, outcome = 'booked');
    end if;
    select coalesce(class.price_override, t.price_per_class) into price
    from class_types t where t.id = class.class_type_id;
    select * into counts from count_upcoming_bookings(member_id, class, at);
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
            free_until = case when b.late_cancellation then b.free_until else new_free_until end
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
    insert into mail_outbox (id, recipient, kind, payload)
    values (gen_random_uuid(), address,
        case outcome when 'booked' then 'booking_confirmed' else 'booking_waitlisted' end,
        jsonb_build_object('bookingId', booking_id));
    insert into member_events (id, user_id, kind, data)
    values (gen_random_uuid(), member_id,
        case outcome when 'booked' then 'booking_confirmed' else 'booking_waitlisted' end,
        jsonb_build_object('bookingId', booking_id, 'scheduledClassId', class_id));
end
$$;
