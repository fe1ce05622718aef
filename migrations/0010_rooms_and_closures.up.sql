-- Rooms get a table, classes get a title of their own only where one was given, and
-- the studio gets days on which nothing takes place.

-- The form in which names are compared: "Studio A" and "studio  a" are one room.
create function name_key(name text) returns text language sql immutable parallel safe
    as $$ select lower(regexp_replace(name, '\s', '', 'g')) $$;

create table rooms (
    id uuid primary key default gen_random_uuid(),
    name varchar(50) not null,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create unique index rooms_name_key on rooms (name_key(name));
create index rooms_created_idx on rooms (created_at, id);

create trigger rooms_updated_at before update on rooms
    for each row execute function set_updated_at();

-- Finds a room by its name, or creates it.
create function room_named(wanted text) returns rooms language plpgsql as $$
declare
    room rooms;
begin
    select * into room from rooms where name_key(name) = name_key(wanted);
    if not found then
        insert into rooms (name) values (wanted) on conflict do nothing;
        select * into room from rooms where name_key(name) = name_key(wanted);
    end if;
    return room;
end
$$;

-- The most frequent spelling becomes the name.
insert into rooms (name)
select mode() within group (order by regexp_replace(btrim(room), '\s+', ' ', 'g'))
from (
    select room from class_schedules union all select room from scheduled_classes
) used
group by name_key(room);

alter table class_schedules
    add room_id uuid constraint class_schedules_room_id_fkey references rooms on delete restrict;
update class_schedules s set room_id = r.id from rooms r where name_key(r.name) = name_key(s.room);
alter table class_schedules alter room_id set not null;
create index class_schedules_room_idx on class_schedules (room_id);

alter table scheduled_classes
    add room_id uuid constraint scheduled_classes_room_id_fkey references rooms on delete restrict,
    -- Null: the name of its type.
    add own_title varchar(200);
alter table scheduled_classes drop constraint scheduled_classes_room_free;
update scheduled_classes c
set room_id = r.id, own_title = nullif(c.title, t.name)
from rooms r, class_types t
where name_key(r.name) = name_key(c.room) and t.id = c.class_type_id;

-- Two classes can overlap because their rooms were merged. The newer one then moves
-- to a room "Studio A (2)". Staff decide where it really takes place, and retire
-- that room. Failing here instead would leave no way out for classes of the past,
-- which staff cannot change.
do $$
declare
    class record;
    target uuid;
    number integer;
begin
    for class in
        select c.id, c.created_at, c.start_time, c.end_time, r.name
        from scheduled_classes c join rooms r on r.id = c.room_id
        where not c.is_cancelled and exists (
            select from scheduled_classes o
            where o.room_id = c.room_id and not o.is_cancelled
              and (o.created_at, o.id) < (c.created_at, c.id)
              and tstzrange(o.start_time, o.end_time) && tstzrange(c.start_time, c.end_time)
        )
        order by c.created_at, c.id
    loop
        number = 1;
        loop
            target = (room_named(case number
                when 1 then class.name else left(class.name, 44) || ' (' || number || ')'
            end)).id;
            exit when not exists (
                select from scheduled_classes o
                where o.room_id = target and o.id <> class.id and not o.is_cancelled
                  -- A newer class in the room moves in its own turn.
                  and (number > 1 or (o.created_at, o.id) < (class.created_at, class.id))
                  and tstzrange(o.start_time, o.end_time)
                      && tstzrange(class.start_time, class.end_time)
            );
            number = number + 1;
        end loop;
        update scheduled_classes set room_id = target where id = class.id;
    end loop;
end
$$;

alter table scheduled_classes
    alter room_id set not null,
    add constraint scheduled_classes_room_free exclude using gist
        (room_id with =, tstzrange(start_time, end_time) with &&) where (not is_cancelled);
create index scheduled_classes_room_idx on scheduled_classes (room_id, start_time);

-- The columns `room` and `title` stay for the previous version of the program, which
-- reads and writes them. Only these triggers use them now.
create function keep_room() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.room_id is null then
            new.room_id = (room_named(new.room)).id;
        end if;
    elsif new.room_id = old.room_id and new.room <> old.room then
        new.room_id = (room_named(new.room)).id;
    end if;
    select name into new.room from rooms where id = new.room_id;
    return new;
end
$$;

create trigger class_schedules_room before insert or update of room, room_id on class_schedules
    for each row execute function keep_room();
create trigger scheduled_classes_room before insert or update of room, room_id on scheduled_classes
    for each row execute function keep_room();

create function keep_title() returns trigger language plpgsql as $$
declare
    type_name text;
begin
    select name into type_name from class_types where id = new.class_type_id;
    if tg_op = 'INSERT' then
        new.own_title = coalesce(new.own_title, nullif(new.title, type_name));
    elsif new.own_title is not distinct from old.own_title and new.title <> old.title then
        new.own_title = nullif(new.title, type_name);
    end if;
    -- Without a type, the foreign key must fail, and not this column.
    new.title = coalesce(new.own_title, type_name, '');
    return new;
end
$$;

create trigger scheduled_classes_title before insert or update of title, own_title
    on scheduled_classes for each row execute function keep_title();

-- Of class types with the same name, one that is offered keeps it, and otherwise the
-- oldest.
do $$
declare
    duplicate record;
    candidate text;
    number integer;
begin
    for duplicate in
        select id, name from (
            select id, name, row_number() over (
                partition by name_key(name) order by is_active desc, created_at, id
            ) as rank
            from class_types
        ) ranked
        where rank > 1 order by rank, id
    loop
        number = 2;
        loop
            candidate = left(btrim(duplicate.name), 94) || ' (' || number || ')';
            exit when not exists (
                select from class_types where name_key(name) = name_key(candidate)
            );
            number = number + 1;
        end loop;
        update class_types set name = candidate where id = duplicate.id;
    end loop;
end
$$;

alter table class_types drop constraint class_types_name_key;
create unique index class_types_name_key on class_types (name_key(name));

-- Days on which the studio is closed. No weekly class takes place on them.
create table closures (
    id uuid primary key,
    first_day date not null,
    last_day date not null,
    -- Null: nobody said why. Members read it.
    reason text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint closures_days check (last_day >= first_day)
);

create index closures_days_idx on closures (last_day, first_day);
create index closures_created_idx on closures (created_at, id);

create trigger closures_updated_at before update on closures
    for each row execute function set_updated_at();
