-- Fees for late cancellations and for members who did not come, and numbered receipts with the
-- tax. A fee stands in its booking, because a booking has one at most.
--
-- The previous version of the program neither writes fees nor asks for them. It issues no receipts,
-- so payments that arrive while it runs have none.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, class_types, products, orders, order_lines, bookings, payments
                in access exclusive mode;
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

alter table bookings
    -- What the late cancellation costs, or that the member did not come. Null for bookings that
    -- were not cancelled late, and for those of the previous version of the program, which asks
    -- for the whole price when a member did not come.
    add column fee numeric(10, 2),
    add constraint bookings_fee check (fee is null or (fee >= 0
        and (status in ('no_show', 'waitlisted') or (status = 'cancelled' and late_cancellation))));

create index bookings_fee_idx on bookings (user_id, created_at, id) where fee > 0;

-- Returns what the late cancellation of a booking costs, or that the member did not come: its price,
-- or `fixed` if that is less. A credit of a pass is used up instead. An unlimited pass has no
-- credits, so `fixed` is owed. Null for `fixed`: the price.
create function booking_fee(booking bookings, fixed numeric) returns numeric
language plpgsql stable as $$
begin
    return case
        when booking.pass_id is null then least(booking.price, coalesce(fixed, booking.price))
        when exists (select from passes p where p.id = booking.pass_id and p.credits is null)
            then coalesce(fixed, 0)
        else 0 end;
end
$$;

-- Clears the fee of a booking that is no longer late: it has a spot again, the member came after all,
-- the studio has cancelled the class, or a pass pays now. A booking that was cancelled late and
-- waits for a spot keeps its fee until then.
--
-- If the booking has its spot again, the refund of what exceeded the fee is withdrawn while it was
-- not sent, and so is a payment of the fee that was started. A payment that does not equal the
-- price, such as that of a smaller fee, does not pay for the spot, and is refunded.
create function clear_fee() returns trigger language plpgsql as $$
begin
    new.fee = null;
    if new.status in ('booked', 'attended') then
        update refunds r set state = 'withdrawn'
        from payments p
        where p.booking_id = new.id and p.status in ('paid', 'refund_due') and r.payment_id = p.id
          and r.state = 'due' and r.source = 'rule' and r.attempts = 0;
        update payments p set status = 'cancelled', next_attempt_at = now()
        where p.booking_id = new.id and p.status = 'pending' and p.amount <> new.price;
        insert into refunds (id, payment_id, amount, source, next_attempt_at)
        select gen_random_uuid(), p.id, p.amount - p.refunded, 'rule', now() + interval '10 minutes'
        from payments p
        where p.booking_id = new.id and p.status = 'paid' and p.refunded < p.amount
          and p.amount - p.refunded <> new.price;
    end if;
    return new;
end
$$;

create trigger bookings_fee before update on bookings
    for each row when (
        new.fee is not null and (
            not (new.status in ('no_show', 'waitlisted')
                or (new.status = 'cancelled' and new.late_cancellation))
            or (old.pass_id is null and new.pass_id is not null))
    ) execute function clear_fee();

-- A fee that is not paid counts as an unpaid booking. That of this class is cleared when the
-- member books it again.
create or replace function count_upcoming_bookings(
    member_id uuid, class scheduled_classes, at timestamptz, moved_id uuid,
    out overlapping bigint, out unpaid bigint
) language plpgsql stable as $$
begin
    select count(*) filter (where c.start_time < class.end_time and c.end_time > class.start_time),
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

-- Replaces the function of the same name and parameters. Booking again after a late cancellation
-- also reopens the earlier booking if a fee is owed for it, or was paid. It keeps its
-- `free_until`: otherwise a fee could be avoided by booking and cancelling again.
create or replace function book_class(
    new_id uuid, member_id uuid, class_id uuid, waits boolean, at timestamptz,
    cutoff interval, cancellation_window interval, grace interval, max_unpaid integer,
    currency text, by_staff boolean, moved_id uuid, without_pass boolean, wanted_pass_id uuid,
    out outcome text, out booking_id uuid
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
    select * into counts from count_upcoming_bookings(member_id, class, at, moved_id);
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

-- The tax in a price, in percent.
alter table class_types
    add column tax_rate numeric(5, 2) not null default 0
        constraint class_types_tax_rate check (tax_rate between 0 and 100);
alter table products
    add column tax_rate numeric(5, 2) not null default 0
        constraint products_tax_rate check (tax_rate between 0 and 100);

alter table order_lines
    -- Null if it is not a pass.
    alter column days drop not null,
    alter column starts drop not null,
    add column kind text not null default 'pass'
        constraint order_lines_kind_known check (kind in ('pass')),
    -- The tax in the amount, in percent, at the time of the order.
    add column tax_rate numeric(5, 2) not null default 0
        constraint order_lines_tax_rate check (tax_rate between 0 and 100),
    add constraint order_lines_of_pass check (
        kind <> 'pass' or (days is not null and starts is not null));

-- The last number of each year. The number of a receipt is taken at the end of the transaction in
-- which the payment arrives. If that is rolled back, so is the number, so that none is missing.
create table receipt_counters (
    year integer primary key,
    last integer not null
);

-- What was paid, as it stood then. A receipt never changes. Its refunds are those of its payment.
create table receipts (
    -- The year by the studio's calendar.
    year integer not null,
    number integer not null,
    -- What was paid for: an order, or a class by this payment.
    order_id uuid constraint receipts_order_key unique references orders on delete restrict,
    payment_id uuid constraint receipts_payment_key unique references payments on delete restrict,
    user_id uuid not null references users on delete restrict,
    -- The member's name at the time of the payment.
    buyer text not null,
    currency char(3) not null,
    issued_at timestamptz not null,
    primary key (year, number),
    constraint receipts_subject check (num_nonnulls(order_id, payment_id) = 1)
);

create index receipts_user_idx on receipts (user_id, issued_at, year, number);
create index receipts_issued_idx on receipts (issued_at, year, number);

create table receipt_lines (
    year integer not null,
    number integer not null,
    position integer not null,
    kind text not null constraint receipt_lines_kind_known
        check (kind in ('product', 'class', 'late_cancellation', 'no_show')),
    -- The name of the product or the title of the class.
    description text not null,
    -- When the class starts. Null for products.
    class_start timestamptz,
    amount numeric(10, 2) not null constraint receipt_lines_amount check (amount >= 0),
    tax_rate numeric(5, 2) not null,
    -- The tax in the amount.
    tax numeric(10, 2) not null constraint receipt_lines_tax check (tax between 0 and amount),
    primary key (year, number, position),
    foreign key (year, number) references receipts on delete restrict
);
