-- The priorities of receipts, refunds, and reminders, and the reason of e-mails that their member has
-- switched off. It is a migration of its own, because it rewrites the outbox. Only e-mails wait for
-- it, and what queues them.
--
-- The previous version of the program keeps the e-mails of kinds that it does not know in the
-- outbox.

-- E-mails that nobody waits for come last, so that a thousand reminders do not delay a
-- confirmation. An expression of a generated column cannot be changed, so the column is replaced,
-- with its index.
alter table mail_outbox
    drop column priority,
    add column priority smallint not null generated always as (
        case
            when kind in ('verify_email', 'invitation', 'reset_password') then 0
            when kind in ('booking_confirmed', 'booking_waitlisted', 'booking_promoted',
                'booking_cancelled', 'class_cancelled', 'class_moved', 'instructor_changed',
                'receipt_issued', 'payment_refunded', 'refund_failed', 'contact_received') then 2
            when kind in ('class_reminder', 'pass_ending') then 3
            else 1
        end
    ) stored,
    drop constraint mail_outbox_dropped_known,
    add constraint mail_outbox_dropped_known
        check (dropped in ('outdated', 'expired', 'capped', 'muted'));

create index mail_outbox_due_idx on mail_outbox (priority, next_attempt_at)
    where sent_at is null and dropped is null;
