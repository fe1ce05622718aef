-- Reminders of classes, e-mails about passes that end soon, e-mails about every refund that was
-- made, and the categories of e-mails that members have switched off.
--
-- The previous version of the program sends every category.

-- Waits for all locks together and lets go of them between the attempts, so that no transaction
-- waits behind this one for long.
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

-- The categories of e-mails that a member does not want. E-mails about money and about the account
-- are in no category.
alter table users
    add column muted_categories text[] not null default '{}'
        constraint users_muted_categories check (muted_categories <@ array[
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
    -- When the e-mail about the refund was queued. A refund gets at most one e-mail.
    add column mailed_at timestamptz;

-- Existing refunds get no e-mail. The previous version reported refunds of orders when staff decided
-- on them.
alter table refunds disable trigger refunds_updated_at;
update refunds r set mailed_at = now()
from payments p
where p.id = r.payment_id and (r.state = 'done' or p.order_id is not null);
alter table refunds enable trigger refunds_updated_at;

-- Queues an e-mail when a refund is complete. A closed account gets none.
create function queue_refund_mail() returns trigger language plpgsql as $$
begin
    new.mailed_at = clock_timestamp();
    insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email,
        case when p.order_id is null then 'payment_refunded' else 'order_refunded' end,
        jsonb_strip_nulls(jsonb_build_object(
            'userId', u.id, 'refundId', new.id, 'orderId', p.order_id, 'bookingId', p.booking_id))
    from payments p join users u on u.id = p.user_id
    where p.id = new.payment_id and u.closed_at is null;
    return new;
end
$$;

create trigger refunds_mail before insert or update of state on refunds
    for each row when (new.state = 'done' and new.mailed_at is null)
    execute function queue_refund_mail();

-- Queues an e-mail when the bank has returned a refund that was reported as complete.
create function queue_refund_failure_mail() returns trigger language plpgsql as $$
begin
    insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email, 'refund_failed',
        jsonb_build_object('userId', u.id, 'refundId', new.id)
    from payments p join users u on u.id = p.user_id
    where p.id = new.payment_id and u.closed_at is null;
    return null;
end
$$;

create trigger refund_failure_mail after update of state on refunds
    for each row when (old.state = 'done' and new.state = 'failed' and new.mailed_at is not null)
    execute function queue_refund_failure_mail();
