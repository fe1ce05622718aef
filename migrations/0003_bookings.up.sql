-- Who comes to which class, who has paid, and what members are told of it.

-- Tickets of the waitlists, rising in the order of arrival: they are drawn
-- under the lock of the occurrence.
create sequence waitlist_tickets;

create table bookings (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    scheduled_class_id uuid not null references scheduled_classes on delete restrict,
    status text not null
        constraint bookings_status_known
        check (status in ('booked', 'waitlisted', 'cancelled', 'attended', 'no_show')),
    -- A ticket, not a rank: the rank is counted when it is shown, so that
    -- nobody's row changes when somebody ahead leaves. Null: not waiting.
    waitlist_position bigint,
    -- What it costs, as agreed on when it was made.
    price numeric(10, 2) not null constraint bookings_price check (price >= 0),
    currency char(3) not null,
    booked_at timestamptz not null default now(),
    -- Null: not cancelled.
    cancelled_at timestamptz,
    late_cancellation boolean not null default false,
    -- Null: not cancelled, or nobody said why.
    cancellation_reason text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint bookings_waitlist check ((status = 'waitlisted') = (waitlist_position is not null)),
    constraint bookings_cancelled check ((status = 'cancelled') = (cancelled_at is not null))
);

-- One active booking a member and occurrence.
create unique index bookings_active_key on bookings (user_id, scheduled_class_id)
    where status <> 'cancelled';
create index bookings_user_idx on bookings (user_id, created_at, id);
create index bookings_class_idx on bookings (scheduled_class_id, created_at, id);
create index bookings_waiting_idx on bookings (scheduled_class_id, waitlist_position)
    where status = 'waitlisted';
create index bookings_created_idx on bookings (created_at);
create index bookings_cancelled_idx on bookings (cancelled_at, late_cancellation)
    where status = 'cancelled';
-- Whoever has a place and did not come, or not yet: the figures take these from
-- the places that are taken, and need not read those who came, who are most.
create index bookings_not_attended_idx on bookings (scheduled_class_id, status)
    where status in ('booked', 'no_show');

create trigger bookings_updated_at before update on bookings
    for each row execute function set_updated_at();

-- The count of an occurrence is kept where it cannot be forgotten, and its
-- constraint refuses the booking that would oversell it.
create function keep_current_participants() returns trigger language plpgsql as $$
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
    if before <> after then
        update scheduled_classes
        set current_participants = current_participants + after - before
        where id = coalesce(new.scheduled_class_id, old.scheduled_class_id);
    end if;
    return null;
end
$$;

create trigger bookings_participants after insert or delete or update of status on bookings
    for each row execute function keep_current_participants();

create table payments (
    id uuid primary key,
    booking_id uuid not null references bookings on delete cascade,
    user_id uuid not null references users on delete cascade,
    amount numeric(10, 2) not null constraint payments_amount check (amount > 0),
    currency char(3) not null,
    method text not null constraint payments_method_known check (method in ('card', 'desk')),
    status text not null default 'pending'
        constraint payments_status_known check (status in
            ('pending', 'paid', 'failed', 'cancelled', 'refund_due', 'refunded')),
    -- Null: paid at the desk, or not begun at the provider yet.
    provider text,
    -- The provider's name for the checkout.
    provider_reference text constraint payments_provider_reference_key unique,
    -- The provider's name for the money itself: what a refund names.
    provider_payment text constraint payments_provider_payment_key unique,
    -- The provider's name for the last refund that it took on. Null: none.
    provider_refund text,
    -- Where it is paid. Null: nowhere; what is over and still has one is yet to
    -- be closed at the provider.
    checkout_url text,
    -- Until when a card payment holds its booking's place. Null: no card.
    expires_at timestamptz,
    -- Null, both: has not happened.
    paid_at timestamptz,
    refunded_at timestamptz,
    -- How often the provider was asked about it past any request, and when it
    -- may be asked again.
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- One payment a booking that is open or stands. Not one that is to be paid
-- back: money may arrive at a checkout that was given up for the desk.
create unique index payments_open_key on payments (booking_id)
    where status in ('pending', 'paid');
create index payments_booking_idx on payments (booking_id, created_at);
create index payments_user_idx on payments (user_id, created_at, id);
create index payments_expires_idx on payments (expires_at) where status = 'pending';
create index payments_refund_due_idx on payments (next_attempt_at) where status = 'refund_due';
create index payments_unclosed_idx on payments (next_attempt_at)
    where status in ('cancelled', 'failed') and checkout_url is not null;
-- Revenue is summed from these alone.
create index payments_paid_idx on payments (paid_at) include (currency, amount)
    where paid_at is not null;
create index payments_refunded_idx on payments (refunded_at) include (currency, amount)
    where refunded_at is not null;

create trigger payments_updated_at before update on payments
    for each row execute function set_updated_at();

-- A payment moves only forward. Providers repeat themselves, and in any order.
create function check_payment_status() returns trigger language plpgsql as $$
begin
    if not (old.status, new.status) in (
        ('pending', 'paid'), ('pending', 'failed'), ('pending', 'cancelled'),
        ('paid', 'refund_due'), ('paid', 'refunded'), ('refund_due', 'refunded'),
        -- Paid after all, at a checkout that had been given up.
        ('failed', 'refund_due'), ('cancelled', 'refund_due')
    ) then
        raise exception 'a payment does not go from % to %', old.status, new.status
            using errcode = 'check_violation', constraint = 'payments_forward';
    end if;
    return new;
end
$$;

create trigger payments_forward before update of status on payments
    for each row when (old.status <> new.status) execute function check_payment_status();

-- Events that a provider has told us, so that each is handled once.
create table webhook_events (
    id varchar(255) primary key,
    kind text not null,
    created_at timestamptz not null default now()
);

create index webhook_events_created_idx on webhook_events (created_at);

-- What a member is told while they are connected, or when they come back.
create table member_events (
    id uuid primary key,
    -- The place in the member's stream; set by the trigger.
    seq bigint not null,
    user_id uuid not null references users on delete cascade,
    kind text not null,
    data jsonb not null default '{}',
    created_at timestamptz not null default now()
);

create sequence member_events_seq owned by member_events.seq;
create unique index member_events_user_idx on member_events (user_id, seq);
create index member_events_created_idx on member_events (created_at);

-- Numbers of a sequence are drawn in one order and committed in another, and
-- whoever reads "all after 7" would miss a 6 that is committed later. Under a
-- lock for each member both orders are the same. The lock comes last in a
-- transaction, and for several members in one statement, ordered by member.
create function number_member_event() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(new.user_id::text, 0));
    new.seq = nextval('member_events_seq');
    return new;
end
$$;

create trigger member_events_number before insert on member_events
    for each row execute function number_member_event();

-- Takes a place in a class for a member, or one in the line for it, with the
-- mail and the event that tell of it; says how it went, and which booking it
-- is where there is one. A function, because its plans are kept with the
-- connection whatever pooler is in front: 64 at once who want the same place
-- spend their time on the place. Whoever would only learn that the class is
-- full takes no lock; all others take the member's before the class's, as
-- whoever closes an account does, and decide by the row that they have locked.
-- Tickets are drawn under that lock, so that they rise in the order of arrival.
--
-- A member who waits, and asks again when there is a place, moves up into it:
-- that can be after the time when places go by themselves to those who wait.
create function book_class(
    new_id uuid, member_id uuid, class_id uuid, waits boolean,
    at timestamptz, cutoff interval, currency text,
    out outcome text, out booking_id uuid
) language plpgsql as $$
declare
    class scheduled_classes;
    address text;
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
        select * into class from scheduled_classes where id = class_id for no key update;
    end if;

    outcome = case
        when class.is_cancelled then 'class_cancelled'
        when class.start_time <= at then 'class_started'
        when class.current_participants < class.max_participants then 'booked'
        when not waits then 'class_full'
        when class.start_time <= at + cutoff then 'waitlist_closed'
        else 'waitlisted' end;
    if outcome = 'class_full' and exists (
        select from bookings b
        where b.user_id = member_id and b.scheduled_class_id = class_id and b.status <> 'cancelled'
    ) then
        outcome = 'already_booked';
    end if;
    if outcome not in ('booked', 'waitlisted') then
        return;
    end if;

    if outcome = 'booked' then
        update bookings b set status = 'booked', waitlist_position = null
        where b.user_id = member_id and b.scheduled_class_id = class_id
          and b.status = 'waitlisted'
        returning b.id into booking_id;
    end if;
    if booking_id is null then
        insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position,
            price, currency, booked_at)
        select new_id, member_id, class_id, outcome,
            case outcome when 'waitlisted' then nextval('waitlist_tickets') end,
            coalesce(class.price_override, t.price_per_class), book_class.currency, at
        from class_types t where t.id = class.class_type_id
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

-- A calendar feed is found by its token.
create unique index users_calendar_token_key on users (calendar_token_hash);

-- The administration pages through all members, newest first, and finds them
-- by any part of their address or names.
create extension if not exists pg_trgm;
create index users_created_idx on users (created_at, id);
create index users_search_idx on users
    using gin (lower(email || ' ' || first_name || ' ' || last_name) gin_trgm_ops);
