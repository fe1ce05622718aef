-- Names of rooms and class types are compared without any kind of space, and a renamed room
-- keeps its new name while the previous version of the program runs.

-- Writes the new name of a room to the old columns. Otherwise, the previous version would
-- create a room with the old name again.
create function rename_room() returns trigger language plpgsql as $$
begin
    update class_schedules set room = new.name where room_id = new.id and room <> new.name;
    update scheduled_classes set room = new.name where room_id = new.id and room <> new.name;
    return null;
end
$$;

create trigger rooms_rename after update of name on rooms
    for each row when (old.name <> new.name) execute function rename_room();

update class_schedules s set room = r.name
from rooms r where r.id = s.room_id and s.room <> r.name;
update scheduled_classes c set room = r.name
from rooms r where r.id = c.room_id and c.room <> r.name;

-- The indexes contain keys of the function before its change.
drop index rooms_name_key;
drop index class_types_name_key;

-- The form in which names are compared. The spaces of Unicode are listed, because \s matches
-- only some of them, depending on the locale.
create or replace function name_key(name text) returns text
    language sql immutable parallel safe as $$
    select lower(regexp_replace(
        name, '[\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]', '', 'g'))
$$;

-- Among rooms or class types with the same name, an active one keeps the name, or else the
-- oldest. The others get a number.
do $$
declare
    named_table text;
    duplicate record;
    candidate text;
    number integer;
    is_taken boolean;
begin
    foreach named_table in array array['rooms', 'class_types'] loop
        for duplicate in execute format(
            'select id, name from (
                select id, name, row_number() over (
                    partition by name_key(name) order by is_active desc, created_at, id
                ) as rank
                from %I
            ) ranked
            where rank > 1 order by rank, id', named_table)
        loop
            number = 2;
            loop
                candidate = left(btrim(duplicate.name),
                    case named_table when 'rooms' then 44 else 94 end) || ' (' || number || ')';
                execute format('select exists (select from %I where name_key(name) = name_key($1))',
                    named_table) into is_taken using candidate;
                exit when not is_taken;
                number = number + 1;
            end loop;
            execute format('update %I set name = $1 where id = $2', named_table)
                using candidate, duplicate.id;
        end loop;
    end loop;
end
$$;

create unique index rooms_name_key on rooms (name_key(name));
create unique index class_types_name_key on class_types (name_key(name));
