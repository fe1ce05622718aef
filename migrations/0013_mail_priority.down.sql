drop index mail_outbox_recipient_idx;
drop index mail_outbox_due_idx;
create index mail_outbox_due_idx on mail_outbox (next_attempt_at) where sent_at is null;
alter table mail_outbox drop column dropped, drop column priority;
