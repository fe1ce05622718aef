-- Staff list the payments with one status, newest first. Without these indexes, the list of a
-- rare status walks through all payments.
create index payments_status_idx on payments (status, created_at, id);

-- The payments that are to be refunded, or were refunded in part.
create index payments_refunding_idx on payments (created_at, id)
    where status = 'refund_due' or (status = 'paid' and refunded > 0);

-- The disputes for which the bank has taken the money back.
create index disputes_withdrawn_idx on disputes (payment_id) where withdrawn;
