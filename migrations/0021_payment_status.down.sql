drop index disputes_withdrawn_idx;
drop index payments_refunding_idx;
drop index payments_status_idx;
