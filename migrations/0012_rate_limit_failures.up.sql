-- The number of failed attempts, without those in progress. A successful attempt is
-- subtracted from `tries`.
-- The previous version of the program counts in `tries` only, and leaves this column at 0.
alter table login_throttle add column failed integer not null default 0;
