-- Courses: several classes that a member buys together. A course is a product, and its classes carry
-- its id. A spot in a course is a booking of each upcoming class.
--
-- Like a booking that a pass pays for, a booking of a course has the price 0, and stands beside it
-- with its share of what the course has cost. So the previous version of the program asks for no
-- money for it.
--
-- The previous version of the program cannot list products or sum up sales when one of the products is
-- a course. So create the first one after the deployment, and revert this migration before you go back
-- to the previous version.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table products, scheduled_classes, bookings, orders, order_lines, promo_codes
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

alter table products
    drop constraint products_kind_known,
    add constraint products_kind_known
        check (kind in ('pass', 'gift_card', 'membership', 'course')),
    -- Whether the classes of a course can be booked one by one. Null for other products.
    add column drop_in boolean,
    add constraint products_drop_in check ((kind = 'course') = (drop_in is not null)),
    add constraint products_course check (
        kind <> 'course' or num_nonnulls(credits, days, starts) = 0);

alter table order_lines
    drop constraint order_lines_kind_known,
    add constraint order_lines_kind_known
        check (kind in ('pass', 'gift_card', 'membership', 'course'));

alter table promo_codes
    drop constraint promo_codes_applies_to,
    add constraint promo_codes_applies_to
        check (applies_to <@ array['pass', 'course'] and cardinality(applies_to) > 0);

-- The course that the class is part of. Null: none.
alter table scheduled_classes
    add column course_id uuid references products on delete restrict;

create index scheduled_classes_course_idx on scheduled_classes (course_id)
    where course_id is not null;

alter table bookings
    -- The columns of a course are null if the booking is not part of one.
    add column course_line_id uuid references order_lines on delete restrict,
    -- The part of what the line has cost.
    add column course_share numeric(10, 2)
        constraint bookings_course_share check (course_share >= 0),
    -- Whether the share is refunded. `kept`: only if the studio cancels the class. `refundable`: also if
    -- the member cancels before the start, because the studio has changed the class. `due`: it is
    -- refunded ten minutes after the cancellation, once the order is paid. `closed`: it was refunded,
    -- or staff have decided what is refunded.
    add column course_share_state text
        constraint bookings_course_share_state_known
            check (course_share_state in ('kept', 'refundable', 'due', 'closed')),
    -- What a rule has refunded of the share. Null: nothing.
    add column course_share_refunded numeric(10, 2)
        constraint bookings_course_share_refunded
            check (course_share_refunded between 0 and course_share),
    -- Whether the booking is unpaid because the payment of the course is disputed.
    add column course_disputed boolean not null default false,
    add constraint bookings_course check (case when course_line_id is null
        then num_nonnulls(course_share, course_share_state, course_share_refunded) = 0 and not course_disputed
        else num_nulls(course_share, course_share_state) = 0 end);

create index bookings_course_idx on bookings (course_line_id) where course_line_id is not null;
create index bookings_course_share_idx on bookings (scheduled_class_id)
    where course_share_state <> 'closed';

-- Gives up the spots of an order that is cancelled. The program does it before it cancels the order,
-- and gives the spots to the waitlists. The previous version only cancels the order.
create function release_course_spots() returns trigger language plpgsql as $$
begin
    update bookings b set status = 'cancelled', waitlist_position = null, cancelled_at = now(),
        late_cancellation = false
    from order_lines l
    where l.order_id = new.id and b.course_line_id = l.id
      and b.status in ('booked', 'waitlisted');
    return null;
end
$$;

create trigger orders_course_spots after update of state on orders
    for each row when (old.state = 'open' and new.state = 'cancelled')
    execute function release_course_spots();

-- The successor of the function with the same name and fewer parameters, which the previous
-- version of the program calls.
--
-- A class that is sold with its course only is not booked by itself (`course_only`), unless
-- `without_course` is set. Staff set it.
--
-- A member who has given up the spot of a course can take it again. The earlier booking is then
-- reopened under the same conditions as any other. If the class is full, the booking goes on the
-- waitlist. A share that is not refunded yet stays with the studio, and can be refunded again. While
-- the payment of the course is disputed, the reopened booking is unpaid like the others of the course,
-- unless a pass has paid. If the studio had given the spot, the gift has ended with the cancellation.
create function book_class(
    new_id uuid, member_id uuid, class_id uuid, waits boolean, at timestamptz,
    cutoff interval, cancellation_window interval, grace interval, max_unpaid integer,
    currency text, by_staff boolean, moved_id uuid, without_pass boolean, wanted_pass_id uuid,
    beyond_capacity boolean, day_start timestamptz, without_course boolean,
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
    spot bookings;
    spot_is_unpaid boolean = false;
    spot_price numeric(10, 2);
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
    if moved_id is null and current_booking.id is null then
        select b.* into spot from bookings b
        join order_lines l on l.id = b.course_line_id
        join orders o on o.id = l.order_id and o.state <> 'cancelled'
        where b.user_id = member_id and b.scheduled_class_id = class_id and b.status = 'cancelled'
          and b.course_share_state in ('kept', 'refundable', 'due')
        limit 1 for no key update of b;
    end if;
    if class.course_id is not null and not without_course and spot.id is null
        and current_booking.id is null
    then
        if exists (select from products p
            where p.id = class.course_id and p.is_active and not p.drop_in)
        then
            outcome = 'course_only';
            return;
        end if;
    end if;
    if current_booking.id is not null and (moved_id is not null
        or not (outcome = 'booked' and current_booking.status = 'waitlisted'))
    then
        outcome = 'already_booked';
    end if;
    if outcome not in ('booked', 'waitlisted') then
        return;
    end if;

    if spot.id is not null then
        spot_is_unpaid = exists (select from order_lines l
                join payments p on p.order_id = l.order_id
                join disputes d on d.payment_id = p.id and d.withdrawn
                where l.id = spot.course_line_id)
            and not exists (select from passes p
                where p.id = spot.pass_id and spot.uses_credit and p.status = 'live');
        spot_price = case when spot_is_unpaid then spot.course_share else spot.price end;
    end if;
    has_passes = moved_id is null
        and exists (select from passes p where p.user_id = member_id and p.status = 'live');
    if moved_id is null and current_booking.id is null then
        payment = find_reusable_payment(member_id, class_id, outcome = 'booked');
        if spot.id is not null and payment.booking_id is distinct from spot.id then
            payment = null;
        end if;
        if payment.id is null and spot.id is null and has_passes then
            select b.* into kept from bookings b join passes p on p.id = b.pass_id
            where b.user_id = member_id and b.scheduled_class_id = class_id
              and b.status = 'cancelled' and b.uses_credit and p.status = 'live'
            limit 1 for no key update;
        end if;
        if payment.id is null and kept.id is null and spot.id is null then
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
        -- are over. A waitlist entry no longer counts when its class has started. Both statements
        -- must return the same types, because each connection keeps the plans of those that follow.
        select count(*) as overlapping, 0::bigint as unpaid into counts
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
        and coalesce(current_booking.price, spot_price, late.price, price) > 0 and not without_pass
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
    if coalesce(spot_price, price) > 0 and current_booking.id is null and payment.id is null
        and kept.id is null and chosen_id is null and counts.unpaid >= max_unpaid
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
    if spot.given_at is not null then
        update bookings b set given_reason = null, given_at = null, given_price = null
        where b.id = spot.id;
    end if;
    if spot_is_unpaid then
        update bookings b set price = b.course_share, course_disputed = true, pass_id = null,
            uses_credit = null, pass_day = null, price_without_pass = null
        where b.id = spot.id;
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
    elsif num_nonnulls(spot.id, payment.id, kept.id, late.id) > 0 then
        booking_id = coalesce(spot.id, payment.booking_id, kept.id, late.id);
        update bookings b set status = outcome,
            waitlist_position = case outcome when 'waitlisted' then nextval('waitlist_tickets') end,
            cancelled_at = null, cancellation_reason = null, late_cancellation = false,
            course_share_state = case b.course_share_state when 'due' then 'refundable'
                else b.course_share_state end,
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
