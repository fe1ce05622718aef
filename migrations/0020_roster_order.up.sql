-- The roster of an occurrence is read page by page, in the order in which the bookings entered
-- it. A booking must not enter before a page that was already read.

-- The time of the insert and not of the start of the transaction. A booking is inserted under
-- the lock of its occurrence, so these times rise in the order of the commits.
alter table bookings
    alter column created_at set default clock_timestamp(),
    -- When the booking moved to its occurrence, or was reopened. Null: neither has happened
    -- since this migration.
    add column entered_at timestamptz;

create function note_roster_entry() returns trigger language plpgsql as $$
begin
    new.entered_at = clock_timestamp();
    return new;
end
$$;

create trigger bookings_entered before update of status, scheduled_class_id on bookings
    for each row when (
        old.scheduled_class_id <> new.scheduled_class_id
        or (old.status = 'cancelled' and new.status <> 'cancelled')
    ) execute function note_roster_entry();
