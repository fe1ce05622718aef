drop index rooms_name_key;
drop index class_types_name_key;

create or replace function name_key(name text) returns text
    language sql immutable parallel safe as $$
    select lower(regexp_replace(name, '\s', '', 'g'))
$$;

create unique index rooms_name_key on rooms (name_key(name));
create unique index class_types_name_key on class_types (name_key(name));

drop trigger rooms_rename on rooms;
drop function rename_room();
