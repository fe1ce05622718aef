-- Nothing is lost for good: the entries can be read from Stripe again. Which failed refunds are
-- resolved is lost, and is guessed again on the way up.
drop trigger bookings_resolve_refunds on bookings;
drop function resolve_failed_refunds();
drop trigger refunds_record_failure on refunds;
drop function note_failed_refund();
drop index refunds_failed_idx;
alter table refunds
    drop column resolved_at,
    drop column failed_at;
drop table provider_pull;
drop table provider_payouts;
drop table provider_entries;
