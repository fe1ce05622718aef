drop table scheduled_classes;
drop table class_schedules;
drop table class_types;
drop table instructors;
drop extension btree_gist;
