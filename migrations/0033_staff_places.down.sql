-- Waits for all locks together, as on the way up.
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

-- The previous schema has no extra places and no given spots. What it cannot hold is counted before
-- it is lost. A class gets as many spots as it has members, and given spots stay free of charge.
do $$
declare
    lost record;
begin
    select (select count(*) from scheduled_classes where extra_places > 0) as classes,
        (select count(*) from bookings where given_at is not null) as spots
    into lost;
    if lost.classes > 0 or lost.spots > 0 then
        raise warning 'lost: the capacity of % classes, and the reasons for % given spots',
            lost.classes, lost.spots;
    end if;
end
$$;

drop function book_class(uuid, uuid, uuid, boolean, timestamptz, interval, interval, interval,
    integer, text, boolean, uuid, boolean, uuid, boolean, timestamptz);
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
drop trigger bookings_staff_event_of_cover on bookings;
drop function record_covered_booking_for_staff();
alter table bookings
    drop column given_price,
    drop column given_at,
    drop column given_reason;
drop trigger scheduled_classes_extra_places on scheduled_classes;
drop function drop_extra_places();
update scheduled_classes set max_participants = current_participants
where current_participants > max_participants;
alter table scheduled_classes drop column extra_places;
alter table scheduled_classes
    add constraint scheduled_classes_places
        check (current_participants between 0 and max_participants);
