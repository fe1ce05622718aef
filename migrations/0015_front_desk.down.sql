drop function book_class(
    uuid, uuid, uuid, boolean, timestamptz, interval, interval, interval, integer, text, boolean,
    uuid
);
drop function count_upcoming_bookings(uuid, scheduled_classes, timestamptz, uuid);

drop trigger bookings_participants on bookings;
create or replace function keep_current_participants() returns trigger language plpgsql as $$
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

drop index payments_created_idx;
drop index bookings_visits_idx;
drop trigger bookings_checked_in on bookings;
drop function note_check_in();
alter table bookings
    drop column sequence_offset,
    drop column moved_at,
    drop column checked_in_at;
