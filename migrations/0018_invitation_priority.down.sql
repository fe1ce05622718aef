alter table mail_outbox
    drop column priority,
    add column priority smallint not null generated always as (
        case
            when kind in ('verify_email', 'reset_password') then 0
            when kind in ('booking_confirmed', 'booking_waitlisted', 'booking_promoted',
                'booking_cancelled', 'class_cancelled', 'class_moved', 'instructor_changed',
                'contact_received') then 2
            else 1
        end
    ) stored;

create index mail_outbox_due_idx on mail_outbox (priority, next_attempt_at)
    where sent_at is null and dropped is null;
