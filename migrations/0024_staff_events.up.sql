-- What staff are shown of the bookings, payments and classes of a day while it happens.
--
-- The events of all members are one stream. Numbers that are drawn under a lock, as for
-- `member_events`, would make all bookings of the studio commit one after another. So an event
-- has the id of its transaction, and a reader waits until all transactions with smaller ids
-- have ended. It then reads the events in this order and misses none.
create table staff_events (
    id uuid primary key default gen_random_uuid(),
    transaction_id bigint not null default pg_current_xact_id()::text::bigint,
    -- The order within the transaction.
    seq bigint generated always as identity,
    kind text not null,
    data jsonb not null,
    -- The start of the class.
    starts_at timestamptz not null,
    -- The start of the class that a booking has left, or the start of the class before it
    -- moved. Null: neither happened.
    previous_starts_at timestamptz,
    created_at timestamptz not null default now()
);

create unique index staff_events_order_key on staff_events (transaction_id, seq);
create index staff_events_created_idx on staff_events (created_at, id);

-- Records an event, unless both starts are more than two days ago.
create function record_staff_event(
    kind text, data jsonb, starts_at timestamptz, previous_starts_at timestamptz
) returns void language sql as $$
    insert into staff_events (kind, data, starts_at, previous_starts_at)
    select $1, $2, $3, $4 where greatest($3, $4) > now() - interval '2 days'
$$;

create function record_booking_for_staff() returns trigger language plpgsql as $$
declare
    kind text;
    previous_id uuid;
begin
    if tg_op = 'INSERT' then
        kind = case new.status when 'booked' then 'booking_created'
            when 'waitlisted' then 'booking_waitlisted'
            when 'cancelled' then null
            else 'attendance_changed' end;
    elsif new.scheduled_class_id <> old.scheduled_class_id then
        kind = 'booking_moved';
        previous_id = old.scheduled_class_id;
    elsif new.status <> old.status then
        kind = case
            when new.status = 'cancelled' then 'booking_cancelled'
            when new.status = 'waitlisted' then 'booking_waitlisted'
            when new.status = 'booked' and old.status = 'waitlisted' then 'booking_promoted'
            when new.status = 'booked' and old.status = 'cancelled' then 'booking_created'
            else 'attendance_changed' end;
    end if;
    if kind is not null then
        perform record_staff_event(
            kind,
            jsonb_build_object('bookingId', new.id, 'scheduledClassId', new.scheduled_class_id,
                'previousClassId', previous_id, 'status', new.status),
            c.start_time,
            (select start_time from scheduled_classes where id = previous_id))
        from scheduled_classes c where c.id = new.scheduled_class_id;
    end if;
    return null;
end
$$;

create trigger bookings_staff_event
    after insert or update of status, scheduled_class_id on bookings
    for each row execute function record_booking_for_staff();

create function record_payment_for_staff() returns trigger language plpgsql as $$
begin
    perform record_staff_event(
        'payment_changed',
        jsonb_build_object('paymentId', new.id, 'bookingId', new.booking_id,
            'scheduledClassId', b.scheduled_class_id),
        c.start_time, null)
    from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
    where b.id = new.booking_id;
    return null;
end
$$;

create trigger payments_staff_event_of_new after insert on payments
    for each row execute function record_payment_for_staff();
create trigger payments_staff_event
    after update of status, refunded, refunded_at on payments
    for each row when ((old.status, old.refunded, old.refunded_at)
        is distinct from (new.status, new.refunded, new.refunded_at))
    execute function record_payment_for_staff();

create function record_class_for_staff() returns trigger language plpgsql as $$
begin
    perform record_staff_event(
        case when tg_op = 'INSERT' then 'class_created'
            when new.is_cancelled and not old.is_cancelled then 'class_cancelled'
            else 'class_changed' end,
        jsonb_build_object('scheduledClassId', new.id),
        new.start_time,
        case when tg_op = 'UPDATE' then nullif(old.start_time, new.start_time) end);
    return null;
end
$$;

create trigger scheduled_classes_staff_event_of_new after insert on scheduled_classes
    for each row execute function record_class_for_staff();
create trigger scheduled_classes_staff_event
    after update of start_time, end_time, room_id, instructor_id, class_type_id, own_title,
        max_participants, is_cancelled on scheduled_classes
    for each row when (
        (old.start_time, old.end_time, old.room_id, old.instructor_id, old.class_type_id,
            old.own_title, old.max_participants, old.is_cancelled)
        is distinct from
        (new.start_time, new.end_time, new.room_id, new.instructor_id, new.class_type_id,
            new.own_title, new.max_participants, new.is_cancelled))
    execute function record_class_for_staff();
