-- Postgres plans a function in SQL again for each statement of a function in PL/pgSQL that calls
-- it. It keeps the plans of PL/pgSQL with the connection. Each booking called two such functions:
-- one counted the member's upcoming bookings, and one recorded the event for staff. So functions
-- that read or write tables are in PL/pgSQL.

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
end
$$;

-- The version of the program before 0015 calls this one.
create or replace function count_upcoming_bookings(
    member_id uuid, class scheduled_classes, at timestamptz,
    out overlapping bigint, out unpaid bigint
) language plpgsql stable as $$
begin
    select * into overlapping, unpaid from count_upcoming_bookings(member_id, class, at, null);
end
$$;

create or replace function record_staff_event(
    kind text, data jsonb, starts_at timestamptz, previous_starts_at timestamptz
) returns void language plpgsql as $$
begin
    if greatest($3, $4) > now() - interval '2 days' then
        insert into staff_events (kind, data, starts_at, previous_starts_at)
        values ($1, $2, $3, $4);
    end if;
end
$$;

-- Inserts the event itself, because a call of `record_staff_event` would be one statement more
-- for each booking.
create or replace function record_booking_for_staff() returns trigger language plpgsql as $$
declare
    kind text;
    starts_at timestamptz;
    previous_id uuid;
    previous_starts_at timestamptz;
begin
    if tg_op = 'INSERT' then
        kind = case new.status when 'booked' then 'booking_created'
            when 'waitlisted' then 'booking_waitlisted'
            when 'cancelled' then null
            else 'attendance_changed' end;
    elsif new.scheduled_class_id <> old.scheduled_class_id then
        kind = 'booking_moved';
        previous_id = old.scheduled_class_id;
        select start_time into previous_starts_at from scheduled_classes where id = previous_id;
    elsif new.status <> old.status then
        kind = case
            when new.status = 'cancelled' then 'booking_cancelled'
            when new.status = 'waitlisted' then 'booking_waitlisted'
            when new.status = 'booked' and old.status = 'waitlisted' then 'booking_promoted'
            when new.status = 'booked' and old.status = 'cancelled' then 'booking_created'
            else 'attendance_changed' end;
    end if;
    if kind is null then
        return null;
    end if;
    select start_time into starts_at from scheduled_classes where id = new.scheduled_class_id;
    if greatest(starts_at, previous_starts_at) > now() - interval '2 days' then
        insert into staff_events (kind, data, starts_at, previous_starts_at)
        values (kind,
            jsonb_build_object('bookingId', new.id, 'scheduledClassId', new.scheduled_class_id,
                'previousClassId', previous_id, 'status', new.status),
            starts_at, previous_starts_at);
    end if;
    return null;
end
$$;

-- Connections draw their numbers in batches, so that concurrent bookings do not wait for the
-- sequence. The numbers still rise within a transaction, and only that order counts.
alter table staff_events alter column seq set cache 100;

create or replace function note_report_change(variadic times timestamptz[]) returns void
language plpgsql as $$
begin
    insert into report_changes (at)
    select distinct t from unnest(times) t where t < now() - interval '30 minutes';
end
$$;

create or replace function note_report_changes_of_bookings(booking_ids uuid[]) returns void
language plpgsql as $$
begin
    insert into report_changes (at)
    select distinct t from (
        select unnest(array[created_at, cancelled_at]) as t from bookings where id = any (booking_ids)
        union all
        select paid_at from payments where booking_id = any (booking_ids)
        union all
        select r.done_at from refunds r join payments p on p.id = r.payment_id
        where p.booking_id = any (booking_ids)
    ) times where t < now() - interval '30 minutes';
end
$$;
