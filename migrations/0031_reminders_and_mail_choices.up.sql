-- Reminders of classes, e-mails about passes that end soon, e-mails about every refund that was
-- made, and the kinds of e-mails that members have switched off.
--
-- The previous version of the program sends every kind. It keeps the e-mails of kinds that it does
-- not know in the outbox.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
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

-- The categories of e-mails that a member does not want. E-mails about money and about the account
-- are in no category.
alter table users
    add column muted_mails text[] not null default '{}'
        constraint users_muted_mails check (muted_mails <@ array[
            'reminders', 'bookings', 'waitlist', 'schedule', 'passes']);

-- The reminders that were queued. A booking gets one for each time to which its class was moved, and
-- never two for the same time.
create table class_reminders (
    booking_id uuid not null references bookings on delete cascade,
    -- When the class started according to the reminder.
    start_time timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint class_reminders_key primary key (booking_id, start_time)
);

-- The e-mails about the end of a pass that were queued. A pass gets one for each last day.
create table pass_reminders (
    pass_id uuid not null references passes on delete cascade,
    last_day date not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint pass_reminders_key primary key (pass_id, last_day)
);

create index passes_last_day_idx on passes (last_day) where status = 'live';

alter table refunds
    -- When the e-mail was queued that reports the refund. A refund gets one, also if it fails
    -- later and is then done after all.
    add column mailed_at timestamptz;

-- Refunds until now are not reported again. The previous version has reported those of orders when
-- they were decided on.
update refunds r set mailed_at = now()
from payments p
where p.id = r.payment_id and (r.state = 'done' or p.order_id is not null);

-- Reports a refund when the money has been given back, whoever has given it back. A closed account
-- has no address.
create function mail_refund() returns trigger language plpgsql as $$
begin
    new.mailed_at = clock_timestamp();
    insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email,
        case when p.order_id is null then 'class_refunded' else 'order_refunded' end,
        jsonb_strip_nulls(jsonb_build_object(
            'userId', u.id, 'refundId', new.id, 'orderId', p.order_id, 'bookingId', p.booking_id))
    from payments p join users u on u.id = p.user_id
    where p.id = new.payment_id and u.closed_at is null;
    return new;
end
$$;

create trigger refunds_mail before insert or update of state on refunds
    for each row when (new.state = 'done' and new.mailed_at is null)
    execute function mail_refund();

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
                'class_paid', 'class_refunded', 'contact_received') then 2
            when kind in ('class_reminder', 'pass_ending') then 3
            else 1
        end
    ) stored,
    drop constraint mail_outbox_dropped_known,
    add constraint mail_outbox_dropped_known
        check (dropped in ('outdated', 'expired', 'capped', 'muted'));

create index mail_outbox_due_idx on mail_outbox (priority, next_attempt_at)
    where sent_at is null and dropped is null;
