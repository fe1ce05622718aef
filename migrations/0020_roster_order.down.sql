drop trigger bookings_entered on bookings;
drop function note_roster_entry();
alter table bookings
    drop column entered_at,
    alter column created_at set default now();
