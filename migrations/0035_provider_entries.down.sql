-- Waits for all locks together, as on the way up.
do $$
declare
    previous text := current_setting('lock_timeout');
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..300 loop
        begin
            lock table bookings, refunds in access exclusive mode;
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

-- No money is lost: the entries can be read from Stripe again. Which failed refunds are resolved is
-- lost, and is guessed again on the way up.
drop trigger bookings_resolve_refunds on bookings;
drop function resolve_refunds_of_booking();
drop trigger refunds_resolve_failed on refunds;
drop function resolve_covered_refunds();
drop trigger refunds_record_failure on refunds;
drop function note_failed_refund();
drop index refunds_failed_idx;
alter table refunds
    drop column failed_refund_id,
    drop column resolved_at,
    drop column failed_at;
drop table provider_pull;
drop table provider_payouts;
drop table provider_entries;
