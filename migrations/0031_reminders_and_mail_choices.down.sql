-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, bookings, passes, refunds, mail_outbox in access exclusive mode;
            exit;
        exception when lock_not_available then
            if attempt = 300 then
                raise;
            end if;
            perform pg_sleep(0.1);
        end;
    end loop;
    perform set_config('lock_timeout', previous, true);
end
$$;

-- The previous schema has no choices of members. They are counted before they are lost.
do $$
declare
    members bigint;
begin
    select count(*) into members from users where muted_mails <> '{}';
    if members > 0 then
        raise warning 'lost: the e-mails that % members have switched off', members;
    end if;
end
$$;

-- The previous version does not know these kinds.
delete from mail_outbox
where kind in ('class_reminder', 'pass_ending', 'class_paid', 'class_refunded') and sent_at is null;
update mail_outbox set dropped = 'outdated' where dropped = 'muted';

alter table mail_outbox
    drop constraint mail_outbox_dropped_known,
    add constraint mail_outbox_dropped_known check (dropped in ('outdated', 'expired', 'capped')),
    drop column priority,
    add column priority smallint not null generated always as (
        case
            when kind in ('verify_email', 'invitation', 'reset_password') then 0
            when kind in ('booking_confirmed', 'booking_waitlisted', 'booking_promoted',
                'booking_cancelled', 'class_cancelled', 'class_moved', 'instructor_changed',
                'contact_received') then 2
            else 1
        end
    ) stored;

create index mail_outbox_due_idx on mail_outbox (priority, next_attempt_at)
    where sent_at is null and dropped is null;

drop trigger refunds_mail on refunds;
drop function mail_refund();
alter table refunds drop column mailed_at;

drop index passes_last_day_idx;
drop table pass_reminders;
drop table class_reminders;
alter table users drop column muted_mails;
