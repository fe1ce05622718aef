-- Failed attempts, apart from those in progress: an attempt that succeeds is given back.
-- The previous version counts in `tries` only, and leaves this at 0.
alter table login_throttle add column failed integer not null default 0;
