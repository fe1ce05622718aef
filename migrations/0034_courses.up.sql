-- Courses: several classes that a member buys together. A course is a product, and its classes carry
-- its id. A spot in a course is a booking of each upcoming class.
--
-- Like a booking that a pass pays for, a booking of a course has the price 0, and stands beside it
-- with its share of what the course has cost. So the previous version of the program asks for no
-- money for it.
--
-- The previous version of the program cannot list products when one of them is a course, so staff
-- create the first one after the deployment.

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
    -- Whether the share goes back. `refundable`: if the member cancels before the start, because the
    -- studio has changed the class. `due`: as soon as the order is paid. `settled`: it went back, or
    -- staff have decided what goes back.
    add column course_share_state text
        constraint bookings_course_share_state_known
            check (course_share_state in ('kept', 'refundable', 'due', 'settled')),
    -- What a rule has given back of the share. Null: nothing.
    add column course_refund numeric(10, 2)
        constraint bookings_course_refund check (course_refund between 0 and course_share),
    -- Whether the booking is unpaid because the payment of the course is disputed.
    add column course_disputed boolean not null default false,
    add constraint bookings_course check (case when course_line_id is null
        then num_nonnulls(course_share, course_share_state, course_refund) = 0 and not course_disputed
        else num_nulls(course_share, course_share_state) = 0 end);

create index bookings_course_idx on bookings (course_line_id) where course_line_id is not null;

-- Gives up the spots of an order that is cancelled. The program does it before it cancels the order,
-- and gives the spots to the waitlists. The previous version only cancels the order.
create function release_course_spots() returns trigger language plpgsql as $$
begin
    update bookings b set status = 'cancelled', cancelled_at = now(), late_cancellation = false
    from order_lines l
    where l.order_id = new.id and b.course_line_id = l.id and b.status = 'booked';
    return null;
end
$$;

create trigger orders_course_spots after update of state on orders
    for each row when (old.state = 'open' and new.state = 'cancelled')
    execute function release_course_spots();

-- Books a class again that the member has given up, if it was paid with a course. `class_id` is null
-- for other bookings, and nothing happens.
create function reopen_course_booking(
    member_id uuid, class_id uuid, at timestamptz, out outcome text, out booking_id uuid
) language plpgsql as $$
declare
    class scheduled_classes;
    address text;
    kept bookings;
    counts record;
begin
    if class_id is null then
        return;
    end if;
    select email into address from users where id = member_id and is_active for share;
    if not found then
        outcome = 'account_closed';
        return;
    end if;
    -- The locks of `book_class`, in its order.
    perform pg_advisory_xact_lock(hashtextextended('bookings ' || member_id, 0));
    select * into class from scheduled_classes where id = class_id for no key update;
    select b.* into kept from bookings b
    where b.user_id = member_id and b.scheduled_class_id = class_id and b.status = 'cancelled'
      and b.course_share_state in ('kept', 'refundable')
    limit 1 for no key update;
    select * into counts from count_upcoming_bookings(member_id, class, at, null);
    outcome = case
        when class.is_cancelled then 'class_cancelled'
        when class.start_time <= at then 'class_started'
        when kept.id is null or exists (
            select from bookings b
            where b.user_id = member_id and b.scheduled_class_id = class_id
              and b.status <> 'cancelled') then 'already_booked'
        when class.current_participants >= class.max_participants then 'class_full'
        when counts.overlapping > 0 then 'overlapping_booking'
        else 'booked' end;
    if outcome <> 'booked' then
        return;
    end if;
    update bookings set status = 'booked', cancelled_at = null, cancellation_reason = null,
        late_cancellation = false
    where id = kept.id;
    booking_id = kept.id;
    insert into mail_outbox (id, recipient, kind, payload)
    values (gen_random_uuid(), address, 'booking_confirmed',
        jsonb_build_object('bookingId', booking_id));
    insert into member_events (id, user_id, kind, data)
    values (gen_random_uuid(), member_id, 'booking_confirmed',
        jsonb_build_object('bookingId', booking_id, 'scheduledClassId', class_id));
end
$$;
