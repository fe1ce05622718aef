-- Links are delivered first, then notices about accounts, then everything about bookings
-- and messages to the studio: a flood of those does not delay a password reset.
alter table mail_outbox
    add column priority smallint not null generated always as (
        case
            when kind in ('verify_email', 'reset_password') then 0
            when kind in ('booking_confirmed', 'booking_waitlisted', 'booking_promoted',
                'booking_cancelled', 'class_cancelled', 'class_moved', 'instructor_changed',
                'contact_received') then 2
            else 1
        end
    ) stored,
    -- Why the mail is not sent. Null: it was sent, will be sent, or was abandoned after its
    -- last attempt. A dropped mail is due at `infinity`, so that the previous version of the
    -- program does not send it either.
    add column dropped text constraint mail_outbox_dropped_known
        check (dropped in ('outdated', 'expired', 'capped'));

drop index mail_outbox_due_idx;
create index mail_outbox_due_idx on mail_outbox (priority, next_attempt_at)
    where sent_at is null and dropped is null;
-- Counts the mails that a recipient has received lately.
create index mail_outbox_recipient_idx on mail_outbox (recipient, created_at);
