alter table instructors drop constraint instructors_user_key;
create index instructors_user_idx on instructors (user_id);

create or replace function note_check_in() returns trigger language plpgsql as $$
begin
    new.checked_in_at = case new.status when 'attended' then coalesce(new.checked_in_at, now()) end;
    return new;
end
$$;

alter table bookings drop column checked_in_by;
