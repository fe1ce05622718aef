drop table closures;

drop index class_types_name_key;
alter table class_types add constraint class_types_name_key unique (name);

drop trigger scheduled_classes_title on scheduled_classes;
drop function keep_title;
drop trigger scheduled_classes_room on scheduled_classes;
drop trigger class_schedules_room on class_schedules;
drop function keep_room;

alter table scheduled_classes drop constraint scheduled_classes_room_free;
update scheduled_classes c
set room = r.name, title = coalesce(c.own_title, t.name)
from rooms r, class_types t where r.id = c.room_id and t.id = c.class_type_id;
update class_schedules s set room = r.name from rooms r where r.id = s.room_id;
alter table scheduled_classes
    drop column room_id,
    drop column own_title,
    add constraint scheduled_classes_room_free exclude using gist
        (room with =, tstzrange(start_time, end_time) with &&) where (not is_cancelled);
alter table class_schedules drop column room_id;

drop function room_named;
drop table rooms;
drop function name_key;
