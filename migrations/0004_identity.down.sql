drop index security_events_kind_idx;
drop index security_events_ip_idx;
drop table recovery_codes;
drop table sign_in_challenges;
drop table one_time_tokens;
drop table oauth_states;
drop table user_identities;
drop table refresh_tokens;
-- Without their tokens these can be used by nobody.
delete from user_sessions where session_key like 'sid:%';
alter table user_sessions drop column device_id;
drop table remembered_devices;
