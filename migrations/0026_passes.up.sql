-- Passes: what members buy once and then book with. An order says what was sold, and a pass is
-- the right to come. The used credits of a pass are counted from its bookings.
--
-- A booking that a pass pays for has the price 0. So the previous version of the program, which
-- does not know passes, asks for no money for it. That version gives credits back when it
-- cancels, because a trigger does it, but it does not use passes for new bookings, and does not
-- reopen a booking whose credit was kept.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, class_types, scheduled_classes, bookings, payments
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

-- What the studio sells. A product is retired and never deleted. What was sold keeps its own
-- price, credits, and days.
create table products (
    id uuid primary key,
    kind text not null constraint products_kind_known check (kind in ('pass')),
    name varchar(100) not null,
    description text not null default '',
    price numeric(10, 2) not null constraint products_price check (price >= 0),
    -- The number of classes. Null: unlimited.
    credits integer constraint products_credits check (credits > 0),
    -- How many days a pass is good, and from when on.
    days integer not null constraint products_days check (days > 0),
    starts text not null
        constraint products_starts_known check (starts in ('purchase', 'first_class')),
    -- How often a member can buy it. Null: any number.
    per_member integer constraint products_per_member check (per_member > 0),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index products_created_idx on products (created_at, id);

create trigger products_updated_at before update on products
    for each row execute function set_updated_at();

-- The class types that a product is good for. No row: all.
create table product_class_types (
    product_id uuid not null references products on delete cascade,
    class_type_id uuid not null references class_types on delete restrict,
    primary key (product_id, class_type_id)
);

create index product_class_types_class_type_idx on product_class_types (class_type_id);

create table orders (
    id uuid primary key,
    user_id uuid not null references users on delete restrict,
    currency char(3) not null,
    total numeric(10, 2) not null constraint orders_total check (total >= 0),
    state text not null constraint orders_state_known check (state in ('open', 'paid', 'cancelled')),
    -- The member of staff. Null: the member ordered.
    sold_by uuid references users on delete restrict,
    settled_at timestamptz,
    cancelled_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default now(),
    constraint orders_settled check ((state = 'paid') = (settled_at is not null)),
    constraint orders_cancelled check ((state = 'cancelled') = (cancelled_at is not null))
);

create index orders_created_idx on orders (created_at, id);
create index orders_user_idx on orders (user_id, created_at, id);
create index orders_sold_by_idx on orders (sold_by) where sold_by is not null;
create index orders_open_idx on orders (user_id) where state = 'open';

create trigger orders_updated_at before update on orders
    for each row execute function set_updated_at();

create table order_lines (
    id uuid primary key,
    order_id uuid not null references orders on delete restrict,
    product_id uuid not null references products on delete restrict,
    -- The product at the time of the order. Staff can change the product before the order is
    -- paid.
    description text not null,
    amount numeric(10, 2) not null constraint order_lines_amount check (amount >= 0),
    credits integer,
    days integer not null,
    starts text not null,
    created_at timestamptz not null default clock_timestamp()
);

create index order_lines_order_idx on order_lines (order_id);
create index order_lines_product_idx on order_lines (product_id);

-- A payment is for a booking or for an order. The previous version of the program handles only
-- payments that have a method, so those of orders have a tender instead.
alter table payments
    alter column booking_id drop not null,
    alter column method drop not null,
    add column order_id uuid references orders on delete restrict,
    add column tender text constraint payments_tender_known
        check (tender in ('card', 'cash', 'terminal', 'transfer')),
    -- The member of staff who took the money. Null: a card payment, or before this migration.
    add column taken_by uuid references users on delete restrict,
    add constraint payments_subject check (
        num_nonnulls(booking_id, order_id) = 1
        and (method is null) = (booking_id is null)
        and (tender is null) = (order_id is null));

create index payments_order_idx on payments (order_id) where order_id is not null;
create unique index payments_pending_order_key on payments (order_id) where status = 'pending';
create index payments_taken_by_idx on payments (taken_by) where taken_by is not null;
create index payments_sales_idx on payments (paid_at) include (currency, amount)
    where order_id is not null and paid_at is not null;

create table passes (
    id uuid primary key,
    user_id uuid not null references users on delete restrict,
    product_id uuid not null references products on delete restrict,
    -- A line gives one pass.
    order_line_id uuid not null constraint passes_order_line_key unique
        references order_lines on delete restrict,
    status text not null default 'live'
        constraint passes_status_known check (status in ('live', 'revoked')),
    -- Null: unlimited.
    credits integer constraint passes_credits_positive check (credits > 0),
    -- A trigger counts the bookings.
    credits_used integer not null default 0
        constraint passes_credits check (credits_used >= 0 and credits_used <= credits),
    days integer not null constraint passes_days check (days > 0),
    starts text not null
        constraint passes_starts_known check (starts in ('purchase', 'first_class')),
    -- Days that staff or a rule have added, and the days of all freezes.
    extra_days integer not null default 0 constraint passes_extra_days check (extra_days >= 0),
    -- Both days are included, by the studio's calendar. Null: no class was booked yet.
    first_day date,
    last_day date generated always as (first_day + (days - 1 + extra_days)) stored,
    -- The last freeze, which may be over. Both days are included. Both null: none.
    frozen_from date,
    frozen_to date,
    created_at timestamptz not null default clock_timestamp(),
    constraint passes_first_day check (starts = 'first_class' or first_day is not null),
    constraint passes_frozen check (
        (frozen_from is null) = (frozen_to is null) and frozen_to >= frozen_from)
);

create index passes_user_idx on passes (user_id, created_at, id);
create index passes_product_idx on passes (product_id);

-- What was changed in a pass, and why.
create table pass_changes (
    id uuid primary key,
    pass_id uuid not null references passes on delete restrict,
    change text not null constraint pass_changes_known
        check (change in ('revoke', 'restore', 'add_credits', 'add_days', 'freeze', 'unfreeze')),
    -- The number of credits or days. Null for other changes.
    number integer,
    -- The days of a freeze. Null for other changes.
    first_day date,
    last_day date,
    reason text not null,
    -- Null: a rule, and not staff.
    by uuid references users on delete restrict,
    created_at timestamptz not null default clock_timestamp()
);

create index pass_changes_pass_idx on pass_changes (pass_id, created_at);
create index pass_changes_by_idx on pass_changes (by) where by is not null;

alter table scheduled_classes
    -- The studio's day of the start. The program writes it when a pass is to pay for the class,
    -- because the database does not know the time zone. Null: not written yet.
    add column local_date date;

create function forget_local_date() returns trigger language plpgsql as $$
begin
    new.local_date = null;
    return new;
end
$$;

create trigger scheduled_classes_local_date before update of start_time on scheduled_classes
    for each row when (
        old.start_time <> new.start_time and old.local_date is not distinct from new.local_date
    ) execute function forget_local_date();

alter table bookings
    -- All four are null if no pass pays.
    add column pass_id uuid references passes on delete restrict,
    -- False: the credit was given back.
    add column uses_credit boolean,
    -- The day on which the booking counts. It stays when the class moves.
    add column pass_day date,
    -- What the booking costs if the pass is revoked.
    add column price_without_pass numeric(10, 2),
    add constraint bookings_pass check (num_nulls(pass_id, uses_credit, pass_day, price_without_pass)
        = case when pass_id is null then 4 else 0 end);

create index bookings_pass_idx on bookings (pass_id, pass_day) where pass_id is not null;

-- A cancellation in time gives the credit back. So does a class that the studio cancels, even
-- after a late cancellation.
create function return_credit() returns trigger language plpgsql as $$
begin
    new.uses_credit = false;
    return new;
end
$$;

create trigger bookings_credit_back before update of status, late_cancellation on bookings
    for each row when (
        old.uses_credit and new.status = 'cancelled' and not new.late_cancellation
        and (old.status <> 'cancelled' or old.late_cancellation)
    ) execute function return_credit();

-- Counts the used credits of a pass. A pass that starts with the first class starts on the earliest
-- day on which a booking uses it. The update stands here twice, because a function for it would
-- make each booking with a pass slower.
create function track_credits() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.uses_credit then
        update passes p set credits_used = p.credits_used - 1,
            first_day = case p.starts
                when 'first_class' then (
                    select min(b.pass_day) from bookings b
                    where b.pass_id = p.id and b.uses_credit)
                else p.first_day end
        where p.id = old.pass_id;
    end if;
    if tg_op <> 'DELETE' and new.uses_credit then
        update passes p set credits_used = p.credits_used + 1,
            first_day = case p.starts
                when 'first_class' then (
                    select min(b.pass_day) from bookings b
                    where b.pass_id = p.id and b.uses_credit)
                else p.first_day end
        where p.id = new.pass_id;
    end if;
    return null;
end
$$;

create trigger bookings_pass_of_new after insert on bookings
    for each row when (new.uses_credit) execute function track_credits();
-- No list of columns: `update of` does not fire for a column that another trigger has set.
create trigger bookings_pass after update on bookings
    for each row when (
        (old.pass_id, old.uses_credit, old.pass_day)
        is distinct from (new.pass_id, new.uses_credit, new.pass_day)
    ) execute function track_credits();
create trigger bookings_pass_of_deleted after delete on bookings
    for each row when (old.uses_credit) execute function track_credits();

-- Returns why a pass that is not revoked cannot pay for a class of this type on this day. Null: it
-- can.
create function pass_refusal(pass passes, class_type_id uuid, day date) returns text
language plpgsql stable as $$
begin
    return case
        when pass.credits_used >= pass.credits then 'used_up'
        when exists (select from product_class_types t where t.product_id = pass.product_id)
            and not exists (
                select from product_class_types t
                where t.product_id = pass.product_id and t.class_type_id = $2)
            then 'other_class_type'
        when day > pass.last_day then 'ended'
        when pass.starts = 'purchase' and day < pass.first_day then 'not_begun'
        -- The pass would start earlier, and not hold for the classes that are booked already.
        when day < pass.first_day and exists (
            select from bookings b where b.pass_id = pass.id and b.uses_credit
              and b.pass_day >= day + pass.days + pass.extra_days)
            then 'too_early'
        when day between pass.frozen_from and pass.frozen_to then 'frozen' end;
end
$$;

-- Chooses the pass of a member that pays for a class of this type on this day: the one that ends
-- first, or `wanted_id`. Locks it, so that two bookings do not use the same credit. Null: none can
-- pay.
create function choose_pass(member_id uuid, class_type_id uuid, day date, wanted_id uuid)
returns uuid language plpgsql as $$
declare
    chosen_id uuid;
begin
    select p.id into chosen_id from passes p
    where p.user_id = member_id and p.status = 'live' and (wanted_id is null or p.id = wanted_id)
      and pass_refusal(p, $2, day) is null
    order by p.last_day, p.id limit 1 for no key update;
    if found then
        return chosen_id;
    end if;
    -- Another booking may have used the last credit while this one waited for the lock. The
    -- statement then finds nothing, although another pass could pay. So all are locked.
    perform from passes p where p.user_id = member_id and p.status = 'live'
    order by p.id for no key update;
    select p.id into chosen_id from passes p
    where p.user_id = member_id and p.status = 'live' and (wanted_id is null or p.id = wanted_id)
      and pass_refusal(p, $2, day) is null
    order by p.last_day, p.id limit 1;
    return chosen_id;
end
$$;

-- Lets a pass pay for an unpaid booking with a spot, and cancels its pending payment. `day` is the
-- studio's day of the start. Returns the pass. Null: none can pay, or there is nothing to pay. The
-- caller has locked the class.
create function pay_with_pass(booking_id uuid, day date, wanted_id uuid) returns uuid
language plpgsql as $$
declare
    booking record;
    chosen_id uuid;
begin
    select b.user_id, c.class_type_id into booking
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.id = $1 and b.status in ('booked', 'attended', 'no_show') and b.price > 0
      and not exists (select from payments p where p.booking_id = b.id and p.status = 'paid');
    if not found then
        return null;
    end if;
    chosen_id = choose_pass(booking.user_id, booking.class_type_id, day, wanted_id);
    if chosen_id is not null then
        update bookings b set pass_id = chosen_id, uses_credit = true, pass_day = day,
            price_without_pass = b.price, price = 0
        where b.id = $1;
        update payments p set status = 'cancelled', next_attempt_at = now()
        where p.booking_id = $1 and p.status = 'pending';
    end if;
    return chosen_id;
end
$$;

-- The successor of the function with the same name and fewer parameters, which the previous
-- version of the program calls. Unless `without_pass` is set, a pass of the member pays for a
-- spot that costs something: the one that ends first, or `wanted_pass_id`. The outcome is
-- `day_unknown` if the class has no `local_date` yet, which the caller then writes.
--
-- The locks are taken as before: the member's row, the member's bookings, and the class. The
-- passes follow.
--
-- Booking again after a late cancellation reopens the earlier booking if its payment was kept, or
-- if it has used a credit of a pass that is not revoked.
--
-- What pays for a waitlist entry is decided when a spot is free, so an entry with a choice is refused
-- (`pay_with_on_waitlist`). The limit of unpaid bookings does not stop a member who has credits left
-- from joining a waitlist.
create function book_class(
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
        and coalesce(current_booking.price, price) > 0 and not without_pass
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
    elsif payment.id is not null or kept.id is not null then
        booking_id = coalesce(payment.booking_id, kept.id);
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
