-- Who checked a member in, and instructors who are members.

alter table bookings
    -- The member who recorded the check-in. Null: nobody is checked in, or the previous
    -- version of the program recorded it.
    add column checked_in_by uuid
        constraint bookings_checked_in_by_fkey references users on delete set null;

create index bookings_checked_in_by_idx on bookings (checked_in_by) where checked_in_by is not null;

create or replace function note_check_in() returns trigger language plpgsql as $$
begin
    new.checked_in_at = case new.status when 'attended' then coalesce(new.checked_in_at, now()) end;
    new.checked_in_by = case new.status when 'attended' then new.checked_in_by end;
    return new;
end
$$;

-- An account belongs to one instructor at most. If it belongs to several, the one that is
-- active keeps it, or else the oldest one.
update instructors i set user_id = null
where user_id is not null and exists (
    select from instructors o
    where o.user_id = i.user_id and (not o.is_active, o.created_at, o.id)
        < (not i.is_active, i.created_at, i.id));

drop index instructors_user_idx;
alter table instructors add constraint instructors_user_key unique (user_id);
