-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table users, bookings, passes, refunds in access exclusive mode;
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
    select count(*) into members from users where muted_categories <> '{}';
    if members > 0 then
        raise warning 'lost: the e-mails that % members have switched off', members;
    end if;
end
$$;

drop trigger refund_failure_mail on refunds;
drop function queue_refund_failure_mail();
drop trigger refunds_mail on refunds;
drop function queue_refund_mail();
alter table refunds drop column mailed_at;

drop index passes_last_day_idx;
drop table pass_reminders;
drop table class_reminders;
alter table users drop column muted_categories;
