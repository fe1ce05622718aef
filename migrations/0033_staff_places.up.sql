-- Spots that staff give away for free, and bookings beyond the capacity of a class.
--
-- A spot that the studio gives has the price 0, like one that a pass pays for. So the previous
-- version of the program asks for no money for it.
--
-- That version cannot cancel a booking while a class has two members more than spots, and shows a
-- negative number of free spots. So book beyond the capacity only after the deployment.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table scheduled_classes, bookings in access exclusive mode;
            exit;
        exception when lock_not_available then
            if attempt = 300 then
                raise;
            end if;
            perform pg_sleep(0.1);
        end;
    end loop;
    perform set_config('lock_timeout', previous, true);
end
$$;

alter table scheduled_classes
    -- How many members more than `max_participants` the class has, because staff booked beyond the
    -- capacity. All other bookings need a spot below `max_participants`.
    add column extra_places integer not null default 0
        constraint scheduled_classes_extra_places check (extra_places >= 0),
    drop constraint scheduled_classes_places,
    add constraint scheduled_classes_places
        check (current_participants between 0 and max_participants + extra_places);

-- An extra place is gone when a member leaves, or when the class gets more spots. Otherwise, the
-- capacity could later be set below the number of members.
create function drop_extra_places() returns trigger language plpgsql as $$
begin
    new.extra_places = least(new.extra_places,
        greatest(0, new.current_participants - new.max_participants));
    return new;
end
$$;

create trigger scheduled_classes_extra_places
    before update of current_participants, max_participants on scheduled_classes
    for each row when (new.extra_places > 0) execute function drop_extra_places();

alter table bookings
    -- Why and when the studio has given the spot for free, and what it would have cost. All three
    -- are null if it has not.
    add column given_reason text,
    add column given_at timestamptz,
    add column given_price numeric(10, 2),
    add constraint bookings_given check (
        num_nulls(given_reason, given_at, given_price) = 3
        or (num_nulls(given_reason, given_at, given_price) = 0 and price = 0 and pass_id is null));

create index bookings_given_idx on bookings (given_at) where given_at is not null;

-- If a pass pays, or the studio gives the spot, no payment changes, so staff would get no event. If
-- the status or the class changes too, that change has its own event.
create function record_covered_booking_for_staff() returns trigger language plpgsql as $$
begin
    perform record_staff_event(
        'payment_changed',
        jsonb_build_object('paymentId', null, 'bookingId', new.id,
            'scheduledClassId', new.scheduled_class_id),
        c.start_time, null)
    from scheduled_classes c where c.id = new.scheduled_class_id;
    return null;
end
$$;

create trigger bookings_staff_event_of_cover
    after update of given_at, pass_id on bookings
    for each row when (
        (new.status, new.scheduled_class_id) = (old.status, old.scheduled_class_id)
        and (new.given_at, new.pass_id) is distinct from (old.given_at, old.pass_id))
    execute function record_covered_booking_for_staff();

-- Replaces the function of the same name and parameters. A waitlist entry of a class that has started
-- hinders no other booking, because nobody moves up any more.
create or replace function count_upcoming_bookings(
    member_id uuid, class scheduled_classes, at timestamptz, moved_id uuid,
    out overlapping bigint, out unpaid bigint
) language plpgsql stable as $$
begin
    select count(*) filter (where c.start_time < class.end_time and c.end_time > class.start_time
            and (b.status <> 'waitlisted' or c.start_time > at)),
        count(*) filter (where c.start_time > at and b.price > 0 and not exists (
            select from payments p where p.booking_id = b.id and p.status = 'paid'))
    into overlapping, unpaid
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.user_id = member_id and b.status in ('booked', 'waitlisted', 'attended')
      and b.scheduled_class_id <> class.id and b.id is distinct from moved_id
      and c.end_time > at and not c.is_cancelled;
    unpaid = unpaid + (
        select count(*) from bookings b
        where b.user_id = member_id and b.fee > 0 and b.scheduled_class_id <> class.id
          and not exists (select from payments p where p.booking_id = b.id and p.status = 'paid'));
end
$$;

-- The successor of the function with the same name and fewer parameters, which the previous
-- version of the program calls.
--
-- With `beyond_capacity`, staff book a full class. `is_extra` then says that the class has more
-- members than spots. `day_start` is the start of the studio's current day: staff can book a class
-- that has ended since then, for a member who stood at the door. It is null for members. A booking
-- moves only to a class that has not ended.
create function book_class(
    new_id uuid, member_id uuid, class_id uuid, waits boolean, at timestamptz,
    cutoff interval, cancellation_window interval, grace interval, max_unpaid integer,
    currency text, by_staff boolean, moved_id uuid, without_pass boolean, wanted_pass_id uuid,
    beyond_capacity boolean, day_start timestamptz,
    out outcome text, out booking_id uuid, out is_extra boolean
) language plpgsql as $$
declare
    class scheduled_classes;
    address text;
    price numeric(10, 2);
    current_booking bookings;
    payment payments;
    has_passes boolean;
    kept bookings;
    late bookings;
    chosen_id uuid;
    counts record;
    new_free_until timestamptz;
begin
    is_extra = false;
    select * into class from scheduled_classes where id = class_id;
    if not found then
        outcome = 'class_unknown';
        return;
    end if;
    if class.is_cancelled or class.start_time <= at or waits or beyond_capacity
        or moved_id is not null or class.current_participants < class.max_participants
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
        when by_staff and class.end_time <= case when moved_id is null then day_start else at end
            then 'class_over'
        when not by_staff and class.start_time <= at then 'class_started'
        when class.current_participants < class.max_participants or beyond_capacity then 'booked'
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

    has_passes = moved_id is null
        and exists (select from passes p where p.user_id = member_id and p.status = 'live');
    if moved_id is null and current_booking.id is null then
        payment = find_reusable_payment(member_id, class_id, outcome = 'booked');
        if payment.id is null and has_passes then
            select b.* into kept from bookings b join passes p on p.id = b.pass_id
            where b.user_id = member_id and b.scheduled_class_id = class_id
              and b.status = 'cancelled' and b.uses_credit and p.status = 'live'
            limit 1 for no key update;
        end if;
        if payment.id is null and kept.id is null then
            select b.* into late from bookings b
            where b.user_id = member_id and b.scheduled_class_id = class_id
              and b.status = 'cancelled' and b.fee > 0 and b.pass_id is null
            order by b.cancelled_at desc limit 1 for no key update;
        end if;
    end if;
    select coalesce(class.price_override, t.price_per_class) into price
    from class_types t where t.id = class.class_type_id;
    if class.start_time > at then
        select * into counts from count_upcoming_bookings(member_id, class, at, moved_id);
    else
        -- Only staff book a class that has started. Other classes at its time count even if they
        -- are over. A waitlist entry no longer counts when its class has started.
        select count(*) as overlapping, 0 as unpaid into counts
        from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.user_id = member_id and b.scheduled_class_id <> class.id
          and b.id is distinct from moved_id and not c.is_cancelled
          and c.start_time < class.end_time and c.end_time > class.start_time
          and (b.status in ('booked', 'attended')
              or (b.status = 'waitlisted' and c.start_time > at));
    end if;
    if counts.overlapping > 0 then
        outcome = 'overlapping_booking';
        return;
    end if;
    if outcome = 'waitlisted' and (without_pass or wanted_pass_id is not null) then
        outcome = 'pay_with_on_waitlist';
        return;
    end if;
    if kept.pass_id <> wanted_pass_id then
        outcome = 'pass_not_usable';
        return;
    end if;
    -- A waitlist entry keeps its own price.
    if outcome = 'booked' and moved_id is null and payment.id is null and kept.id is null
        and coalesce(current_booking.price, late.price, price) > 0 and not without_pass
    then
        if has_passes and class.local_date is null then
            outcome = 'day_unknown';
            return;
        end if;
        if has_passes then
            chosen_id = choose_pass(
                member_id, class.class_type_id, class.local_date, wanted_pass_id);
        end if;
        if chosen_id is null and wanted_pass_id is not null then
            outcome = 'pass_not_usable';
            return;
        end if;
    end if;
    -- A waitlist entry was counted when it was made.
    if price > 0 and current_booking.id is null and payment.id is null and kept.id is null
        and chosen_id is null and counts.unpaid >= max_unpaid
        and not (outcome = 'waitlisted' and exists (
            select from passes p where p.user_id = member_id and p.status = 'live'
              and (p.credits is null or p.credits_used < p.credits)))
    then
        outcome = 'too_many_unpaid_bookings';
        return;
    end if;

    is_extra = outcome = 'booked' and class.current_participants >= class.max_participants;
    if is_extra then
        update scheduled_classes
        set extra_places = class.current_participants + 1 - class.max_participants
        where id = class_id;
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
            free_until = coalesce(b.free_until, new_free_until),
            pass_id = coalesce(chosen_id, b.pass_id),
            uses_credit = case when chosen_id is null then b.uses_credit else true end,
            pass_day = case when chosen_id is null then b.pass_day else class.local_date end,
            price_without_pass = case when chosen_id is null then b.price_without_pass
                else b.price end,
            price = case when chosen_id is null then b.price else 0 end
        where b.id = booking_id;
    elsif payment.id is not null or kept.id is not null or late.id is not null then
        booking_id = coalesce(payment.booking_id, kept.id, late.id);
        update bookings b set status = outcome,
            waitlist_position = case outcome when 'waitlisted' then nextval('waitlist_tickets') end,
            cancelled_at = null, cancellation_reason = null, late_cancellation = false,
            free_until = case
                when b.late_cancellation or b.free_until > class.start_time - cancellation_window
                    then b.free_until
                else new_free_until end,
            pass_id = coalesce(chosen_id, b.pass_id),
            uses_credit = case when chosen_id is null then b.uses_credit else true end,
            pass_day = case when chosen_id is null then b.pass_day else class.local_date end,
            price_without_pass = case when chosen_id is null then b.price_without_pass
                else b.price end,
            price = case when chosen_id is null then b.price else 0 end
        where b.id = booking_id;
        update refunds r set state = 'withdrawn'
        where r.payment_id = payment.id and r.state = 'due' and payment.status = 'refund_due';
    else
        insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position,
            price, currency, booked_at, free_until, pass_id, uses_credit, pass_day,
            price_without_pass)
        values (new_id, member_id, class_id, outcome,
            case outcome when 'waitlisted' then nextval('waitlist_tickets') end,
            case when chosen_id is null then price else 0 end, book_class.currency, at,
            new_free_until, chosen_id, case when chosen_id is not null then true end,
            case when chosen_id is not null then class.local_date end,
            case when chosen_id is not null then price end)
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
