drop trigger scheduled_classes_moved on scheduled_classes;
drop function note_moved_class();
alter table scheduled_classes drop column moved_at;
