-- The previous version does not know these kinds.
delete from mail_outbox
where kind in ('class_reminder', 'pass_ending', 'receipt_issued', 'payment_refunded',
    'refund_failed') and sent_at is null;
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
