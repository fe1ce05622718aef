drop function drop_cross_app_archive_partitions(timestamptz);
drop function make_cross_app_archive_partitions(timestamptz, timestamptz);
drop function cross_app_archive_partition(timestamptz);
drop table cross_app_sessions_archive;
drop table cross_app_sessions;
drop table account_members;
drop table accounts;
drop table apps;
